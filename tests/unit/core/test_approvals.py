"""Calls that are made only once people have agreed."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from flowmatik.agents.loop import ReducerLoop
from flowmatik.app.texts import Texts
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.approvals import Approval, ApprovalPolicy, Escalation, Verdict
from flowmatik.contracts.models import ModelReply, ModelRequest, ToolCall
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core.brain import plan
from flowmatik.core.build import EngineHandle
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.kernel.errors import Conflict, InvalidInput, NotFound, PermissionDenied, PlanInvalid
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import eventually, running_engine
from tests.unit.core.resting import WS, Ahead, begun, ended, person, rested, told, waiting

SCHEMA = {"type": "object", "properties": {"amount": {"type": "integer"}}, "required": ["amount"]}


@dataclass
class Office:
    """An engine with a tool that pays, and what it has paid."""

    engine: EngineHandle
    journal: InMemoryJournal
    clock: Ahead
    paid: list[Any] = field(default_factory=lambda: [])

    async def asked(self, policy: ApprovalPolicy, **new: Any) -> tuple[str, Approval]:
        task = PlanTask(
            id="s", objective="", tool="pay", effect=Effect.ONCE, arguments={"amount": 5}, approval=policy
        )
        run_id = await begun(self.engine, task, **new)
        return run_id, await self.only()

    async def only(self) -> Approval:
        (item,) = (await self.engine.approvals.list(WS)).items
        return item

    async def decide(self, approval: Approval, name: str, decision: Any = "approve", **more: Any) -> Approval:
        verdict = Verdict(decision=decision, arguments_hash=approval.arguments_hash, **more)
        return await self.engine.approvals.decide(WS, approval.id, verdict, by=person(name))


@asynccontextmanager
async def office(**given: Any) -> AsyncGenerator[Office]:
    clock = Ahead()
    journal = InMemoryJournal(clock)
    paid: list[Any] = []

    async def pay(arguments: dict[str, Any], context: ToolContext) -> Any:
        paid.append(arguments["amount"])
        return {"paid": arguments["amount"]}

    tool = FunctionTool(function=pay, effect=Effect.ONCE, parameters=SCHEMA)
    tools = FunctionTools({"pay": tool})
    async with running_engine(journal=journal, clock=clock, tools=tools, **given) as engine:
        yield Office(engine, journal, clock, paid)


async def test_a_call_is_made_only_once_somebody_has_approved_it() -> None:
    async with office() as at:
        run_id, approval = await at.asked(ApprovalPolicy())
        view = await at.engine.runs.get(WS, run_id)
        assert (view.status, view.waiting_for, at.paid) == (RunStatus.WAITING, "approval", [])
        assert [one.id for one in view.approvals] == [approval.id]
        decided = await at.decide(approval, "anna", comment="fine")
        view = await ended(at.engine, run_id)
    assert (decided.status, decided.decided_by, decided.comment) == ("approved", "anna", "fine")
    assert (view.status, at.paid, view.approvals) == (RunStatus.SUCCEEDED, [5], ())
    events = await told(at.journal, run_id)
    assert events.index("ApprovalRequested") < events.index("ApprovalDecided") < events.index("CallRequested")


async def test_what_is_denied_is_not_called_and_fails_its_step() -> None:
    async with office() as at:
        run_id, approval = await at.asked(ApprovalPolicy())
        await at.decide(approval, "anna", "deny", comment="too much")
        view = await ended(at.engine, run_id)
    assert (view.status, view.tasks[0].error_code, at.paid) == (RunStatus.FAILED, "approval.denied", [])
    assert "too much" in view.error
    await told(at.journal, run_id)


async def test_the_second_to_decide_hears_who_decided_what_and_when() -> None:
    async with office() as at:
        run_id, approval = await at.asked(ApprovalPolicy())
        first = await at.decide(approval, "anna")
        with pytest.raises(Conflict) as second:
            await at.decide(approval, "ben", "deny")
        await ended(at.engine, run_id)
    assert second.value.code == "conflict.decided"
    assert second.value.context == {"approved_by": "anna", "at": first.decided_at}
    assert at.paid == [5]


async def test_of_many_who_decide_at_once_one_does() -> None:
    async with office() as at:
        run_id, approval = await at.asked(ApprovalPolicy())
        answers = await asyncio.gather(
            *(at.decide(approval, f"p{n}", "approve" if n % 2 else "deny") for n in range(20)),
            return_exceptions=True,
        )
        await ended(at.engine, run_id)
    assert sum(isinstance(one, Approval) for one in answers) == 1
    assert (await told(at.journal, run_id)).count("ApprovalDecided") == 1


async def test_as_many_must_agree_as_the_quorum_says_and_nobody_counts_twice() -> None:
    async with office() as at:
        run_id, approval = await at.asked(ApprovalPolicy(approvers=("anna", "ben", "cleo"), quorum=2))
        assert (await at.decide(approval, "anna")).status == "pending"
        with pytest.raises(Conflict) as again:
            await at.decide(approval, "anna")
        with pytest.raises(PermissionDenied) as stranger:
            await at.decide(approval, "zoe")
        assert at.paid == []
        view = await rested(at.engine, run_id)
        assert [one.approvals for one in view.approvals] == [1]
        assert (await at.decide(approval, "cleo")).status == "approved"
        await ended(at.engine, run_id)
    assert (again.value.code, stranger.value.code) == ("conflict.voted", "auth.denied.approver")
    assert at.paid == [5]
    assert "ApprovalVoted" in await told(at.journal, run_id)


async def test_an_api_key_stands_for_nobody_who_is_named_or_counted() -> None:
    async with office() as at:
        key = replace(person("anna"), id="key_1")
        for policy in (ApprovalPolicy(approvers=("anna",)), ApprovalPolicy(quorum=2)):
            run_id, approval = await at.asked(policy)
            verdict = Verdict(decision="approve", arguments_hash=approval.arguments_hash)
            with pytest.raises(PermissionDenied) as error:
                await at.engine.approvals.decide(WS, approval.id, verdict, by=key)
            assert error.value.code == "auth.denied.approver_key"
            await at.engine.runs.cancel(WS, run_id)
            await ended(at.engine, run_id)


async def test_changed_arguments_are_what_is_called_and_void_the_votes_for_others() -> None:
    async with office() as at:
        run_id, approval = await at.asked(ApprovalPolicy(quorum=2))
        await at.decide(approval, "anna")
        edited = await at.decide(approval, "ben", arguments={"amount": 4})
        assert (edited.status, edited.arguments) == ("pending", {"amount": 4})
        assert [vote.void for vote in edited.votes] == [True, False]
        with pytest.raises(Conflict) as old:
            await at.decide(approval, "cleo")
        await at.decide(edited, "anna")
        await ended(at.engine, run_id)
    assert old.value.code == "conflict.arguments"
    assert at.paid == [4]
    await told(at.journal, run_id)


async def test_changed_arguments_must_fit_the_tool() -> None:
    async with office() as at:
        _, approval = await at.asked(ApprovalPolicy())
        with pytest.raises(InvalidInput, match="amount") as error:
            await at.decide(approval, "anna", arguments={"amount": "much"})
        with pytest.raises(InvalidInput) as denied:
            await at.decide(approval, "anna", "deny", arguments={"amount": 1})
        assert (await at.only()).status == "pending"
    assert error.value.code == "input.approval.arguments"
    said = Texts("es").error(error.value)
    assert said.endswith("la herramienta 'pay': amount: no encaja («'much' no es del tipo 'integer'»)")
    assert denied.value.code == "input.approval.denied_arguments"


@pytest.mark.parametrize(("on_expiry", "paid"), [("deny", []), ("approve", [5])])
async def test_what_nobody_decides_in_time_the_policy_does(on_expiry: Any, paid: list[int]) -> None:
    async with office() as at:
        run_id, approval = await at.asked(ApprovalPolicy(expires_seconds=60, on_expiry=on_expiry, quorum=2))
        at.clock.put_on(61)
        with pytest.raises(Conflict) as late:
            await at.decide(approval, "anna")
        await ended(at.engine, run_id)
        decided = await at.engine.approvals.get(WS, approval.id)
    assert late.value.code in ("conflict.expired", "conflict.decided")
    assert (decided.decided_by, at.paid) == ("expiry", paid)
    await told(at.journal, run_id)


async def test_after_a_while_others_may_decide_too() -> None:
    policy = ApprovalPolicy(
        approvers=("anna",), escalations=(Escalation(after_seconds=60, approvers=("boss",)),)
    )
    async with office() as at:
        run_id, approval = await at.asked(policy)
        with pytest.raises(PermissionDenied):
            await at.decide(approval, "boss")
        at.clock.put_on(61)

        async def escalated() -> bool:
            return "ApprovalEscalated" in await told(at.journal, run_id)

        await eventually(escalated)
        view = await rested(at.engine, run_id)
        assert view.approvals[0].approvers == ("anna", "boss")
        await at.decide(approval, "boss")
        await ended(at.engine, run_id)
    assert at.paid == [5]


async def test_a_cancelled_run_needs_no_decision() -> None:
    async with office() as at:
        run_id, approval = await at.asked(ApprovalPolicy())
        await at.engine.runs.cancel(WS, run_id)
        await ended(at.engine, run_id)
        assert (await at.engine.approvals.get(WS, approval.id)).status == "cancelled"
        with pytest.raises(Conflict) as late:
            await at.decide(approval, "anna")
    assert (late.value.code, at.paid) == ("conflict.approval_closed", [])


async def test_an_approval_is_seen_from_its_own_workspace_alone() -> None:
    async with office() as at:
        _, approval = await at.asked(ApprovalPolicy())
        assert (await at.engine.approvals.list("other")).items == ()
        with pytest.raises(NotFound) as error:
            await at.engine.approvals.get("other", approval.id)
    assert error.value.code == "not_found.approval"


async def test_a_decision_is_heard_by_the_next_process() -> None:
    journal = InMemoryJournal(Ahead())
    async with running_engine(journal=journal) as engine:
        task = PlanTask(id="s", objective="", tool="echo", approval=ApprovalPolicy())
        run_id = await begun(engine, task)
    async with running_engine(journal=journal) as engine:
        (approval,) = (await engine.approvals.list(WS)).items
        verdict = Verdict(decision="approve", arguments_hash=approval.arguments_hash)
        await engine.approvals.decide(WS, approval.id, verdict, by=person("anna"))
        assert (await ended(engine, run_id)).status is RunStatus.SUCCEEDED


PAYER = AgentVersion(
    name="payer",
    version="0" * 12,
    role="payer",
    summary="",
    instructions="Pay.",
    tools=("pay",),
    approvals={"pay": ApprovalPolicy()},
)


def wishing(request: ModelRequest) -> ModelReply:
    """Two payments, then what the tools said."""
    answers = [message.content for message in request.messages if message.role == "tool"]
    if answers:
        return ModelReply(text=" | ".join(answers))
    calls = tuple(ToolCall(id=f"c{n}", name="pay", arguments={"amount": n}, raw="") for n in (1, 2))
    return ModelReply(text="", tool_calls=calls)


async def test_an_agent_is_told_what_was_denied_and_may_do_without() -> None:
    async with office(agents=(PAYER,), loop=ReducerLoop(), models=ScriptedModels(wishing)) as at:
        run_id = await at.engine.runs.create(WS, NewRun(goal="pay", agent="payer"))
        await rested(at.engine, run_id)
        one, two = (await at.engine.approvals.list(WS)).items
        await at.decide(one, "anna", "deny", comment="no")
        await at.decide(two, "anna")
        view = await ended(at.engine, run_id)
    assert (view.status, at.paid) == (RunStatus.SUCCEEDED, [2])
    assert view.answer is not None
    assert "did not approve" in view.answer.text
    await told(at.journal, run_id)


async def test_approvals_of_a_task_that_has_failed_otherwise_are_withdrawn() -> None:
    async with office() as at:
        run_id, approval = await at.asked(ApprovalPolicy(), deadline_seconds=60)
        at.clock.put_on(61)
        assert (await ended(at.engine, run_id)).error_code == "run.deadline"
        assert (await at.engine.approvals.get(WS, approval.id)).status == "cancelled"


@pytest.mark.parametrize(
    "policy",
    [
        ApprovalPolicy(quorum=0),
        ApprovalPolicy(approvers=("a",), quorum=2),
        ApprovalPolicy(expires_seconds=-1.0),
        ApprovalPolicy(on_expiry=cast("Any", "shrug")),
        ApprovalPolicy(escalations=(Escalation(after_seconds=1, approvers=()),)),
        ApprovalPolicy(escalations=(Escalation(after_seconds=float("nan"), approvers=("a",)),)),
        ApprovalPolicy(escalations=(Escalation(after_seconds=1, approvers=("a",)),) * 11),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(policy: ApprovalPolicy) -> None:
    task = PlanTask(id="s", objective="", tool="pay", approval=policy)
    with pytest.raises(PlanInvalid) as error:
        plan.check((task,), (), frozenset({"pay"}))
    details: Any = error.value.context["details"]
    assert [detail["code"] for detail in details] == ["plan.approval"]


def test_only_a_step_that_calls_a_tool_can_ask_people() -> None:
    task = replace(waiting("w", "signal", name="x"), approval=ApprovalPolicy())
    with pytest.raises(PlanInvalid) as error:
        plan.check((task,), (), frozenset())
    details: Any = error.value.context["details"]
    assert [detail["code"] for detail in details] == ["plan.approval_tool"]
