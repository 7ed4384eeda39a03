"""Flowmatik as a cluster: a gateway and a scheduler here, workers in processes of their own."""

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
        return {"value": (await steps_per_second(job, lambda: _one_run(gateway)))["value"]}


async def _one_run(gateway: EngineHandle) -> None:
    run_id = await gateway.runs.create("default", NewRun(goal="ten steps", plan=PLAN))
    view = await gateway.runs.wait("default", run_id)
    if view.status is not RunStatus.SUCCEEDED or len(view.tasks) != len(PLAN):
        raise AssertionError(f"run {run_id} ended {view.status}: {view.error}")
