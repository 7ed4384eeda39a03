"""A worker is killed with hundreds of runs under way: how soon the other has them, and all have ended."""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

from benchmarks import clones
from benchmarks.durable_steps.load import STEPS
from benchmarks.engine_scale.parts import part
from benchmarks.engine_scale.processes import module, redis, until
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.core.build import EngineHandle
from flowmatik.core.services import Role
from flowmatik.stores.migrate import upgrade

NODE = "benchmarks.engine_scale.node"
STEP_SECONDS = 1.0
LIMIT_SECONDS = 120.0


def _plan() -> tuple[PlanTask, ...]:
    return tuple(
        PlanTask(
            id=f"s{n}",
            objective="",
            tool="slow",
            arguments={"n": n, "seconds": STEP_SECONDS},
            needs=(f"s{n - 1}",) if n else (),
        )
        for n in range(STEPS)
    )


async def measure(job: dict[str, Any]) -> dict[str, float]:
    await upgrade(str(job["target"]))
    count = int(job["n"])
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(redis())
        job = {**job, "redis": address, "slots": count + 8}
        await stack.enter_async_context(part(job, Role.SCHEDULER))
        gateway = await stack.enter_async_context(part(job, Role.GATEWAY))
        connection = await clones.connect(str(job["target"]))
        stack.push_async_callback(connection.close)
        first = await stack.enter_async_context(module(NODE, job))
        run_ids = [await _created(gateway) for _ in range(count)]
        await until(lambda: _owners(connection, count, 1), LIMIT_SECONDS)
        await stack.enter_async_context(module(NODE, job))
        dead = str(await connection.fetchval("SELECT min(owner) FROM runs WHERE owner <> ''"))
        await until(lambda: _owners(connection, count, 1), LIMIT_SECONDS)
        first.kill()
        killed = time.perf_counter()
        await until(lambda: _left(connection, dead), LIMIT_SECONDS)
        owned = time.perf_counter() - killed
        views = await asyncio.gather(*(gateway.runs.wait("default", run_id) for run_id in run_ids))
        ended = time.perf_counter() - killed
        wrong = [view.id for view in views if view.status is not RunStatus.SUCCEEDED]
        if wrong:
            raise AssertionError(f"{len(wrong)} of {count} runs did not succeed, such as {wrong[0]}")
        again = await connection.fetchval("SELECT count(*) FROM runs WHERE epoch > 1")
        return {"owned": owned, "ended": ended, "taken_over": float(again)}


async def _created(gateway: EngineHandle) -> str:
    return await gateway.runs.create("default", NewRun(goal="slow steps", plan=_plan()))


async def _owners(connection: Any, count: int, owners: int) -> bool:
    """All runs are under way, at so many workers."""
    row = await connection.fetchrow(
        "SELECT count(*) AS runs, count(DISTINCT owner) AS owners FROM runs "
        "WHERE owner <> '' AND ended_at = ''"
    )
    return (int(row["runs"]), int(row["owners"])) == (count, owners)


async def _left(connection: Any, owner: str) -> bool:
    """Nothing that has not ended is the dead worker's any more."""
    left = await connection.fetchval(
        "SELECT count(*) FROM runs WHERE ended_at = '' AND owner IN ('', $1)", owner
    )
    return bool(left == 0)
