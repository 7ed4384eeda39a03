"""Processes that are played: each has a bus of its own over one journal, and may stop or die."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from flowmatik.contracts.streams import Streams
from flowmatik.core.engine.lease import TTL_SECONDS, Lease
from flowmatik.core.journal.port import Journal
from flowmatik.core.outbox import OutboxRelay
from flowmatik.core.relays import Relay
from flowmatik.core.streams.bus import StreamBus
from flowmatik.core.streams.ports import BusPorts
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import JournalUnavailable
from flowmatik.kernel.events import CloudEvent
from flowmatik.kernel.ids import new_id
from flowmatik.stores.redis import open_streams
from tests.contracts.journal.stores import Store
from tests.unit.core.engines import eventually


async def until(holds: Callable[[], bool]) -> None:
    async def asked() -> bool:
        return holds()

    await eventually(asked)


class Audit:
    """One external system, whichever process tells it; it refuses these numbers."""

    def __init__(self, *refuses: int) -> None:
        self.heard: defaultdict[str, list[int]] = defaultdict(list)
        self.events: list[CloudEvent] = []
        self.refuses = set(refuses)
        self.tries: defaultdict[int, int] = defaultdict(int)

    async def __call__(self, one: CloudEvent) -> None:
        self.tries[one.seq] += 1
        if one.seq in self.refuses:
            raise RuntimeError(f"no room for {one.seq}")
        self.heard[one.subject].append(one.seq)
        self.events.append(one)

    def each_once(self) -> dict[str, list[int]]:
        """Without what came again."""
        return {run_id: list(dict.fromkeys(seqs)) for run_id, seqs in self.heard.items()}


@dataclass(slots=True, kw_only=True)
class Process:
    bus: Relay
    lease: Lease
    tasks: list[asyncio.Task[None]] = field(default_factory=lambda: [])

    async def start(self) -> None:
        await self.lease.take()
        self.tasks = [asyncio.create_task(self.lease.keep()), asyncio.create_task(self._pump())]

    async def _pump(self) -> None:
        """As the engine does."""
        while True:
            try:
                await self.bus.pump()
            except JournalUnavailable:
                await asyncio.sleep(0.05)

    async def die(self) -> None:
        """Without a word: what it held stays held until its lease ends."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks = []

    async def stop(self) -> None:
        await self.die()
        await self.bus.drain()
        await self.bus.release()


@dataclass(slots=True, kw_only=True)
class World:
    """`spread`: subscribers of one name may be in several processes at work."""

    store: Store
    redis_url: str
    prefix: str
    processes: list[Process] = field(default_factory=lambda: [])
    opened: list[Streams] = field(default_factory=lambda: [])

    @property
    def journal(self) -> Journal:
        return self.store.journal

    @property
    def spread(self) -> bool:
        return bool(self.redis_url)

    def streams(self) -> Streams:
        self.opened.append(open_streams(self.redis_url, prefix=self.prefix))
        return self.opened[-1]

    async def process(self, handler: Any = None, *, name: str = "audit", **options: Any) -> Process:
        """At work, with a subscriber if there is a handler."""
        clock = SystemClock()
        lease = Lease(self.journal, clock, new_id("wkr"))
        bus: Relay = (
            StreamBus(BusPorts(journal=self.journal, streams=self.streams(), clock=clock, standing=lease))
            if self.spread
            else OutboxRelay(self.journal, clock)
        )
        if handler is not None:
            bus.subscribe(name, handler, **options)
            if options.get("durable", True):  # what is relayed before it is known is not for it
                await self.journal.register_subscriber(name, ordered=options.get("ordered", True))
        made = Process(bus=bus, lease=lease)
        self.processes.append(made)
        await made.start()
        return made

    async def known(self, *, ordered: bool = True) -> None:
        """The audit was there before."""
        await self.journal.register_subscriber("audit", ordered=ordered)

    async def leases_end(self) -> None:
        await self.store.elapse(2 * TTL_SECONDS)

    async def letters(self) -> list[tuple[str, int, int]]:
        """(run, seq, attempts)"""
        found = await self.journal.dead_letters("default")
        return sorted((one.run_id, one.seq, one.attempts) for one in found)

    async def until_letters(self, *wanted: tuple[str, int, int]) -> None:
        async def there() -> bool:
            return await self.letters() == [*wanted]

        await eventually(there)

    async def until_relayed(self) -> None:
        async def empty() -> bool:
            return not await self.journal.outbox(1)

        await eventually(empty)

    async def close(self) -> None:
        for process in self.processes:
            await process.die()
        for streams in self.opened:
            await streams.close()


@asynccontextmanager
async def world_over(store: Store, redis_url: str) -> AsyncGenerator[World]:
    world = World(store=store, redis_url=redis_url, prefix=f"test_{uuid4().hex}:")
    try:
        yield world
    finally:
        with contextlib.suppress(ExceptionGroup):
            await world.close()
