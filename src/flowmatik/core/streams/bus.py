"""The bus between processes. Implements `Relay`.

Truth is in the journal: to relay is to forget pointers and to say, in the same transaction, that every
durable subscriber is behind in their runs. Redis only spreads the word; when it is away, or has lost what it
had, sweeps find the same a few seconds later.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence

from flowmatik.core.deliveries import Subscriber, told
from flowmatik.core.journal.port import OutboxEntry
from flowmatik.core.streams.consumer import Consumer
from flowmatik.core.streams.live import Live
from flowmatik.core.streams.messages import hint, saying
from flowmatik.core.streams.observed import Observed
from flowmatik.core.streams.ports import HINTS, KEEP, SAID, BusPorts
from flowmatik.kernel.errors import JournalUnavailable, Unavailable
from flowmatik.kernel.events import CloudEvent, Handler

log = logging.getLogger(__name__)
BATCH = 500  # runs in a pass
SPACING_SECONDS = 0.05  # between passes, so that each carries what many appends left
IDLE_SECONDS = 0.5  # how often to look for what other processes left
AWAY_SECONDS = 0.5
FAULT_SECONDS = 1.0
QUIET_SECONDS = 30.0


class StreamBus:
    def __init__(self, ports: BusPorts) -> None:
        self._ports = ports
        self._subscribers: dict[str, Subscriber] = {}
        self._consumers: dict[str, Consumer] = {}
        self._registered: set[str] = set()
        self._live = Live(ports)
        self._observers: dict[str, Observed] = {}
        self._wake = asyncio.Event()
        self._added = asyncio.Event()
        self._quiet_until = float("-inf")

    def subscribe(
        self,
        name: str,
        handler: Handler,
        *,
        types: frozenset[str] | None = None,
        durable: bool = True,
        ordered: bool = True,
    ) -> None:
        if name in self._subscribers:
            raise ValueError(f"there is a subscriber {name!r} already")
        subscriber = Subscriber(name=name, handler=handler, types=types, durable=durable, ordered=ordered)
        self._subscribers[name] = subscriber
        if durable:
            self._consumers[name] = Consumer(subscriber, self._ports)
        else:
            self._live.add(subscriber)
        self._added.set()

    def observe(self, name: str, handler: Handler, *, types: frozenset[str] | None = None) -> None:
        if name in self._subscribers or name in self._observers:
            raise ValueError(f"there is a subscriber {name!r} already")
        observer = Subscriber(name=name, handler=handler, types=types, durable=False, ordered=True)
        self._observers[name] = Observed(observer, self._ports)
        self._added.set()

    async def publish(self, event: CloudEvent) -> None:
        """To the subscribers here at once, then to those of other processes: a durable one that is not here
        gets it in one process, the others in every. Best effort: nothing is kept of it."""
        faults = await told(list(self._subscribers.values()), event)
        fields = saying(event, by=self._ports.standing.owner, had_by=self._consumers)
        try:
            await self._ports.streams.add(SAID, fields, keep=KEEP)
        except Unavailable as error:
            self._say_away(error)
            faults += await told([one.observer for one in self._observers.values()], event)
        if faults:
            raise ExceptionGroup(f"{len(faults)} subscriber(s) failed on {event.type}", faults)

    def wake(self) -> None:
        self._wake.set()

    async def pump(self) -> None:
        """Until it is cancelled. Raises JournalUnavailable before it has begun."""
        await self._register()
        begun: set[str] = set()
        async with asyncio.TaskGroup() as tasks:

            def keep(turn: Callable[[], Awaitable[None]], name: str) -> None:
                tasks.create_task(self._forever(turn), name=name)

            keep(self._relay, "bus-relay")
            keep(self._live.listen, "bus-live")
            while True:
                self._added.clear()
                for name, consumer in self._consumers.items():
                    if name not in begun:
                        begun.add(name)
                        keep(consumer.listen, f"bus-hints:{name}")
                        keep(consumer.work, f"bus-work:{name}")
                for name, observed in self._observers.items():
                    if name not in begun:
                        begun.add(name)
                        keep(observed.listen, f"bus-observe:{name}")
                await self._added.wait()

    async def _forever(self, turn: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await self._register()
                await turn()
            except Unavailable as error:
                self._say_away(error)
                await self._ports.clock.sleep(AWAY_SECONDS)
            except Exception:
                log.exception("a fault in one of the bus's loops; it goes on")
                await self._ports.clock.sleep(FAULT_SECONDS)

    async def register(self) -> None:
        await self._register()

    async def _register(self) -> None:
        """A subscriber is known before anything is relayed without it."""
        for name, consumer in list(self._consumers.items()):
            if name not in self._registered:
                await self._ports.journal.register_subscriber(name, ordered=consumer.subscriber.ordered)
                self._registered.add(name)

    async def _relay(self) -> None:
        """One turn."""
        relayed = await self.relay_once()
        if relayed == BATCH:
            return
        if relayed:
            await self._ports.clock.sleep(SPACING_SECONDS)
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return
        finally:
            self._wake.clear()

    async def relay_once(self) -> int:
        """Of how many runs something was relayed."""
        await self._register()
        spans = await self._ports.journal.fall_behind(BATCH)
        if spans:
            for consumer in self._consumers.values():
                consumer.wake()
            if not await self._hint(spans):
                await self._live.tell(spans)  # here at least
                for observed in self._observers.values():
                    await observed.tell(spans)
        return len(spans)

    async def _hint(self, spans: Sequence[OutboxEntry]) -> bool:
        try:
            await self._ports.streams.add(HINTS, hint(spans), keep=KEEP)
        except Unavailable as error:
            self._say_away(error)
            return False
        return True

    async def drain(self) -> None:
        while await self.relay_once() == BATCH:
            pass
        for consumer in list(self._consumers.values()):
            await consumer.catch_up()

    async def release(self) -> None:
        for consumer in list(self._consumers.values()):
            await consumer.leave()
        with contextlib.suppress(Unavailable):  # nothing is lost but a name that stays
            for observed in self._observers.values():
                await observed.leave()
        await self._ports.journal.let_go(self._ports.standing.owner)

    async def redrive(self, subscriber_name: str, run_id: str) -> int | None:
        if not await self._ports.journal.dead_letters_of(subscriber_name, run_id):
            return 0
        if (consumer := self._consumers.get(subscriber_name)) is not None:
            handled = await consumer.redrive(run_id)
        else:
            handled = None
            await self._ports.journal.ask_redrive(subscriber_name, run_id)
        if handled is None:
            await self._hint(())
        return handled

    def _say_away(self, error: Unavailable) -> None:
        """Not at every try of every loop."""
        now = self._ports.clock.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET_SECONDS
            what = "journal" if isinstance(error, JournalUnavailable) else "Redis"
            log.warning("the bus goes on without a store", extra={"store": what, "error": error.message})
