"""Decides which ready runs begin, whenever there is room: `choose` over what the journal tells.

A hint that a run may be ready is only a reason to look. What is chosen goes to whoever takes runs: the engine
of this process, or the workers of others.
"""

import asyncio
from collections.abc import Collection, Mapping
from typing import Protocol

from flowmatik.core.engine.choice import Room, choose
from flowmatik.core.engine.limits import KnownLimits
from flowmatik.core.journal.dispatch_port import Queue, ReadyRun
from flowmatik.core.journal.port import Journal
from flowmatik.kernel.clock import Clock

LOOK_SECONDS = 0.5  # without a hint
SPACING_SECONDS = 0.005  # between looks, so that one serves many hints
PER_QUEUE = 64


class Taker(Protocol):
    """Who begins the runs that are chosen."""

    async def room(self) -> Room: ...

    def held(self) -> Collection[str]:
        """Runs not to be chosen now."""
        ...

    def taking(self) -> Mapping[Queue, int]:
        """Runs that were chosen and may not have their owners yet."""
        ...

    def take(self, run: ReadyRun) -> None: ...


class Dispatcher:
    def __init__(self, journal: Journal, taker: Taker, limits: KnownLimits, clock: Clock) -> None:
        self._journal = journal
        self._taker = taker
        self._clock = clock
        self._bell = asyncio.Event()
        self._limits = limits
        self.backlog = True  # runs may be waiting that found no room; not known before the first look

    def ring(self) -> None:
        """A run may be ready, or there may be room."""
        self._bell.set()

    def bounds(self, workspace_id: str) -> bool:
        """Whether a run of this workspace may have to wait although there is room."""
        return self._limits.now.bounds_runs(workspace_id)

    async def run(self) -> None:
        """For ever."""
        while True:
            if not await self.look():
                await self.pause(LOOK_SECONDS)

    async def pause(self, seconds: float) -> None:
        """Until somebody rings, or for so long."""
        await self._clock.sleep(SPACING_SECONDS)
        try:
            async with asyncio.timeout(seconds):
                await self._bell.wait()
        except TimeoutError:
            return
        finally:
            self._bell.clear()

    async def look(self) -> bool:
        """Begin what there is room for. True when there may be room for more."""
        limits = await self._limits.refresh()
        room = await self._taker.room()
        most = min(max(room.free, 0) + room.spare, PER_QUEUE)
        if most <= 0:
            return False  # whoever makes room rings
        waiting = await self._journal.ready_queues(most, without=self._taker.held())
        if not waiting:
            self.backlog = False
            return False
        chosen = choose(waiting, await self._underway(waiting, room), limits, room)
        for run in chosen:
            self._taker.take(run)
        self.backlog = len(chosen) < len(waiting)
        return len(waiting) >= most and bool(chosen)

    async def _underway(self, waiting: list[ReadyRun], room: Room) -> Mapping[Queue, int]:
        """Not asked for where it can make no difference."""
        orphans = sum(run.orphan for run in waiting)
        alike = len({run.workspace_id for run in waiting}) == 1 and room.free > orphans
        if alike and not self.bounds(waiting[0].workspace_id):
            return {}
        counts = dict(await self._journal.underway())
        for queue, count in self._taker.taking().items():
            counts[queue] = counts.get(queue, 0) + count
        return counts
