"""What processes tell each other about runs, over Redis: all of it may be lost at any moment.

Schedulers offer ready runs to workers through one consumer group, so that each offer reaches one worker.
Everything else is said to whoever listens: that a run may be ready or has an input (`look`), that an offer
was taken up (`begun`), that a journal grew (`grew`) or a run rests (`rested`). What is lost is found in
PostgreSQL a little later.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from flowmatik.contracts.streams import Entry, Handled, Message, Streams
from flowmatik.core.journal.dispatch_port import ReadyRun
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import FlowmatikError

log = logging.getLogger(__name__)
OFFERS = "dispatch:offers"
WORKERS = "workers"
LOOK, BEGUN = "dispatch:look", "dispatch:begun"
GREW, RESTED = "dispatch:grew", "dispatch:rested"
KEEP = 10_000  # offers; older ones are found again in the journal
GATHER_SECONDS = 0.01  # between two sayings: each is a round trip, and wakes every process that listens
DEAD_SECONDS = 5.0  # an offer that its worker has not taken up for so long is another's
AWAY_SECONDS = 0.5
QUIET_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """`id` acknowledges it."""

    run: ReadyRun
    id: str


class Hints:
    """One for a process, which is `name`."""

    def __init__(self, streams: Streams, clock: Clock, name: str) -> None:
        self._streams = streams
        self._clock = clock
        self._name = name
        self._said: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._taken: list[Offer] = []
        self._saying: asyncio.Task[None] | None = None
        self._quiet_until = float("-inf")

    # --- said to everybody ------------------------------------------------------------------------

    def look(self, run_id: str) -> None:
        """It may be ready, or have an input for its owner; "" when there is only room again."""
        self._say(LOOK, run_id)

    def taken(self, offer: Offer) -> None:
        """The database has said whose the offered run is."""
        self._taken.append(offer)
        self._say(BEGUN, offer.run.run_id)

    def grew(self, run_id: str) -> None:
        self._say(GREW, run_id)

    def rested(self, run_id: str) -> None:
        """It has ended or was parked, or its driver lost it."""
        self._say(RESTED, run_id)

    def _say(self, channel: str, run_id: str) -> None:
        self._said[channel][run_id] = None
        if self._saying is None or self._saying.done():
            self._saying = asyncio.create_task(self._send(), name="hints")

    async def _send(self) -> None:
        """The first at once, then together what is said within a moment."""
        while self._said:
            said, self._said = self._said, defaultdict(dict)
            taken, self._taken = self._taken, []
            messages = [Message(channel=name, text=" ".join(run_ids)) for name, run_ids in said.items()]
            handled = Handled(stream=OFFERS, group=WORKERS, ids=[offer.id for offer in taken])
            try:
                await self._streams.publish_all(messages, handled=handled)
            except FlowmatikError as error:
                self._away(error)  # an offer that is not acknowledged comes again, and finds its run claimed
            await self._clock.sleep(GATHER_SECONDS)

    async def listen(self, heard: Mapping[str, Callable[[Sequence[str]], None]]) -> None:
        """For ever; `heard` by channel is given run ids. What is said while Redis is away is not heard."""
        while True:
            try:
                async with self._streams.subscribe(*heard) as messages:
                    async for message in messages:
                        heard[message.channel](message.text.split(" "))
            except FlowmatikError as error:
                self._away(error)
            await self._clock.sleep(AWAY_SECONDS)

    # --- offers -----------------------------------------------------------------------------------

    async def reach(self) -> None:
        """Raises Unavailable when Redis is away."""
        await self._streams.publish(LOOK, "")

    async def offer(self, runs: Iterable[ReadyRun]) -> None:
        """Raises Unavailable when Redis is away."""
        entries = [(OFFERS, _fields(run)) for run in runs]
        if entries:
            await self._streams.add_all(entries, keep=KEEP)

    async def offered(self, count: int, wait_seconds: float) -> list[Offer]:
        """For this process alone. Raises Unavailable when Redis is away."""
        return _offers(
            await self._streams.read_group(
                [OFFERS], WORKERS, self._name, count=count, wait_seconds=wait_seconds
            )
        )

    async def abandoned(self, count: int) -> list[Offer]:
        """What a worker was offered that died before it took it up."""
        await self._streams.create_group(OFFERS, WORKERS)
        return _offers(
            await self._streams.claim_idle(
                OFFERS, WORKERS, self._name, idle_seconds=DEAD_SECONDS, count=count
            )
        )

    async def leave(self) -> None:
        """Forget this process as a worker."""
        if self._saying is not None:
            self._saying.cancel()
            await asyncio.gather(self._saying, return_exceptions=True)
        try:
            await self._streams.drop_consumer(OFFERS, WORKERS, self._name)
        except FlowmatikError as error:
            self._away(error)

    def _away(self, error: FlowmatikError) -> None:
        """Not at every try."""
        now = self._clock.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET_SECONDS
            log.warning("Redis is away; runs go on without its hints", extra={"error": error.message})


def _fields(run: ReadyRun) -> Mapping[str, str]:
    return {"run": run.run_id, "workspace": run.workspace_id, "agent": run.agent}


def _offers(entries: Iterable[Entry]) -> list[Offer]:
    return [
        Offer(
            id=entry.id,
            run=ReadyRun(
                run_id=entry.fields["run"],
                workspace_id=entry.fields.get("workspace", ""),
                agent=entry.fields.get("agent", ""),
                priority=0,
                created_at="",
            ),
        )
        for entry in entries
        if "run" in entry.fields
    ]
