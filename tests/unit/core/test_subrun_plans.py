"""A run within a run whose plan people must agree to: the outer run waits, and hears how it ends."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentVersion, Planning
from flowmatik.contracts.approvals import Approval, ApprovalPolicy, Verdict
from flowmatik.contracts.models import ModelReply, ModelRequest
from flowmatik.contracts.plans import PlanTask, SubRunSpec
from flowmatik.contracts.runs import NewRun, RunStatus, RunView, TaskStatus
from flowmatik.core.brain.plan_approvals import arguments_of
from flowmatik.core.build import EngineHandle
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import Conflict, PlanInvalid
from flowmatik.testing.models import ScriptedModels
from tests.histories.planning import FOUND, PLANNER, POET, READER
from tests.unit.core.engines import eventually, running_engine
from tests.unit.core.test_planners import PERSON, plans

WS = "w"
PLAN = (
    PlanTask(id="inner", objective="", run=SubRunSpec(goal="Who signs in Cork?")),
    PlanTask(id="after", objective="", tool="echo", needs=("inner",)),
)


def asking(**policy: Any) -> tuple[AgentVersion, ...]:
    planning = Planning(order=("model",), approval=ApprovalPolicy(**policy))
    return replace(PLANNER, planning=planning), POET, READER


class Said:
    """A model that plans one task and answers it, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, request: ModelRequest) -> ModelReply:
        self.asked.append(str(request.messages[-1].content))
        if "alternatives" in (request.output_schema or {}).get("properties", {}):
            return plans("look")
        return ModelReply(text=canonical.dumps(FOUND))


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
async def engine(said: Said) -> AsyncIterator[EngineHandle]:
    models = ScriptedModels(said, model="custom/m")
    async with running_engine(models=models, agents=asking(), loop=ReducerLoop()) as opened:
        yield opened


async def begun(engine: EngineHandle) -> tuple[str, Approval]:
    """The outer run, and what is asked about the plan of the inner one."""
    run_id = await engine.runs.create(WS, NewRun(goal="outer", plan=PLAN))

    async def is_asked() -> bool:
        return bool((await engine.approvals.list(WS)).items)

    await eventually(is_asked)
    (asked,) = (await engine.approvals.list(WS)).items
    return run_id, asked


def about(asked: Approval, decision: Any = "approve", **more: Any) -> Verdict:
    return Verdict(decision=decision, arguments_hash=asked.arguments_hash, **more)


async def replayed(engine: EngineHandle, *run_ids: str) -> None:
    for run_id in run_ids:
        assert (await engine.runs.replay(WS, run_id)).differences == ()


async def ended(engine: EngineHandle, run_id: str) -> RunView:
    async def has() -> bool:
        return (await engine.runs.get(WS, run_id)).status.ended

    await eventually(has)
    return await engine.runs.get(WS, run_id)


async def test_the_outer_run_rests_until_people_have_agreed_to_the_inner_plan(
    engine: EngineHandle, said: Said
) -> None:
    run_id, asked = await begun(engine)
    outer, inner = await engine.runs.get(WS, run_id), await engine.runs.get(WS, asked.run_id)
    assert (inner.status, inner.waiting_for, inner.parent) == (RunStatus.WAITING, "approval", run_id)
    assert (outer.status, outer.waiting_for) == (RunStatus.RUNNING, "subruns")
    assert (outer.tasks[0].status, outer.tasks[1].status) == (TaskStatus.RUNNING, TaskStatus.PENDING)
    assert not engine.engine.drives(run_id)
    assert len(said.asked) == 1
    await engine.approvals.decide(WS, asked.id, about(asked), by=PERSON)
    outer = await ended(engine, run_id)
    assert outer.status is RunStatus.SUCCEEDED, outer
    assert [task.status for task in outer.tasks] == [TaskStatus.SUCCEEDED] * 2
    assert [one.id for one in (await engine.runs.get(WS, inner.id)).tasks] == ["look"]
    await replayed(engine, run_id, inner.id)


