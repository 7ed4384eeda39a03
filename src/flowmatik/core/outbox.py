"""The outbox relay: journal pointers become CloudEvents for every subscriber, at least once.

One process relays at a time, under a lease; in seq order per run and subscriber. A handler that keeps
failing is dead-lettered, and later events of that run wait for that subscriber until redrive.
Subscribers remember the last seq.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from flowmatik.core.journal.port import DeadLetter, Journal, OutboxEntry, StoredEvent
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Conflict, JournalUnavailable
from flowmatik.kernel.events import CloudEvent, Handler
from flowmatik.kernel.ids import new_id

log = logging.getLogger(__name__)
ATTEMPTS = 3
BATCH = 500
SPACING_SECONDS = 0.02
IDLE_SECONDS = 0.5  # how often to look for what other processes left
TTL_SECONDS = 3.0  # of the lease
RENEW_SECONDS = 1.0


def cloud_event(workspace_id: str, run_id: str, stored: StoredEvent) -> CloudEvent:
    return CloudEvent(
        id=f"{run_id}:{stored.seq}",
        source=f"/workspaces/{workspace_id}/runs",
        type=f"flowmatik.{stored.type}",
        time=stored.at,
        subject=run_id,
        workspace_id=workspace_id,
        seq=stored.seq,
        data=_data(stored),
    )


def _data(stored: StoredEvent) -> Any:
    """Empty for a damaged payload: the run's other events, and other runs, must go their way."""
    try:
        return canonical.loads(stored.payload)
    except ValueError:
        log.error("the payload of an event is no JSON", extra={"event": stored.seq, "type": stored.type})
        return {}


