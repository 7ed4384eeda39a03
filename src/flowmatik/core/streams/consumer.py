"""One durable subscriber at work in this process, beside others elsewhere.

What there is to do is in the journal: the runs in which it is behind, of which each process takes some. A
hint only says when to look; without any, a sweep looks every few seconds.
"""

import asyncio
import contextlib
import logging
import zlib
from collections.abc import Sequence

from flowmatik.contracts.streams import Entry
from flowmatik.core.deliveries import Deliveries, Subscriber
from flowmatik.core.streams.messages import said_in
from flowmatik.core.streams.ports import HINTS, SAID, WAIT_SECONDS, BusPorts
from flowmatik.kernel.errors import Unavailable

log = logging.getLogger(__name__)
TAKE = 20  # runs at a time: few enough to leave others some
HINTS_AT_ONCE = 100
SWEEP_SECONDS = 2.0
ORPHAN_SECONDS = 10.0  # after which a hint that somebody had is taken over


class _Lost(Exception):
    """Others may have what this process had taken."""


class Consumer:
    def __init__(self, subscriber: Subscriber, ports: BusPorts) -> None:
        self.subscriber = subscriber
        self._ports = ports
        self._deliveries = Deliveries(ports.journal, ports.clock, self._check)
        self._term = 0
        self._due = asyncio.Event()
        self._hints: list[str] = []  # had, and not acknowledged before they are handled
        self._grouped = False
        self._turns = 0
        self._one = asyncio.Lock()  # a pass or a redrive

    def _check(self) -> None:
        standing = self._ports.standing
        if not standing.valid or standing.term != self._term:
            raise _Lost

    def wake(self) -> None:
        self._due.set()

    async def listen(self) -> None:
        """One turn: wait for hints and for what was said. Raises Unavailable."""
        streams, name = self._ports.streams, self.subscriber.name
        if not self._grouped:
            for stream in (HINTS, SAID):
                await streams.create_group(stream, name, from_start=False)
            self._grouped = True
        entries = await streams.read_group(
            (HINTS, SAID),
            name,
            self._ports.standing.owner,
            count=HINTS_AT_ONCE,
            wait_seconds=WAIT_SECONDS,
        )
        await self._take_in(entries)

    async def _take_in(self, entries: Sequence[Entry]) -> None:
        heard = [one.id for one in entries if one.stream == HINTS]
        if heard:
            self._hints += heard
            self._due.set()
        for entry in entries:
            if entry.stream == SAID:
                await self._tell(entry)

    async def _tell(self, entry: Entry) -> None:
        said, subscriber = said_in(entry.fields), self.subscriber
        if said is not None and subscriber.name not in said.had_by and subscriber.wants(said.event.type):
            try:
                await subscriber.handler(said.event)
            except Exception:  # foreign code; what is in no journal is handed over once
                log.warning("a subscriber failed", exc_info=True, extra={"subscriber": subscriber.name})
        await self._ports.streams.ack(SAID, subscriber.name, [entry.id])

    async def work(self) -> None:
        """One turn: wait until there is something to do, or until it is time to look, and do it."""
        try:
            async with asyncio.timeout(self._pause()):
                await self._due.wait()
        except TimeoutError:
            with contextlib.suppress(Unavailable):
                await self._take_over()
        self._due.clear()
        await self.catch_up()

    def _pause(self) -> float:
        """Processes sweep at different times: by their names, so that a simulated life can be repeated."""
        self._turns += 1
        spread = zlib.crc32(f"{self._ports.standing.owner}/{self._turns}".encode()) / 2**32
        return SWEEP_SECONDS * (0.75 + spread / 2)

    async def _take_over(self) -> None:
        """Hints that a process had which is no more, or which this one failed to handle."""
        owner, name = self._ports.standing.owner, self.subscriber.name
        for stream in (HINTS, SAID):
            await self._take_in(
                await self._ports.streams.claim_idle(
                    stream, name, owner, idle_seconds=ORPHAN_SECONDS, count=HINTS_AT_ONCE
                )
            )

    async def catch_up(self) -> None:
        """All runs that can be taken here, then the hints that said so."""
        async with self._one:
            heard, self._hints = self._hints, []
            try:
                await self._pass()
            except _Lost:
                return  # the hints stay pending; whoever takes them over finds the rest
        try:
            await self._ports.streams.ack(HINTS, self.subscriber.name, heard)
        except Unavailable:
            return  # somebody looks once more

    async def _pass(self) -> None:
        standing, name = self._ports.standing, self.subscriber.name
        if not standing.valid:
            return
        self._term, stood = standing.term, dict[str, int]()
        while True:
            self._check()
            runs = await self._ports.journal.take_behind(name, standing.owner, limit=TAKE)
            if all(stood.get(run.run_id) == run.seq for run in runs):
                return  # nothing left, or only what cannot go on now
            for run in runs:
                stood[run.run_id] = run.seq
                await self._deliveries.see_to(self.subscriber, run)

    async def redrive(self, run_id: str) -> int | None:
        """How many were handled; None when the run cannot be taken here."""
        standing = self._ports.standing
        async with self._one:
            await self._ports.journal.ask_redrive(self.subscriber.name, run_id)
            self._term = standing.term
            try:
                self._check()
                runs = await self._ports.journal.take_behind(
                    self.subscriber.name, standing.owner, limit=1, run_id=run_id
                )
                handled = [await self._deliveries.see_to(self.subscriber, run) for run in runs]
            except _Lost:
                return None
        return sum(handled) if handled else None

    async def leave(self) -> None:
        with contextlib.suppress(Unavailable):
            for stream in (HINTS, SAID):
                await self._ports.streams.drop_consumer(
                    stream, self.subscriber.name, self._ports.standing.owner
                )
