"""Handing the events of a run to one subscriber: in seq order, at least once, failures to the dead letters.

What a subscriber missed is read from the journal, whatever has become of the pointers to it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flowmatik.contracts.bus import DeadLetter
from flowmatik.contracts.paid_calls import on_behalf_of
from flowmatik.core.journal.port import Behind, Journal, OutboxEntry, StoredEvent
from flowmatik.core.journal.times import text_of
from flowmatik.core.traces import Traces
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import JournalUnavailable
from flowmatik.kernel.events import CloudEvent, Handler

log = logging.getLogger(__name__)
ATTEMPTS = 3
AT_ONCE = 32  # runs
PAGE = 500
DEATHS = 5  # of processes, while they had a run for a subscriber: then its next event counts as refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """As `EventBus.subscribe` was told."""

    name: str
    handler: Handler
    types: frozenset[str] | None
    durable: bool
    ordered: bool

    def wants(self, kind: str) -> bool:
        return self.types is None or kind in self.types


async def told(subscribers: Iterable[Subscriber], event: CloudEvent) -> list[Exception]:
    """Hand an event that is in no journal to those that want it; what they failed with. None of them keeps
    it from the others."""
    faults: list[Exception] = []
    for subscriber in subscribers:
        if not subscriber.wants(event.type):
            continue
        try:
            await subscriber.handler(event)
        except Exception as error:  # a subscriber is foreign code
            faults.append(error)
    return faults


def cloud_event(workspace_id: str, run_id: str, stored: StoredEvent, traceparent: str) -> CloudEvent:
    return CloudEvent(
        id=f"{run_id}:{stored.seq}",
        source=f"/workspaces/{workspace_id}/runs",
        type=f"flowmatik.{stored.type}",
        time=stored.at,
        subject=run_id,
        workspace_id=workspace_id,
        seq=stored.seq,
        data=_data(stored),
        traceparent=traceparent,
    )


def _data(stored: StoredEvent) -> Any:
    """Empty for a damaged payload: the run's other events, and other runs, must go their way."""
    try:
        return canonical.loads(stored.payload)
    except ValueError:
        log.error("the payload of an event is no JSON", extra={"event": stored.seq, "type": stored.type})
        return {}


