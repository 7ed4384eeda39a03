"""The same load for every contestant: runs of ten steps, 1 KB results, fifty runs at once."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

STEPS = 10
AT_ONCE = 50
PAYLOAD = "x" * 1000
WARM_UP = 5

OneRun = Callable[[], Awaitable[object]]


def runs(job: Mapping[str, Any]) -> int:
    return int(job["n"]) // STEPS


async def steps_per_second(job: Mapping[str, Any], one_run: OneRun) -> dict[str, float]:
    """`one_run` ends when the ten results of a run are durable and its end is known."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def limited() -> None:
        async with slots:
            await one_run()

    await asyncio.gather(*(limited() for _ in range(WARM_UP)))
    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(limited() for _ in range(runs(job))))
    steps = runs(job) * STEPS
    spent = time.process_time() - cpu
    return {"value": steps / (time.perf_counter() - began), "cpu": spent / steps * 1e6}


async def one_at_a_time(job: Mapping[str, Any], one_run: OneRun) -> dict[str, float]:
    """The median of what a run takes, in milliseconds."""
    for _ in range(WARM_UP):
        await one_run()
    took: list[float] = []
    for _ in range(runs(job)):
        began = time.perf_counter()
        await one_run()
        took.append(time.perf_counter() - began)
    return {"value": statistics.median(took) * 1000}
