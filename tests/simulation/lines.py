"""Processes, and what lies between them and their stores."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from flowmatik.app.threads import OpenThreads
from flowmatik.core.build import EngineHandle
from flowmatik.core.services import Role
from flowmatik.kernel.errors import JournalUnavailable
from tests.simulation.virtual_time import VirtualLoop, nap
from tests.simulation.weather import KILLED, RETIRED, SLOW, STOPPED, VERY_SLOW

if TYPE_CHECKING:
    from tests.simulation.world import World

BEGINNING = datetime(2026, 1, 31, 23, 59, 30, tzinfo=UTC)  # a month ends under way


class WorldClock:
    """The loop's time; `skew` is what this clock is wrong by."""

    def __init__(self, skew: timedelta = timedelta()) -> None:
        self._zero = BEGINNING + skew
        self._loop: VirtualLoop | None = None

    def now(self) -> datetime:
        return self._zero + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return (self._loop or self._found()).now

    def sleep(self, seconds: float) -> "CoroutineType[Any, Any, None]":
        return (self._loop or self._found()).nap(seconds)

    def _found(self) -> VirtualLoop:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self._loop = loop
        return loop


# What no run waits for has chances of its own: however much of it there is, the lives of runs are the same.
ASIDE = {
    "save_snapshot", "drop_snapshot", "drop_snapshots_of_ended", "retention_overrides", "deletable",
    "delete_runs", "forget_keys",
}  # fmt: skip


@dataclass(slots=True)
class Process:
    """One engine with what it needs; dead, nothing of it crosses its line any more. Before `cut_until` it
    does not reach the journal, before `deaf_until` it does not reach Redis."""

    world: "World"
    name: str
    clock: WorldClock
    role: Role = Role.ALL
    dead: bool = False
    retiring: bool = False
    stopped_until: float = 0.0
    cut_until: float = 0.0
    deaf_until: float = 0.0
    handle: EngineHandle = field(init=False)
    threads: OpenThreads | None = None

    async def cross(self) -> None:
        """Out: slowly, never, or after a sleep of the whole process."""
        if (draw := self.draw()) is not None:
            await self.suffer(draw)

    def draw(self) -> float | None:
        """None when nothing happens on the way, as mostly."""
        draw = self.world.chance.random()
        if draw < self.world.weather.trouble or self.dead:
            return draw
        now = self.clock.monotonic()
        return None if self.stopped_until <= now and self.cut_until <= now else draw

    async def suffer(self, draw: float) -> None:
        """What `draw` stands for: one kind of trouble after the other has its share."""
        chance, weather = self.world.chance, self.world.weather
        kind = 0
        for share in weather.shares:
            draw -= share
            if draw < 0.0:
                break
            kind += 1
        if kind == KILLED and not self.dead:
            self.dead = True
            self.world.killed(self)
        elif kind == RETIRED and not (self.dead or self.retiring):
            self.retiring = True
            self.world.retires(self)
        elif kind == STOPPED:
            self.stopped_until = self.clock.monotonic() + chance.uniform(0.1, 20.0)
        if self.stopped_until > self.clock.monotonic():
            await self.awake()
        if kind == VERY_SLOW:
            await nap(chance.uniform(0.5, 6.0))
        elif kind == SLOW:
            await nap(chance.uniform(0.0, 0.02))
        if self.dead:
            await self.world.for_ever()

    async def awake(self) -> None:
        """Once it is no longer stopped."""
        while not self.dead and (left := self.stopped_until - self.clock.monotonic()) > 0:
            await nap(max(left, 0.001))
        if self.dead:
            await self.world.for_ever()

    async def reach(self) -> None:
        """The journal; raises at once, or after the time that a client waits."""
        if self.cut_until > self.clock.monotonic():
            await nap(self.world.chance.choice([0.0, 0.0, 3.0]))
            raise JournalUnavailable("this process is cut off")


class Line:
    """A store as a process sees it."""

    def __init__(self, process: Process, store: object) -> None:
        self._process = process
        self._store = store

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._store, name)
        process, world = self._process, self._process.world

        async def aside(*arguments: Any, **named: Any) -> Any:
            await nap(world.chance_aside.uniform(0.0, 0.5))
            if process.dead:
                await world.for_ever()
            if world.chance_aside.random() < world.weather.lost:
                raise JournalUnavailable("the line is cut")
            if name == "save_snapshot":
                await world.check_snapshot(*arguments)
            return await method(*arguments, **named)

        async def through(*arguments: Any, **named: Any) -> Any:
            if (draw := process.draw()) is not None:
                await process.suffer(draw)
                await process.reach()
            if world.chance.random() < world.weather.lost:
                raise JournalUnavailable("the line is cut")
            result = await method(*arguments, **named)
            if (draw := process.draw()) is not None:
                await process.suffer(draw)
                await process.reach()
            if world.chance.random() < world.weather.reply_lost:
                raise JournalUnavailable("the line was cut before the reply")
            return result

        found = aside if name in ASIDE else through
        setattr(self, name, found)  # from now on without this method
        return found
