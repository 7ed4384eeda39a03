"""What somebody must do for all runs, whoever drives them: timers, sweeps, and the outbox."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from flowmatik.contracts.agents import AgentLoop
from flowmatik.core.engine.money import settle_left
from flowmatik.core.engine.patience import forever
from flowmatik.core.journal.port import Journal
from flowmatik.kernel.clock import Clock

POLL_SECONDS = 0.1
BATCH = 500
SETTLE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore:
    """Done again `every` so many seconds, for ever; a fault in it stops nothing else."""

    name: str
    every: float
    work: Callable[[], Awaitable[None]]


def usual_chores(journal: Journal, loop: AgentLoop, woken: Callable[[str], None]) -> tuple[Chore, ...]:
    """`woken` is told of every run that a timer woke."""

    async def fire() -> None:
        while fired := await journal.fire_due_timers(BATCH):
            for run_id in fired:
                woken(run_id)
            if len(fired) < BATCH:
                return

    async def settle() -> None:
        """Runs whose last owner died before it gave back what they did not spend."""
        for run_id in await journal.unsettled(BATCH):
            await settle_left(journal, run_id, loop)

    return (
        Chore(name="timers", every=POLL_SECONDS, work=fire),
        Chore(name="settle", every=SETTLE_SECONDS, work=settle),
    )


class Housekeeper:
    """Any number of processes may keep house at once: each chore sees to that itself."""

    def __init__(self, chores: Sequence[Chore], clock: Clock) -> None:
        self._chores = list(chores)
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []

    def add(self, chore: Chore) -> None:
        """Before `start`."""
        self._chores.append(chore)

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(forever(self._again(chore), self._clock), name=chore.name)
            for chore in self._chores
        ]

    def _again(self, chore: Chore) -> Callable[[], Awaitable[None]]:
        async def work() -> None:
            while True:
                await chore.work()
                await self._clock.sleep(chore.every)

        return work

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
