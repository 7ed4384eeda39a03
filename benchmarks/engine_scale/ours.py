"""Flowmatik as a cluster: a gateway and a scheduler here, workers in processes of their own."""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

from benchmarks.durable_steps.load import one_at_a_time, steps_per_second
from benchmarks.durable_steps.ours import PLAN
from benchmarks.engine_scale.parts import part
from benchmarks.engine_scale.processes import module, redis
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.core.build import EngineHandle
from flowmatik.core.services import Role
from flowmatik.stores.migrate import upgrade

WORKER = "benchmarks.engine_scale.node"
QUIET = 20  # runs of a workspace that has no others, one after the other


async def measure(job: dict[str, Any]) -> dict[str, float]:
    await upgrade(str(job["target"]))
    async with AsyncExitStack() as stack:
        job = {**job, "redis": await stack.enter_async_context(redis())}
        await stack.enter_async_context(part(job, Role.SCHEDULER))
        gateway = await stack.enter_async_context(part(job, Role.GATEWAY))
        for _ in range(int(job["workers"])):
            await stack.enter_async_context(module(WORKER, job))
        if job.get("mode") == "one":
            return await one_at_a_time(job, lambda: _one_run(gateway))
        if job.get("mode") == "crowd":
            return await _beside_a_crowd(gateway, int(job["crowd"]))
        return {"value": (await steps_per_second(job, lambda: _one_run(gateway)))["value"]}


async def _beside_a_crowd(gateway: EngineHandle, crowd: int) -> dict[str, float]:
    """The slowest of a few runs, in milliseconds, while another workspace has `crowd` runs queued."""
    await _one_run(gateway)
    queued = [gateway.runs.create("noisy", NewRun(goal="ten steps", plan=PLAN)) for _ in range(crowd)]
    runs = await asyncio.gather(*queued)
    took: list[float] = []
    for _ in range(QUIET):
        began = time.perf_counter()
        await _one_run(gateway)
        took.append(time.perf_counter() - began)
    last = await gateway.runs.get("noisy", runs[-1]) if runs else None
    if last is not None and last.status is RunStatus.SUCCEEDED:
        raise AssertionError("the crowd had gone before the last of the quiet runs")
    return {"value": max(took) * 1000}


async def _one_run(gateway: EngineHandle) -> None:
    run_id = await gateway.runs.create("default", NewRun(goal="ten steps", plan=PLAN))
    view = await gateway.runs.wait("default", run_id)
    if view.status is not RunStatus.SUCCEEDED or len(view.tasks) != len(PLAN):
        raise AssertionError(f"run {run_id} ended {view.status}: {view.error}")
