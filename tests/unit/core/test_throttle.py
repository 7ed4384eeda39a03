"""So many calls at once, so many a minute: every call gets its turn, and no more than that."""

import asyncio
from dataclasses import replace
from typing import Any

from flowmatik.contracts.limits import Limit
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core import events as ev
from flowmatik.core.engine.effects import RunPlace
from flowmatik.core.engine.limits import KnownLimits
from flowmatik.core.engine.throttle import CallLimits, LocalThrottle, Turn
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.state import RunState
from flowmatik.kernel.clock import SystemClock
from flowmatik.testing.clock import SkippingClock
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import running_engine

WS = "default"


def turn(ticket: str, *limits: Limit) -> Turn:
    return Turn(ticket=ticket, limits=limits, seconds=30.0)


async def test_a_call_waits_while_as_many_are_at_work_as_may_be() -> None:
    throttle = LocalThrottle(SkippingClock())
    two = Limit(workspace_id="a", scope="tool:t", most=2)
    assert [await throttle.enter(turn(ticket, two)) for ticket in "xy"] == [0, 0]
    assert await throttle.enter(turn("z", two)) > 0
    await throttle.leave(turn("x", two))
    assert await throttle.enter(turn("z", two)) == 0


async def test_a_rate_lets_a_burst_through_and_then_one_after_the_other() -> None:
    clock = SkippingClock()
    throttle = LocalThrottle(clock)
    rate = Limit(workspace_id="a", scope="model:m", per_minute=30.0, burst=3)
    assert [await throttle.enter(turn(str(n), rate)) for n in range(3)] == [0, 0, 0]
    wait = await throttle.enter(turn("3", rate))
    assert 1.9 < wait <= 2.0
    await clock.sleep(wait)
    assert await throttle.enter(turn("3", rate)) == 0
    assert await throttle.enter(turn("4", rate)) > 0


async def test_a_call_that_one_limit_holds_up_uses_up_nothing_of_another() -> None:
    throttle = LocalThrottle(SkippingClock())
    own = Limit(workspace_id="a", scope="model:m", per_minute=60.0, burst=2)
    all_together = Limit(workspace_id="", scope="model:m", most=1)
    assert await throttle.enter(turn("x", own, all_together)) == 0
    for _ in range(5):
        assert await throttle.enter(turn("y", own, all_together)) > 0
    await throttle.leave(turn("x", own, all_together))
    assert await throttle.enter(turn("y", own, all_together)) == 0


async def test_nothing_begins_under_a_rate_of_zero() -> None:
    throttle = LocalThrottle(SkippingClock())
    none = Limit(workspace_id="a", scope="tool:t", per_minute=0.0, burst=0)
    assert await throttle.enter(turn("x", none)) > 0


class Pool:
    """A tool that sees how many use it at once."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self.calls = 0

    async def swim(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        del arguments, context
        self.calls += 1
        self.inside += 1
        self.most = max(self.most, self.inside)
        await asyncio.sleep(0.005)
        self.inside -= 1
        return "wet"


async def test_the_calls_of_all_runs_together_keep_to_the_limit_of_their_tool() -> None:
    pool, journal = Pool(), InMemoryJournal(SystemClock())
    await journal.set_limit(Limit(workspace_id=WS, scope="tool:swim", most=2))
    tools = FunctionTools({"swim": FunctionTool(function=pool.swim)})
    plan = tuple(PlanTask(id=f"t{n}", objective="", tool="swim") for n in range(3))
    async with running_engine(journal=journal, tools=tools) as handle:
        made = [await handle.runs.create(WS, NewRun(goal=f"swim {n}", plan=plan)) for n in range(3)]
        async with asyncio.timeout(120):
            views = [await handle.runs.wait(WS, run_id) for run_id in made]
    assert {view.status for view in views} == {RunStatus.SUCCEEDED}
    assert (pool.most, pool.calls) == (2, 9)


async def test_a_cancelled_run_does_not_wait_for_its_turn() -> None:
    pool, journal = Pool(), InMemoryJournal(SystemClock())
    await journal.set_limit(Limit(workspace_id=WS, scope="tool:swim", per_minute=0.0, burst=0))
    tools = FunctionTools({"swim": FunctionTool(function=pool.swim)})
    plan = (PlanTask(id="t", objective="", tool="swim"),)
    async with running_engine(journal=journal, tools=tools) as handle:
        run_id = await handle.runs.create(WS, NewRun(goal="swim", plan=plan))
        await handle.runs.cancel(WS, run_id)
        async with asyncio.timeout(120):
            view = await handle.runs.wait(WS, run_id)
    assert (view.status, pool.calls) == (RunStatus.CANCELLED, 0)


async def test_a_tool_keeps_to_the_rate_that_it_declares_whoever_calls_it() -> None:
    clock, pool, journal = SkippingClock(), Pool(), InMemoryJournal(SystemClock())
    tools = FunctionTools({"swim": FunctionTool(function=pool.swim)})
    tools.specs()["swim"] = replace(tools.specs()["swim"], rate_per_minute=60.0)
    limits = CallLimits(KnownLimits(journal, clock), LocalThrottle(clock), clock, tools)
    begun: list[float] = []
    for n, workspace in enumerate(("a", "b", "a")):
        async with limits.turn(_call(n), _place(workspace), lambda: True):
            begun.append(clock.monotonic())
    assert [round(at - begun[0], 3) for at in begun] == [0.0, 1.0, 2.0]


def _call(n: int) -> ev.CallRequested:
    return ev.CallRequested(
        call_id=f"call_{n}",
        kind="tool",
        name="swim",
        purpose="step",
        task_id="t",
        effect=Effect.READ,
        idempotency_key="k",
        at="",
        start_by="",
        timeout=5.0,
    )


def _place(workspace_id: str) -> RunPlace:
    def none() -> RunState:
        raise AssertionError("nobody asks")

    return RunPlace(workspace_id=workspace_id, run_id="r", principal="", ours=lambda: True, state=none)