class Deliveries:
    """`check` raises when this process may deliver no longer."""

    def __init__(self, journal: Journal, clock: Clock, check: Callable[[], None]) -> None:
        self._journal = journal
        self._clock = clock
        self._check = check
        self._traces = Traces()
        self._handing = asyncio.Lock()  # of all runs one event at a time, to one subscriber

    async def relay_all(self, spans: Sequence[tuple[OutboxEntry, Sequence[Subscriber]]]) -> None:
        """Of different runs, a few at once: the store is asked for them together, and remembers together
        how far they came. Raises the first fault once all of those have come to their end."""
        for first in range(0, len(spans), AT_ONCE):
            came: list[tuple[str, OutboxEntry]] = []
            some = [self._relay(*each, came) for each in spans[first : first + AT_ONCE]]
            faults = await asyncio.gather(*some, return_exceptions=True)
            await self._remember(came)
            for fault in faults:
                if fault is not None:
                    raise fault

    async def relay(self, span: OutboxEntry, receivers: Sequence[Subscriber]) -> None:
        """The events of `span`, and before them what a receiver has not seen of the run. All who are
        there share one reading."""
        await self.relay_all([(span, receivers)])

    async def _relay(
        self, span: OutboxEntry, receivers: Sequence[Subscriber], came: list[tuple[str, OutboxEntry]]
    ) -> None:
        """Adds to `came` who has handled it."""
        places = await asyncio.gather(*(self._stand(receiver, span) for receiver in receivers))
        stands = {receiver.name: place for receiver, place in zip(receivers, places, strict=True)}
        fresh = [one for one in receivers if span.from_seq - 1 <= stands[one.name] < span.to_seq]
        events = await self._read(span, fresh) if fresh else []
        async with self._handing:
            for receiver in receivers:
                handled = stands[receiver.name]
                if handled < span.from_seq - 1:
                    await self.go_on(receiver, span.workspace_id, span.run_id, handled, upto=span.to_seq)
                elif (
                    handled < span.to_seq and await self._hand(receiver, events, handled) and receiver.durable
                ):
                    came.append((receiver.name, span))

    async def _remember(self, came: Sequence[tuple[str, OutboxEntry]]) -> None:
        put = self._journal.set_subscriber_seq
        await asyncio.gather(*(put(name, span.run_id, span.to_seq) for name, span in came))

    async def _stand(self, receiver: Subscriber, span: OutboxEntry) -> int:
        """The last seq that it has handled. A run in which it has no place begins for it here."""
        here = span.from_seq - 1
        if not receiver.durable:
            return here
        known = await self._journal.subscriber_seq(receiver.name, span.run_id)
        return here if known is None else known

    async def _read(self, span: OutboxEntry, receivers: Sequence[Subscriber]) -> list[CloudEvent]:
        """Those that any of them wants."""
        count = span.to_seq - span.from_seq + 1
        stored = await self._journal.read(span.run_id, after_seq=span.from_seq - 1, limit=count)
        events = await self._events(span.workspace_id, span.run_id, stored)
        return [one for one in events if any(receiver.wants(one.type) for receiver in receivers)]

    async def _events(
        self, workspace_id: str, run_id: str, stored: Sequence[StoredEvent]
    ) -> list[CloudEvent]:
        trace = await self._traces.of(run_id, self._journal, stored) if stored else ""
        return [cloud_event(workspace_id, run_id, one, trace) for one in stored]

    async def go_on(
        self, subscriber: Subscriber, workspace_id: str, run_id: str, handled: int, upto: int | None = None
    ) -> None:
        """What the journal has of the run after `handled`, remembering the place as it goes; until an
        ordered subscriber refuses one."""
        while upto is None or handled < upto:
            limit = PAGE if upto is None else min(PAGE, upto - handled)
            page = await self._journal.read(run_id, after_seq=handled, limit=limit)
            events = await self._events(workspace_id, run_id, page)
            if not page or not await self._hand(subscriber, events, handled):
                return
            handled = page[-1].seq
            await self._journal.set_subscriber_seq(subscriber.name, run_id, handled)
            if len(page) < limit:
                return  # what came meanwhile has a pointer, which says so

    async def _hand(self, subscriber: Subscriber, events: Sequence[CloudEvent], handled: int) -> bool:
        """False when it refused one and later events must wait for that."""
        for event in events:
            if event.seq > handled and not await self._handle(subscriber, event) and subscriber.ordered:
                return False
        return True

    async def _handle(self, subscriber: Subscriber, event: CloudEvent) -> bool:
        if not subscriber.wants(event.type):
            return True
        fault = ""
        for attempt in range(1, ATTEMPTS + 1):
            self._check()  # a process that was stopped meanwhile must not deliver behind its successor
            try:
                with on_behalf_of(event.workspace_id):
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
        await self._bury(subscriber, event, fault)
        return False

    async def _bury(
        self, subscriber: Subscriber, event: CloudEvent, fault: str, attempts: int = ATTEMPTS
    ) -> None:
        if not subscriber.durable:
            return  # it was told in the log; there is nothing to do again
        if subscriber.ordered:
            await self._journal.set_subscriber_seq(subscriber.name, event.subject, event.seq - 1)
        await self._journal.dead_letter(
            DeadLetter(
                subscriber=subscriber.name,
                run_id=event.subject,
                workspace_id=event.workspace_id,
                seq=event.seq,
                error=fault,
                attempts=attempts,
                at=text_of(self._clock.now()),
            )
        )

    async def see_to(self, subscriber: Subscriber, run: Behind) -> int:
        """What the subscriber has to catch up with, or to be handed again; of that, how many were handled."""
        handled = 0
        if run.tries >= DEATHS:
            await self._give_up(subscriber, run)
        elif run.asked:
            handled = await self.again(subscriber, run.run_id)
        elif run.tries:
            await self._step_by_step(subscriber, run)
        else:
            await self.go_on(subscriber, run.workspace_id, run.run_id, run.seq)
        await self._journal.finish_run(subscriber.name, run.run_id, asked=run.asked)
        return handled

    async def _step_by_step(self, subscriber: Subscriber, run: Behind) -> None:
        """A page of it, with a place after every event, so that it shows at which of them processes end."""
        reached = run.seq
        while reached < run.seq + PAGE:
            await self.go_on(subscriber, run.workspace_id, run.run_id, reached, upto=reached + 1)
            place = await self._journal.subscriber_seq(subscriber.name, run.run_id) or 0
            if place <= reached:
                return  # at the end, or refused
            reached = place

    async def _give_up(self, subscriber: Subscriber, run: Behind) -> None:
        """One event ends whatever process hands it over: the others must get theirs all the same."""
        after, letters = run.seq, await self._journal.dead_letters_of(subscriber.name, run.run_id)
        if run.asked and letters:
            after = letters[0].seq - 1
        page = await self._journal.read(run.run_id, after_seq=after, limit=PAGE)
        events = await self._events(run.workspace_id, run.run_id, page)
        killer = next((one for one in events if subscriber.wants(one.type)), None)
        if killer is None:
            await self.go_on(subscriber, run.workspace_id, run.run_id, run.seq)
            return
        fault = f"{run.tries} processes ended, or stood still, while they handled it"
        await self._bury(subscriber, killer, fault, run.tries)
        if not subscriber.ordered:
            await self._journal.set_subscriber_seq(subscriber.name, run.run_id, killer.seq)

    async def again(self, subscriber: Subscriber, run_id: str) -> int:
        """What the subscriber refused of the run, and what waits behind it; how many were handled. A letter
        goes once its event has been handled, also one from when the subscriber was (not) ordered."""
        letters = await self._journal.dead_letters_of(subscriber.name, run_id)
        if not letters:
            return 0
        workspace_id = letters[0].workspace_id
        place = await self._journal.subscriber_seq(subscriber.name, run_id) or 0
        handled = 0
        for letter in letters:
            if subscriber.ordered and letter.seq > place:
                break  # it comes in its turn
            stored = await self._journal.read(run_id, after_seq=letter.seq - 1, limit=1)
            events = await self._events(workspace_id, run_id, stored)
            if not all([await self._handle(subscriber, one) for one in events]):
                if subscriber.ordered:
                    return handled
                continue
            handled += len(events)
            await self._journal.drop_dead_letter(subscriber.name, run_id, letter.seq)
        await self.go_on(subscriber, workspace_id, run_id, place)
        reached = await self._journal.subscriber_seq(subscriber.name, run_id) or 0
        for letter in letters:
            if subscriber.ordered and place < letter.seq <= reached:
                await self._journal.drop_dead_letter(subscriber.name, run_id, letter.seq)
        return handled + reached - place
