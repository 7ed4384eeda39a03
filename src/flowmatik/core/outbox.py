"""The outbox relay: journal pointers become CloudEvents for every subscriber, at least once.

Ordered per run and subscriber. A handler that keeps failing is dead-lettered, and later events
of that run wait for that subscriber until redrive. Subscribers remember the last seq.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from flowmatik.core.journal.port import DeadLetter, Journal, OutboxEntry, StoredEvent
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import JournalUnavailable
from flowmatik.kernel.events import CloudEvent, Handler

log = logging.getLogger(__name__)
ATTEMPTS = 3
BATCH = 500
SPACING_SECONDS = 0.02
IDLE_SECONDS = 0.5  # how often to look for what other processes left


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


class OutboxRelay:
    """The in-process bus, fed by the journal's outbox. Implements `EventBus.subscribe`."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._subscribers: list[_Subscriber] = []
        self._wake = asyncio.Event()

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
            await self._clock.sleep(SPACING_SECONDS)
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
        entries = await self._journal.outbox(BATCH)
        if not entries:
            return 0
        if self._subscribers:
            parked = {(letter.subscriber, letter.run_id) for letter in await self._journal.dead_letters()}
            for span in _spans(entries):
                await self._relay(span, parked)
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
        were handled. Raises ValueError for an unknown subscriber."""
        subscriber = next((s for s in self._subscribers if s.name == subscriber_name), None)
        if subscriber is None:
            raise ValueError(f"no subscriber {subscriber_name!r}")
        letters = [
            x
            for x in await self._journal.dead_letters()
            if (x.subscriber, x.run_id) == (subscriber_name, run_id)
        ]
        if not letters:
            return 0
        await self._journal.drop_dead_letter(subscriber_name, run_id)
        seq = await self._journal.subscriber_seq(subscriber_name, run_id)
        before = seq
        while batch := await self._journal.read(run_id, after_seq=seq):
            for stored in batch:
                if not await self._handle(subscriber, cloud_event(letters[0].workspace_id, run_id, stored)):
                    return seq - before
                seq = stored.seq
        await self._journal.set_subscriber_seq(subscriber_name, run_id, seq)
        return seq - before

    def _interested(self, event: CloudEvent) -> list[_Subscriber]:
        return [s for s in self._subscribers if s.types is None or event.type in s.types]
