"""Who uses a cluster: starts runs, sends them signals, decides what is in doubt; asks again, under the same
key, until somebody answers."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from flowmatik.contracts.runs import RunStatus
from flowmatik.kernel.errors import Conflict, JournalUnavailable
from tests.integration.core.faults.fleet import Fleet
from tests.integration.core.faults.orders import OVER, Order

T = TypeVar("T")
WS = "default"
AT_ONCE = 32


async def _asked(request: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await request()
        except JournalUnavailable:
            await asyncio.sleep(0.2)


async def create_all(at: Fleet, orders: list[Order]) -> dict[str, Order]:
    turn = asyncio.Semaphore(AT_ONCE)

    async def create(one: Order) -> str:
        async with turn:
            return await _asked(lambda: at.gateway.runs.create(WS, one.new))

    made = await asyncio.gather(*(create(one) for one in orders))
    return dict(zip(made, orders, strict=True))


async def _signal(at: Fleet, run_id: str, name: str) -> None:
    await _asked(lambda: at.gateway.signals.signal(WS, run_id, name, {"go": True}, idempotency_key=name))


async def signal_all(at: Fleet, made: dict[str, Order], chance: random.Random) -> None:
    """Early or late, whether the run waits for it yet or not."""

    async def signal(run_id: str, one: Order) -> None:
        for name in one.signals:
            await asyncio.sleep(chance.uniform(1.0, 7.0))
            await _signal(at, run_id, name)

    await asyncio.gather(*(signal(run_id, one) for run_id, one in made.items()))


async def end_all(at: Fleet, made: dict[str, Order]) -> None:
    turn = asyncio.Semaphore(AT_ONCE)

    async def end(run_id: str) -> None:
        async with turn:
            await _signal(at, run_id, OVER)

    await asyncio.gather(*(end(run_id) for run_id in made))


class Person:
    """Decides what is in doubt by what was done. `calm`: nobody is stopped or cut off any more who could
    still do it, so that it may be repeated; before, who knows?"""

    def __init__(self, at: Fleet) -> None:
        self._at = at
        self.calm = False

    async def decide(self) -> None:
        """For ever."""
        while True:
            with contextlib.suppress(JournalUnavailable):
                for (run_id,) in await self._at.asked(
                    "SELECT run_id FROM runs WHERE status = $1 AND ended_at = ''", RunStatus.IN_DOUBT.value
                ):
                    await self._look_at(str(run_id))
            await asyncio.sleep(0.5)

    async def _look_at(self, run_id: str) -> None:
        view = await self._at.gateway.runs.get(WS, run_id)
        done = self._at.far.done()
        verdicts: dict[str, str] = {}
        for call in view.in_doubt:
            if done[f"{run_id}/{call.arguments['step']}"]:
                verdicts[call.call_id] = "done"
            elif self.calm:
                verdicts[call.call_id] = "repeat"
        if verdicts:
            with contextlib.suppress(Conflict):  # decided already: the reply was lost
                await self._at.gateway.runs.resume(WS, run_id, resolutions=verdicts)
