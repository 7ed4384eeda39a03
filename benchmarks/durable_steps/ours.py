"""Flowmatik: a plan of ten direct tool calls in a chain; intents, outcomes, outbox and all."""

from typing import Any

from benchmarks.durable_steps.load import PAYLOAD, STEPS, steps_per_second
from benchmarks.ours import running_engine
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.contracts.tools import ToolContext
from flowmatik.testing.tools import FunctionTool, FunctionTools

PLAN = tuple(
    PlanTask(id=f"s{n}", objective="", tool="work", arguments={"n": n}, needs=(f"s{n - 1}",) if n else ())
    for n in range(STEPS)
)


async def work(arguments: dict[str, Any], context: ToolContext) -> object:
    return {"n": arguments["n"], "data": PAYLOAD}


async def measure(job: dict[str, Any]) -> dict[str, float]:
    tools = FunctionTools({"work": FunctionTool(function=work)})
    async with running_engine(job, tools=tools) as engine:

        async def one_run() -> None:
            run_id = await engine.runs.create("default", NewRun(goal="ten steps", plan=PLAN))
            view = await engine.runs.wait("default", run_id)
            if view.status is not RunStatus.SUCCEEDED or len(view.tasks) != STEPS:
                raise AssertionError(f"run {run_id} ended {view.status}: {view.error}")

        return await steps_per_second(job, one_run)
