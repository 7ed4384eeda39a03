"""Decisions that come to no end, made on purpose: the run fails and says so, and its neighbours go on."""

import asyncio
from typing import Any

import pytest

from flowmatik.contracts.agents import AgentLoop
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus, RunView
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core import events as ev
from flowmatik.core.brain.commands import Command, Record, StartCall, StartSubRun
from flowmatik.core.brain.decide import decide
from flowmatik.core.engine import driver, headway
from flowmatik.core.state import RunState
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import running_engine

WS = "default"
ODD = "the odd one"


def steps(count: int) -> tuple[PlanTask, ...]:
    return tuple(
        PlanTask(id=f"s{n}", objective="", tool="echo", arguments={"n": n}, effect=Effect.READ)
        for n in range(count)
    )


def tools() -> FunctionTools:
    async def echo(arguments: dict[str, Any], context: ToolContext) -> Any:
        return arguments

    return FunctionTools({"echo": FunctionTool(function=echo)})


async def both(
    monkeypatch: pytest.MonkeyPatch, also: list[Command]
) -> tuple[RunView, RunView, tuple[str, ...]]:
    """A run for which `also` is decided again and again once it has begun, and one beside it."""

    def decides(state: RunState, loop: AgentLoop, now: str) -> list[Command]:
        odd = state.created.goal == ODD and state.open and not state.ended
        return also if odd else decide(state, loop, now)

    monkeypatch.setattr(driver, "decide", decides)
    async with running_engine(tools=tools()) as engine:
        odd = await engine.runs.create(WS, NewRun(goal=ODD, plan=steps(1)))
        other = await engine.runs.create(WS, NewRun(goal="x", plan=steps(2)))
        views = [await asyncio.wait_for(engine.runs.wait(WS, one), 120) for one in (odd, other)]
        replayed = await engine.runs.replay(WS, odd)
    return views[0], views[1], replayed.differences


@pytest.mark.parametrize(
    "dropped",
    [
        StartSubRun(task_id="s0", goal="x"),
        StartCall(kind="tool", name="dropped", purpose="step", task_id="s0", effect=Effect.READ),
    ],
)
async def test_a_decision_that_leaves_nothing_ends_its_run_as_stuck(
    dropped: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dropping(driver.RunDriver):
        def _put(self, event: ev.Event, encoded: Any = None) -> None:
            if not isinstance(event, ev.SubRunRequested):
                super()._put(event, encoded)

        async def _call(self, command: StartCall) -> bool:
            return command.name == "dropped" or await super()._call(command)

    monkeypatch.setattr("flowmatik.core.engine.engine.RunDriver", Dropping)
    odd, other, differences = await both(monkeypatch, [dropped])
    assert (odd.status, odd.error_code) == (RunStatus.FAILED, "engine.stuck")
    assert type(dropped).__name__ in odd.error
    assert other.status is RunStatus.SUCCEEDED
    assert differences == (), "that the engine gave it up is a fact, and no decision"


async def test_decisions_without_end_end_their_run_as_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headway, "MOST_DECISIONS", 500)
    told = Record(event=ev.TaskSkipped(task_id="s0", reason="again"))
    odd, other, _ = await both(monkeypatch, [told])
    assert (odd.status, odd.error_code) == (RunStatus.FAILED, "engine.stuck")
    assert other.status is RunStatus.SUCCEEDED


async def test_a_plan_of_thousands_of_tasks_that_begin_at_once_is_not_stuck(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(headway, "MOST_DECISIONS", 10)
    async with running_engine(tools=tools()) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=steps(300)))
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    assert view.status is RunStatus.SUCCEEDED