async def test_a_plan_that_is_changed_is_what_the_inner_run_does(engine: EngineHandle) -> None:
    run_id, asked = await begun(engine)
    edited = (PlanTask(id="x", objective="Who signs in Cork since May?", skill="documents"),)
    for wrong in (
        (replace(edited[0], skill="painting"),),
        (replace(edited[0], agent="nobody"),),
        (replace(edited[0], needs=("y",)), replace(edited[0], id="y", needs=("x",))),
    ):
        with pytest.raises(PlanInvalid):
            await engine.approvals.decide(
                WS, asked.id, about(asked, arguments=arguments_of(wrong)), by=PERSON
            )
    assert (await engine.approvals.get(WS, asked.id)).status == "pending"
    await engine.approvals.decide(WS, asked.id, about(asked, arguments=arguments_of(edited)), by=PERSON)
    assert (await ended(engine, run_id)).status is RunStatus.SUCCEEDED
    inner = await engine.runs.get(WS, asked.run_id)
    assert (inner.plan_edited_by, [one.id for one in inner.tasks]) == ("ana", ["x"])
    await replayed(engine, run_id, inner.id)


async def test_a_plan_that_is_refused_fails_the_task_with_who_and_why(
    engine: EngineHandle, said: Said
) -> None:
    run_id, asked = await begun(engine)
    await engine.approvals.decide(WS, asked.id, about(asked, "deny", comment="not in Cork"), by=PERSON)
    outer = await ended(engine, run_id)
    assert (outer.status, outer.error_code) == (RunStatus.FAILED, "run.plan_denied")
    assert "ana did not approve the plan: not in Cork" in outer.error
    assert [task.status for task in outer.tasks] == [TaskStatus.FAILED, TaskStatus.SKIPPED]
    inner = await engine.runs.get(WS, asked.run_id)
    assert (inner.status, inner.tasks) == (RunStatus.FAILED, ())
    assert len(said.asked) == 1
    with pytest.raises(Conflict):
        await engine.approvals.decide(WS, asked.id, about(asked), by=PERSON)
    await replayed(engine, run_id, inner.id)


@pytest.mark.parametrize("hard", [False, True])
async def test_a_cancel_of_the_outer_run_withdraws_what_is_asked(engine: EngineHandle, hard: bool) -> None:
    run_id, asked = await begun(engine)
    if hard:
        await engine.control.cancel_hard(WS, run_id, reason="no more")
    else:
        await engine.runs.cancel(WS, run_id, reason="no more")
    outer = await ended(engine, run_id)
    assert outer.status is RunStatus.CANCELLED
    assert (await ended(engine, asked.run_id)).status is RunStatus.CANCELLED
    assert (await engine.approvals.get(WS, asked.id)).status == "cancelled"
    assert (await engine.approvals.list(WS)).items == ()
    with pytest.raises(Conflict) as late:
        await engine.approvals.decide(WS, asked.id, about(asked), by=PERSON)
    assert late.value.code == "conflict.approval_closed"
    await replayed(engine, run_id, asked.run_id)


async def test_a_decision_and_a_cancel_at_once_end_in_one_way(engine: EngineHandle) -> None:
    run_id, asked = await begun(engine)
    done = await asyncio.gather(
        engine.runs.cancel(WS, run_id, reason="no more"),
        engine.approvals.decide(WS, asked.id, about(asked), by=PERSON),
        return_exceptions=True,
    )
    assert all(one is None or not isinstance(one, BaseException) or isinstance(one, Conflict) for one in done)
    outer, inner = await ended(engine, run_id), await ended(engine, asked.run_id)
    assert outer.status is RunStatus.CANCELLED
    assert inner.status in (RunStatus.CANCELLED, RunStatus.SUCCEEDED)
    assert (await engine.approvals.list(WS)).items == ()
    await replayed(engine, run_id, inner.id)
