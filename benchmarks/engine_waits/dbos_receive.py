"""DBOS: workflows that wait for a message with `recv`."""

import asyncio
import time
from collections.abc import Sized
from typing import Any

from dbos import DBOS, SetWorkflowID

from benchmarks.engine_scale.processes import until
from benchmarks.figures import percentile
from benchmarks.machine import resident_mib

AT_ONCE = 50
WAIT_SECONDS = 3600
waiting: set[str] = set()
went_on: dict[str, float] = {}


@DBOS.workflow()
async def wait(name: str) -> None:
    waiting.add(name)
    await DBOS.recv_async("go", timeout_seconds=WAIT_SECONDS)
    went_on[name] = time.time()


async def _waiting(names: list[str]) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> None:
        async with slots:
            with SetWorkflowID(name):
                await DBOS.start_workflow_async(wait, name)

    await asyncio.gather(*(one(name) for name in names))
    await _have(waiting, len(names))


async def _have(seen: Sized, count: int) -> None:
    async def enough() -> bool:
        return len(seen) >= count

    await until(enough, WAIT_SECONDS)


async def measure(job: dict[str, Any]) -> dict[str, float]:
    DBOS(
        config={
            "name": "bench",
            "system_database_url": str(job["target"]),
            "sys_db_pool_size": AT_ONCE,
            "log_level": "ERROR",
            "enable_otlp": False,
        }
    )
    DBOS.launch()
    try:
        count = int(job["n"])
        await _waiting([f"warm-{n}" for n in range(AT_ONCE)])
        waiting.clear()
        await asyncio.sleep(2)
        before, began = resident_mib(), time.perf_counter()
        names = [f"run-{n}" for n in range(count)]
        await _waiting(names)
        rate = count / (time.perf_counter() - began)
        await asyncio.sleep(2)
        held = (resident_mib() - before) * 1024 / count
        sent = await _sent(names)
        await _have(went_on, count)
    finally:
        DBOS.destroy()
    late = [went_on[name] - sent[name] for name in names]
    return {
        "waiting_kib": held,
        "parked_rate": rate,
        "p50": percentile(late, 0.5) * 1000,
        "p99": percentile(late, 0.99) * 1000,
        "on": max(went_on.values()) - min(sent.values()),
    }


async def _sent(names: list[str]) -> dict[str, float]:
    sent: dict[str, float] = {}
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> None:
        async with slots:
            sent[name] = time.time()
            await DBOS.send_async(name, "hello", "go")

    await asyncio.gather(*(one(name) for name in names))
    return sent
