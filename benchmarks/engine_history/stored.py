"""What a step costs beside so many ended runs: the same engine and load at three sizes of one database."""

import time
from typing import Any

from benchmarks import clones
from benchmarks.durable_steps.load import one_at_a_time, steps_per_second
from benchmarks.durable_steps.ours import PLAN, work
from benchmarks.engine_scale.processes import until
from benchmarks.ours import running_engine
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.contracts.tools import ToolContext
from flowmatik.core.build import EngineHandle
from flowmatik.testing.tools import FunctionTool, FunctionTools

ORIGINALS = 100
LEAST = 1_000
SMALL = (PlanTask(id="s0", objective="", tool="small"),)


def levels(n: int) -> list[int]:
    return [LEAST, max(n // 10, LEAST), n]


async def measure(job: dict[str, Any]) -> dict[str, float]:
    job = {**job, "store": "postgres"}
    found: dict[str, float] = {}
    async with running_engine(job, tools=_tools()) as engine:
        originals = [await _one_run(engine, SMALL) for _ in range(ORIGINALS)]
    connection = await clones.connect(str(job["target"]))
    try:
        for place, level in enumerate(levels(int(job["n"]))):
            stored = int(await connection.fetchval("SELECT count(*) FROM runs"))
            await clones.clone(connection, originals, max(level - stored, 0))
            found |= {f"{key}_{place}": value for key, value in (await _level(job)).items()}
    finally:
        await connection.close()
    for key in ("ms", "cpu"):
        found[f"{key}_ratio"] = found[f"{key}_2"] / found[f"{key}_0"]
    return found


def _tools() -> FunctionTools:
    return FunctionTools({"work": FunctionTool(function=work), "small": FunctionTool(function=_small)})


async def _small(arguments: dict[str, Any], context: ToolContext) -> object:
    return {"ok": True}


async def _one_run(engine: EngineHandle, plan: tuple[PlanTask, ...] = PLAN) -> str:
    run_id = await engine.runs.create("default", NewRun(goal="steps", plan=plan))
    view = await engine.runs.wait("default", run_id)
    if view.status is not RunStatus.SUCCEEDED or len(view.tasks) != len(plan):
        raise AssertionError(f"run {run_id} ended {view.status}: {view.error}")
    return run_id


async def _level(job: dict[str, Any]) -> dict[str, float]:
    """Milliseconds a run, one at a time; CPU of our process in µs a step, and steps/s, fifty at once."""
    began = time.perf_counter()
    load = {**job, "n": job["steps"]}
    async with running_engine(job, tools=_tools()) as engine:
        started = time.perf_counter() - began
        alone = await one_at_a_time({**job, "n": job["alone"]}, lambda: _one_run(engine))
        together = await steps_per_second(load, lambda: _one_run(engine))
    await _relayed(job)
    return {
        "ms": alone["value"],
        "cpu": together["cpu"],
        "rate": together["value"],
        "start": started,
    }


async def _relayed(job: dict[str, Any]) -> None:
    connection = await clones.connect(str(job["target"]))

    async def empty() -> bool:
        return await connection.fetchval("SELECT count(*) FROM outbox") == 0

    try:
        await until(empty, 60, 0.1)
    finally:
        await connection.close()
