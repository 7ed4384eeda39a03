"""The outbox relay: journal pointers become CloudEvents for every subscriber, at least once.

One process relays at a time, under a lease; in seq order per run and subscriber. Pointers go once they
were relayed, whoever was there: a registered subscriber that was not is marked as behind in those runs,
and reads them from the journal when it is back. So pointers never pile up, and nothing is lost.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from flowmatik.core.deliveries import Deliveries, Subscriber, told
from flowmatik.core.journal.port import Journal, OutboxEntry
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import JournalUnavailable
from flowmatik.kernel.events import CloudEvent, Handler
from flowmatik.kernel.ids import new_id

BATCH = 500
CATCH_UP = 50  # runs in a pass, so that what happens now is not held up by what has been
SPACING_SECONDS = 0.02
SPACING_PASSES = 4  # times as long as the pass before it took, if that is more
IDLE_SECONDS = 0.5  # how often to look for what other processes left
TTL_SECONDS = 3.0  # of the lease
RENEW_SECONDS = 1.0


def _spans(entries: Sequence[OutboxEntry]) -> list[OutboxEntry]:
    """Pointers of a run follow one another without gaps: one span for each run."""
    spans: dict[str, OutboxEntry] = {}
    for entry in entries:
        first = spans.get(entry.run_id)
        spans[entry.run_id] = entry if first is None else replace(first, to_seq=entry.to_seq)
    return list(spans.values())


class _Lost(Exception):
    """Another process relays."""


class OutboxRelay:
    """The in-process bus, fed by the journal's outbox. Implements `Relay`."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._subscribers: list[Subscriber] = []
        self._registered: set[str] = set()
        self._lags = False  # there is more to catch up with than fits in a pass
        self._deliveries = Deliveries(journal, clock, self._check)
        self._wake = asyncio.Event()
        self._owner = new_id("wkr")
        self._until = float("-inf")  # the lease's end, by this process's seconds
        self._one = asyncio.Lock()  # a pass or a redrive

    def subscribe(
        self,
        name: str,
        handler: Handler,
        *,
        types: frozenset[str] | None = None,
        durable: bool = True,
        ordered: bool = True,
    ) -> None:
        if any(known.name == name for known in self._subscribers):
            raise ValueError(f"there is a subscriber {name!r} already")
        subscriber = Subscriber(name=name, handler=handler, types=types, durable=durable, ordered=ordered)
        self._subscribers.append(subscriber)

    def observe(self, name: str, handler: Handler, *, types: frozenset[str] | None = None) -> None:
        self.subscribe(name, handler, types=types, durable=False)  # one process relays at a time

    async def register(self) -> None:
        await self._register()

    async def _register(self) -> Sequence[Subscriber]:
        """Whoever subscribes here now, the durable ones known to every process."""
        here = tuple(self._subscribers)
        for subscriber in here:
            if subscriber.durable and subscriber.name not in self._registered:
                await self._journal.register_subscriber(subscriber.name, ordered=subscriber.ordered)
                self._registered.add(subscriber.name)
        return here

    async def publish(self, event: CloudEvent) -> None:
        """Deliver one event that is not in any journal, without retries."""
        faults = await told(tuple(self._subscribers), event)
        if faults:
            raise ExceptionGroup(f"{len(faults)} subscriber(s) failed on {event.type}", faults)

    def wake(self) -> None:
        self._wake.set()

    async def pump(self) -> None:
        """Relay what there is, then wait for more. Under load, passes keep a distance, so that each
        carries what many appends left."""
        began = self._clock.monotonic()
        relayed = await self.relay_once()
        if relayed == BATCH or self._lags:
            return
        if relayed:
            took = self._clock.monotonic() - began
            spacing = min(max(SPACING_SECONDS, SPACING_PASSES * took), IDLE_SECONDS)
            await self._clock.sleep(spacing if self._subscribers else IDLE_SECONDS)
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return
        finally:
            self._wake.clear()

    async def drain(self) -> None:
        while await self.relay_once() == BATCH:
            pass

    async def relay_once(self) -> int:
        """How many pointers were relayed; 0 also while another process relays."""
        async with self._one:
            subscribers = await self._register()
            if not self._leads and not await self._due(subscribers):
                return 0  # an idle process asks for no lease
            try:
                async with self._leading():
                    relayed = await self._pass(subscribers)
            except _Lost:
                return 0
            if not subscribers:
                await self.release()  # another process may have some
            return relayed

    async def _due(self, subscribers: Sequence[Subscriber]) -> bool:
        if await self._journal.outbox(1):
            return True
        return any([await self._journal.behind(one.name, 1) for one in subscribers if one.durable])

    async def release(self) -> None:
        if self._until > float("-inf"):
            self._until = float("-inf")
            await self._journal.release_relay(self._owner)

    @property
    def _leads(self) -> bool:
        return self._clock.monotonic() < self._until

    @asynccontextmanager
    async def _leading(self) -> AsyncGenerator[None]:
        """Under the lease, renewed however long a handler takes. Raises _Lost without it."""
        if self._until - self._clock.monotonic() < TTL_SECONDS - RENEW_SECONDS:
            await self._renew()
        self._check()
        keeping = asyncio.create_task(self._keep(), name="relay-lease")
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    def _check(self) -> None:
        if not self._leads:
            raise _Lost

    async def _keep(self) -> None:
        while True:
            await self._clock.sleep(RENEW_SECONDS)
            with contextlib.suppress(JournalUnavailable):
                await self._renew()

    async def _renew(self) -> None:
        asked = self._clock.monotonic()
        had = await self._journal.lease_relay(self._owner, ttl_seconds=TTL_SECONDS)
        self._until = asked + TTL_SECONDS if had else float("-inf")

    async def _pass(self, subscribers: Sequence[Subscriber]) -> int:
        entries = await self._journal.outbox(BATCH)
        durable = [one for one in subscribers if one.durable]
        if subscribers and entries:
            parked = await self._journal.parked() if durable else set[tuple[str, str]]()
            await self._deliveries.relay_all(
                [
                    (span, [one for one in subscribers if (one.name, span.run_id) not in parked])
                    for span in _spans(entries)
                ]
            )
        if entries:
            self._check()
            await self._journal.relayed(entries, present=[one.name for one in durable])
        await self._catch_up(durable)
        return len(entries)

    async def _catch_up(self, subscribers: Sequence[Subscriber]) -> None:
        """What went by while a subscriber was away."""
        self._lags = False
        for subscriber in subscribers:
            runs = await self._journal.behind(subscriber.name, CATCH_UP)
            for run in runs:
                await self._deliveries.see_to(subscriber, run)
            self._lags = self._lags or len(runs) == CATCH_UP

    async def redrive(self, subscriber_name: str, run_id: str) -> int | None:
        if not await self._journal.dead_letters_of(subscriber_name, run_id):
            return 0
        await self._register()
        subscriber = next((s for s in self._subscribers if s.name == subscriber_name), None)
        async with self._one:
            await self._journal.ask_redrive(subscriber_name, run_id)
            if subscriber is None:
                return None
            try:
                async with self._leading():
                    asked = await self._journal.take_behind(
                        subscriber_name, self._owner, limit=1, run_id=run_id
                    )
                    return sum([await self._deliveries.see_to(subscriber, run) for run in asked])
            except _Lost:
                return None
