"""A plan from outside may do what a profile permits, asks whom a profile asks, and names what is wrong."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.approvals import ApprovalPolicy
from flowmatik.contracts.plans import (
    MAX_PLAN_TASKS,
    Compensation,
    MapSpec,
    PlanTask,
    SubRunSpec,
    WaitSpec,
)
from flowmatik.contracts.runs import NewRun
from flowmatik.core.asked import check_size
from flowmatik.core.brain import plan as plans
from flowmatik.core.brain.plan_faults import refusal
from flowmatik.core.plan_rights import permitted
from flowmatik.kernel.errors import PlanInvalid
from flowmatik.testing.agents import GivenAgents
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import echo, running_engine

TWO = ApprovalPolicy(approvers=("ana", "eva"), quorum=2)
BASE = AgentVersion(name="reader", version="1", role="r", summary="", instructions="", tools=("look",))
CLERK = replace(BASE, name="clerk", tools=("send", "look"), approvals={"send": TWO})
TOOLS = FunctionTools({name: FunctionTool(function=echo) for name in ("look", "send", "lone")}).specs()


def step(tool: str, **more: Any) -> PlanTask:
    return PlanTask(id="t", objective="", tool=tool, **more)


async def asked(
    *plan: PlanTask, agent: str = "", agents: Sequence[AgentVersion] = (BASE, CLERK)
) -> tuple[tuple[PlanTask, ...], list[str]]:
    allowed, found = await permitted(GivenAgents(agents), TOOLS, "w", agent, plan)
    return allowed, [one.code for one in found]


async def test_a_step_may_call_what_any_agent_of_the_workspace_may() -> None:
    assert await asked(step("look")) == ((step("look"),), [])
    assert (await asked(step("lone")))[1] == ["plan.rights.nobody"]
    assert (await asked(step("look"), agents=()))[1] == ["plan.rights.nobody"]


@pytest.mark.parametrize(("given", "agent"), [(step("send", agent="reader"), ""), (step("send"), "reader")])
async def test_a_step_of_one_agent_may_call_only_what_that_one_may(given: PlanTask, agent: str) -> None:
    assert (await asked(given, agent=agent))[1] == ["plan.rights.agent"]
    assert (await asked(replace(given, agent="nobody")))[1] == ["plan.agent"]


async def test_whom_a_profile_asks_is_asked_for_a_step_as_well() -> None:
    plan, found = await asked(step("send"))
    assert (plan[0].approval, found) == (TWO, [])
    assert (await asked(step("send", approval=TWO)))[1] == []
    assert (await asked(step("send", approval=ApprovalPolicy())))[1] == ["plan.rights.approval"]
    free = replace(BASE, name="free", tools=("send",))
    assert (await asked(step("send"), agents=(CLERK, free)))[0][0].approval is None
    assert (await asked(step("send", agent="clerk"), agents=(CLERK, free)))[0][0].approval == TWO


async def test_what_is_taken_back_is_permitted_and_asks_nobody() -> None:
    undone = step("look", compensation=Compensation(tool="lone"))
    assert (await asked(undone))[1] == ["plan.rights.nobody"]
    assert (await asked(step("look", compensation=Compensation(tool="send"))))[1] == ["plan.rights.undo"]


async def test_runs_within_a_run_may_do_no_more() -> None:
    within = SubRunSpec(goal="g", plan=(step("send"), PlanTask(id="u", objective="", tool="lone")))
    for outer in (
        PlanTask(id="o", objective="", run=within),
        PlanTask(id="o", objective="", map=MapSpec(items=[1], run=within)),
    ):
        allowed, found = await permitted(GivenAgents([BASE, CLERK]), TOOLS, "w", "", (outer,))
        assert allowed[0].below is not None
        assert allowed[0].below.plan[0].approval == TWO
        error = refusal(found)
        assert error.context["faults"] == [f"o/u.tool: {found[0].text}"]
        assert (await asked(outer, agent="reader"))[1] == ["plan.rights.agent", "plan.rights.agent"]


async def test_every_fault_names_its_task_and_field() -> None:
    plan = (
        PlanTask(id="a", objective="", tool="look", needs=("gone",)),
        PlanTask(id="b", objective="", wait=WaitSpec(kind="signal", name="no name")),
        PlanTask(id="c", objective="", map=MapSpec(items=None, run=SubRunSpec(goal="g", agent="x"))),
        PlanTask(id="c", objective="", tool="none"),
    )
    error = refusal(plans.faults(plan, (BASE,), frozenset(TOOLS)))
    places = {
        line.partition(":")[0] for line in error.message.removeprefix("the plan cannot run: ").split("; ")
    }
    assert {"a.needs", "b.wait.name", "c.map.items", "c.agent", "c.tool", "c.id"} <= places


async def test_an_engine_that_goes_by_profiles_refuses_before_there_is_a_run() -> None:
    async with running_engine(agents=(BASE,), by_profile=True) as engine:
        with pytest.raises(PlanInvalid) as caught:
            await engine.runs.create("w", NewRun(goal="g", plan=(step("echo"),)))
        assert "t.tool" in caught.value.message
        assert (await engine.runs.list("w")).items == ()
    may = replace(BASE, tools=("echo",))
    async with running_engine(agents=(may,), by_profile=True) as engine:
        assert await engine.runs.create("w", NewRun(goal="g", plan=(step("echo"),)))


def test_a_plan_has_an_end_with_its_sub_runs_too() -> None:
    inner = tuple(PlanTask(id=f"i{n}", objective="", tool="look") for n in range(24))
    outer = tuple(PlanTask(id=f"o{n}", objective="", run=SubRunSpec(goal="g", plan=inner)) for n in range(20))
    check_size(outer)
    with pytest.raises(PlanInvalid, match=f"at most {MAX_PLAN_TASKS}"):
        check_size((*outer, outer[0]))