def _spans(entries: Sequence[OutboxEntry]) -> list[OutboxEntry]:
    """Pointers of a run follow one another without gaps: one span for each run."""
    spans: dict[str, OutboxEntry] = {}
    for entry in entries:
        first = spans.get(entry.run_id)
        spans[entry.run_id] = entry if first is None else replace(first, to_seq=entry.to_seq)
    return list(spans.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subscriber:
    name: str
    handler: Handler
    types: frozenset[str] | None


class _Lost(Exception):
    """Another process relays."""


class OutboxRelay:
    """The in-process bus, fed by the journal's outbox. Implements `EventBus.subscribe`."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._subscribers: list[_Subscriber] = []
        self._wake = asyncio.Event()
        self._owner = new_id("wkr")
        self._until = float("-inf")  # the lease's end, by this process's seconds
        self._one = asyncio.Lock()  # a pass or a redrive

    def subscribe(self, name: str, handler: Handler, *, types: frozenset[str] | None = None) -> None:
        if any(known.name == name for known in self._subscribers):
            raise ValueError(f"there is a subscriber {name!r} already")
        self._subscribers.append(_Subscriber(name=name, handler=handler, types=types))

    async def publish(self, event: CloudEvent) -> None:
        """Deliver one event that is not in any journal, without retries."""
        faults: list[Exception] = []
        for subscriber in self._interested(event):
            try:
                await subscriber.handler(event)
            except Exception as error:  # the others must get it all the same
                faults.append(error)
        if faults:
            raise ExceptionGroup(f"{len(faults)} subscriber(s) failed on {event.type}", faults)

    def wake(self) -> None:
        self._wake.set()

    async def pump(self) -> None:
        """Relay what there is, then wait for more. Under load, passes keep a distance, so that each
        carries what many appends left."""
        relayed = await self.relay_once()
        if relayed == BATCH:
            return
        if relayed:
            await self._clock.sleep(SPACING_SECONDS if self._subscribers else IDLE_SECONDS)
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
            if not self._leads and not await self._journal.outbox(1):
                return 0  # an idle process asks for no lease
            try:
                async with self._leading():
                    relayed = await self._pass()
            except _Lost:
                return 0
            if not self._subscribers:
                await self.release()  # another process may have some
            return relayed

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

    async def _pass(self) -> int:
        entries = await self._journal.outbox(BATCH)
        if self._subscribers:
            parked = {(letter.subscriber, letter.run_id) for letter in await self._journal.dead_letters()}
            for span in _spans(entries):
                await self._relay(span, parked)
        if entries:
            self._check()
            await self._journal.relayed(entries)
        return len(entries)

    async def _relay(self, span: OutboxEntry, parked: set[tuple[str, str]]) -> None:
        receivers = [one for one in self._subscribers if (one.name, span.run_id) not in parked]
        if not receivers:
            return
        count = span.to_seq - span.from_seq + 1
        stored = await self._journal.read(span.run_id, after_seq=span.from_seq - 1, limit=count)
        wanted = self._wanted()
        events = [
            cloud_event(span.workspace_id, span.run_id, one)
            for one in stored
            if wanted is None or f"flowmatik.{one.type}" in wanted
        ]
        for subscriber in receivers:
            await self._deliver(subscriber, span, events)

    def _wanted(self) -> frozenset[str] | None:
        """The types that anybody wants; None for all."""
        types = [subscriber.types for subscriber in self._subscribers]
        return None if None in types else frozenset[str]().union(*(one for one in types if one))

    async def _deliver(self, subscriber: _Subscriber, span: OutboxEntry, events: list[CloudEvent]) -> None:
        handled = await self._journal.subscriber_seq(subscriber.name, span.run_id)
        for event in events:
            if event.seq > handled and not await self._handle(subscriber, event):
                return
        if span.to_seq > handled:
            await self._journal.set_subscriber_seq(subscriber.name, span.run_id, span.to_seq)

    async def _handle(self, subscriber: _Subscriber, event: CloudEvent) -> bool:
        if subscriber.types is not None and event.type not in subscriber.types:
            return True
        fault = ""
        for attempt in range(1, ATTEMPTS + 1):
            self._check()  # a process that was stopped meanwhile must not deliver behind its successor
            try:
                await subscriber.handler(event)
            except JournalUnavailable:
                raise
            except Exception as error:  # a subscriber is foreign code
                fault = f"{type(error).__name__}: {error}"
                log.warning("a subscriber failed", extra={"subscriber": subscriber.name, "event": event.id})
            else:
                return True
            if attempt < ATTEMPTS:
                await self._clock.sleep(0.05 * 2**attempt)
        await self._journal.set_subscriber_seq(subscriber.name, event.subject, event.seq - 1)
        await self._journal.dead_letter(
            DeadLetter(
                subscriber=subscriber.name,
                run_id=event.subject,
                workspace_id=event.workspace_id,
                seq=event.seq,
                error=fault,
                attempts=ATTEMPTS,
                at=self._clock.now().isoformat(),
            )
        )
        return False

    async def redrive(self, subscriber_name: str, run_id: str) -> int:
        """Hand a parked run's events to the subscriber again, from the one that failed; how many
        were handled. Raises ValueError for an unknown subscriber, Conflict (`conflict.relay`) when another
        process relays."""
        subscriber = next((s for s in self._subscribers if s.name == subscriber_name), None)
        if subscriber is None:
            raise ValueError(f"no subscriber {subscriber_name!r}")
        async with self._one:
            try:
                async with self._leading():
                    return await self._again(subscriber, run_id)
            except _Lost as lost:
                raise Conflict(
                    "another process relays events now; redrive there, or stop it first",
                    code="conflict.relay",
                ) from lost

    async def _again(self, subscriber: _Subscriber, run_id: str) -> int:
        letters = [
            x
            for x in await self._journal.dead_letters()
            if (x.subscriber, x.run_id) == (subscriber.name, run_id)
        ]
        if not letters:
            return 0
        before = seq = await self._journal.subscriber_seq(subscriber.name, run_id)
        while batch := await self._journal.read(run_id, after_seq=seq):
            for stored in batch:
                if not await self._handle(subscriber, cloud_event(letters[0].workspace_id, run_id, stored)):
                    return seq - before
                seq = stored.seq
        await self._journal.set_subscriber_seq(subscriber.name, run_id, seq)
        await self._journal.drop_dead_letter(subscriber.name, run_id)
        return seq - before

    def _interested(self, event: CloudEvent) -> list[_Subscriber]:
        return [s for s in self._subscribers if s.types is None or event.type in s.types]
