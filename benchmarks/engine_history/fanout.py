"""A task with a run of its own for each of many items."""

import resource
import time
from typing import Any

from benchmarks.durable_steps.ours import work
from benchmarks.ours import running_engine
from flowmatik.contracts.plans import MapSpec, PlanTask, SubRunSpec
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.testing.tools import FunctionTool, FunctionTools

AT_ONCE = 50


def _plan(items: int) -> tuple[PlanTask, ...]:
    each = SubRunSpec(
        goal="item", plan=(PlanTask(id="s", objective="", tool="work", arguments={"n": {"$item": ""}}),)
    )
    return (
        PlanTask(id="m", objective="", map=MapSpec(items=list(range(items)), run=each, concurrency=AT_ONCE)),
    )


async def measure(job: dict[str, Any]) -> dict[str, float]:
    tools = FunctionTools({"work": FunctionTool(function=work)})
    count = int(job["n"])
    async with running_engine(job, tools=tools) as engine:
        before = _peak()
        began = time.perf_counter()
        run_id = await engine.runs.create("default", NewRun(goal="fan out", plan=_plan(count)))
        view = await engine.runs.wait("default", run_id)
        spent = time.perf_counter() - began
    output = view.tasks[0].output
    if view.status is not RunStatus.SUCCEEDED or output["succeeded"] != count:
        raise AssertionError(f"run {run_id} ended {view.status}: {view.error}")
    return {"rate": count / spent, "peak": _peak(), "added": _peak() - before}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
