"""The outbox relay: journal pointers become CloudEvents for every subscriber, at least once.

Ordered per run and subscriber. A handler that keeps failing is dead-lettered, and later events
of that run wait for that subscriber until redrive. Subscribers remember the last seq.
"""

import asyncio
import logging
from dataclasses import dataclass

from flowmatik.core.journal.port import DeadLetter, Journal, OutboxEntry, StoredEvent
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import JournalUnavailable
from flowmatik.kernel.events import CloudEvent, Handler

log = logging.getLogger(__name__)
ATTEMPTS = 3
BATCH = 500


def cloud_event(workspace_id: str, run_id: str, stored: StoredEvent) -> CloudEvent:
    return CloudEvent(
        id=f"{run_id}:{stored.seq}",
        source=f"/workspaces/{workspace_id}/runs",
        type=f"flowmatik.{stored.type}",
        time=stored.at,
        subject=run_id,
        workspace_id=workspace_id,
        seq=stored.seq,
        data=canonical.loads(stored.payload),
    )


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
        """Relay what there is, then wait for more."""
        if await self.relay_once() < BATCH:
            self._wake.clear()
            try:
                async with asyncio.timeout(0.5):
                    await self._wake.wait()
            except TimeoutError:
                return

    async def drain(self) -> None:
        while await self.relay_once() == BATCH:
            pass

    async def relay_once(self) -> int:
        entries = await self._journal.outbox(BATCH)
        if not entries:
            return 0
        if self._subscribers:
            for entry in entries:
                await self._relay(entry)
        await self._journal.relayed(entries)
        return len(entries)

    async def _relay(self, entry: OutboxEntry) -> None:
        count = entry.to_seq - entry.from_seq + 1
        stored = await self._journal.read(entry.run_id, after_seq=entry.from_seq - 1, limit=count)
        events = [cloud_event(entry.workspace_id, entry.run_id, one) for one in stored]
        for subscriber in self._subscribers:
            await self._deliver(subscriber, entry, events)

    async def _deliver(self, subscriber: _Subscriber, entry: OutboxEntry, events: list[CloudEvent]) -> None:
        handled = await self._journal.subscriber_seq(subscriber.name, entry.run_id)
        if await self._parked(subscriber, entry.run_id):
            return
        for event in events:
            if event.seq <= handled:
                continue
            if not await self._handle(subscriber, event):
                return
            handled = event.seq
        await self._journal.set_subscriber_seq(subscriber.name, entry.run_id, handled)

    async def _parked(self, subscriber: _Subscriber, run_id: str) -> bool:
        letters = await self._journal.dead_letters()
        return any(letter.subscriber == subscriber.name and letter.run_id == run_id for letter in letters)

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
