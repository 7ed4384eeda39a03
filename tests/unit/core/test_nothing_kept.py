"""What a process holds of runs that it drives no more: nothing, and without looking for garbage, which one
that serves does so seldom that what waits for it scatters the heap."""

import asyncio
import contextlib
import gc
import logging
from collections import Counter
from collections.abc import Callable, Generator
from typing import Any

import pytest

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.plans import PlanTask, SubRunSpec, WaitSpec
from flowmatik.contracts.runs import NewRun
from flowmatik.contracts.tools import ToolContext
from flowmatik.core.build import EngineHandle
from flowmatik.core.engine.driver import RunDriver
from flowmatik.core.state import RunState
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import eventually, running_engine
from tests.unit.core.paid import CLERK

WS = "default"
RUNS = 20
SUB = SubRunSpec(goal="sub", plan=(PlanTask(id="s", objective="", tool="echo"),))
ENDS = {
    "a tool": (PlanTask(id="a", objective="", tool="echo"), PlanTask(id="b", objective="", tool="echo")),
    "an agent": (PlanTask(id="a", objective="say it", agent="clerk"),),
    "a tool that fails": (PlanTask(id="a", objective="", tool="fail"),),
    "a tool that is too slow": (PlanTask(id="a", objective="", tool="slow"),),
    "a rest": (PlanTask(id="a", objective="", wait=WaitSpec(kind="time", seconds=0.05)),),
    "a sub-run": (PlanTask(id="a", objective="", run=SUB),),
}


async def echo(arguments: dict[str, Any], context: ToolContext) -> Any:
    return arguments


async def fail(arguments: dict[str, Any], context: ToolContext) -> Any:
    raise ValueError("it fails")


async def slow(arguments: dict[str, Any], context: ToolContext) -> Any:
    await asyncio.Event().wait()


TOOLS = {
    "echo": FunctionTool(function=echo),
    "fail": FunctionTool(function=fail),
    "slow": FunctionTool(function=slow, timeout=0.05),
    "hang": FunctionTool(function=slow, timeout=600.0),
}


Kept = Callable[[], Counter[str]]


@pytest.fixture
def kept() -> Generator[Kept]:
    """Drivers and states that are there and were not before. Nothing is collected, and nothing logged: pytest
    keeps log lines, and with them what was raised."""
    gc.collect()
    gc.disable()
    logging.disable()
    before = _there()
    known = {id(one) for one in before}
    try:
        yield lambda: Counter(type(one).__name__ for one in _there() if id(one) not in known)
    finally:
        logging.disable(logging.NOTSET)
        gc.enable()


def _there() -> list[RunDriver | RunState]:
    return [one for one in gc.get_objects() if isinstance(one, RunDriver | RunState)]


async def _ended(engine: EngineHandle, run_id: str) -> None:
    async def ended() -> bool:
        return (await engine.runs.wait(WS, run_id)).status.ended

    await eventually(ended, 120)


@pytest.mark.parametrize("plan", ENDS.values(), ids=ENDS)
async def test_a_run_that_has_ended_leaves_nothing_that_waits_for_a_collection(
    plan: tuple[PlanTask, ...], kept: Kept
) -> None:
    async with running_engine(tools=FunctionTools(TOOLS), agents=(CLERK,), loop=ReducerLoop()) as engine:
        runs = [await engine.runs.create(WS, NewRun(goal="x", plan=plan)) for _ in range(RUNS)]
        await asyncio.gather(*(_ended(engine, run_id) for run_id in runs))
        await _let_go(kept)
        assert kept() == {}
        assert gc.collect() < RUNS, "each run leaves garbage behind"


async def test_a_run_that_is_cancelled_or_rests_leaves_nothing_either(kept: Kept) -> None:
    hanging = (PlanTask(id="a", objective="", tool="hang"),)
    resting = (PlanTask(id="a", objective="", wait=WaitSpec(kind="signal", name="go")),)
    async with running_engine(tools=FunctionTools(TOOLS)) as engine:
        for _ in range(RUNS):
            run_id = await engine.runs.create(WS, NewRun(goal="x", plan=hanging))
            await engine.runs.cancel(WS, run_id, reason="enough")
            await _ended(engine, run_id)
            await engine.runs.wait(WS, await engine.runs.create(WS, NewRun(goal="x", plan=resting)))
        await _let_go(kept)
        assert kept() == {}
        assert gc.collect() < RUNS, "each run leaves garbage behind"


async def _let_go(kept: Kept) -> None:
    """Of the tasks that are over. What is kept for longer, the test says."""

    async def nothing() -> bool:
        return not kept()

    with contextlib.suppress(TimeoutError):
        await eventually(nothing, 2)
