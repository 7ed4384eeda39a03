"""Guardrails over the arguments with which agents call their tools, and over goals."""

from typing import Any

import pytest

from flowmatik.contracts.approvals import ApprovalPolicy
from flowmatik.contracts.guardrails import Guardrail, guardrail_fault
from flowmatik.contracts.models import ModelReply, ToolCall
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import RunStatus
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core.history import whole
from flowmatik.core.snapshots.shapes import text_of, value_of
from flowmatik.kernel import canonical
from tests.unit.core.test_verified_runs import EMAIL, KEY, Office, agent, plan

POLICY = ApprovalPolicy(approvers=("eva",))


def rail(on_fail: Any, check: Any = "pii", on: Any = ("tool_arguments",), **more: Any) -> Guardrail:
    return Guardrail(check=check, on=on, on_fail=on_fail, **more)


def acting() -> dict[str, Any]:
    return plan(PlanTask(id="a", objective="write", skill="letters", effect=Effect.ONCE))


def wish(*given: dict[str, Any], tool: str = "send", text: str = "") -> ModelReply:
    calls = tuple(ToolCall(id="", name=tool, arguments=one, raw=canonical.dumps(one)) for one in given)
    return ModelReply(text=text, tool_calls=calls)


class Desk(Office):
    """Keeps the arguments with which its tools were called."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.given: list[dict[str, Any]] = []

    async def _send(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        self.given.append(arguments)
        return await super()._send(arguments, context)


async def test_what_is_fixed_in_arguments_is_neither_sent_nor_kept_nor_told_to_a_model_again() -> None:
    call = {"to": [EMAIL, "all"], "text": f"the key is {KEY}"}
    desk = Desk(agent(rails=[rail("fix"), rail("fix", "secrets")]), wish(call, {"to": "x"}), "Done.")
    assert (await desk.run(**acting())).status is RunStatus.SUCCEEDED
    assert desk.given == [{"to": ["[email]", "all"], "text": "the key is [aws_key]"}, {"to": "x"}]
    for secret in (EMAIL, KEY):
        assert secret not in await desk.kept()
        assert secret not in desk.asked_of_models()
    (found,) = [
        guarded
        for event in await whole(desk.journal, desk.run_id)
        if event.type == "CallSucceeded" and (guarded := canonical.loads(event.payload).get("guarded"))
    ]
    told = [(one["kind"], one["count"], one["places"]) for one in found]
    assert told == [("email", 1, ["0$.to[0]"]), ("aws_key", 1, ["0$.text"])]


@pytest.mark.parametrize(("rails", "cache"), [([rail("fix")], False), ([rail("refuse")], None), ([], None)])
async def test_an_answer_that_has_to_be_fixed_first_is_not_kept_to_be_given_again(
    rails: list[Guardrail], cache: bool | None
) -> None:
    desk = Desk(agent(rails=rails), wish({"to": "all"}), "Done.")
    assert (await desk.run(**acting())).status is RunStatus.SUCCEEDED
    assert {request.cache for request in desk.models.requests} == {cache}


async def test_arguments_that_are_no_json_are_fixed_where_they_are_told_back() -> None:
    broken = ModelReply(
        text="", tool_calls=(ToolCall(id="", name="send", arguments=None, raw=f'{{"{EMAIL}'),)
    )
    desk = Desk(agent(rails=[rail("fix")]), broken, "Done.")
    assert (await desk.run(**acting())).status is RunStatus.SUCCEEDED
    assert EMAIL not in await desk.kept()
    assert "[email]" in desk.asked_of_models()


@pytest.mark.parametrize(("on_fail", "said"), [("refuse", "do without it"), ("retry", "call it again")])
async def test_a_tool_is_not_called_with_arguments_that_are_refused_and_the_model_is_told(
    on_fail: Any, said: str
) -> None:
    desk = Desk(agent(rails=[rail(on_fail)]), wish({"to": EMAIL}), wish({"to": "all"}), "Done.")
    assert (await desk.run(**acting())).status is RunStatus.SUCCEEDED
    assert desk.given == [{"to": "all"}]
    told = desk.models.requests[1].messages[-1].content
    assert "guardrails found email (1) in its arguments" in told
    assert said in told
    assert EMAIL not in told
    types = [event.type for event in await whole(desk.journal, desk.run_id)]
    assert (types.count("GuardrailTripped"), types.count("ToolRefused")) == (1, 1)


@pytest.mark.parametrize("decision", ["approve", "deny"])
async def test_people_decide_about_arguments_while_the_run_waits(decision: Any) -> None:
    rails = [rail("escalate", approval=POLICY)]
    desk = Desk(agent(rails=rails), wish({"to": EMAIL, "text": "hello"}), "Done.")
    view = await desk.run(decision=decision, **acting())
    assert view.status is RunStatus.SUCCEEDED
    assert (desk.asked.tool, desk.asked.arguments["place"]) == ("guardrail", "send")
    assert canonical.loads(desk.asked.arguments["text"]) == {"to": "[email]", "text": "hello"}
    assert desk.given == ([{"to": EMAIL, "text": "hello"}] if decision == "approve" else [])
    told = desk.models.requests[1].messages[-1].content
    assert ("eva did not let it be called" in told) == (decision == "deny")


async def test_people_who_agree_to_a_tool_are_asked_after_those_who_agree_to_its_arguments() -> None:
    rails = [rail("fix"), rail("refuse", "topic", words=("merger",))]
    clerk = agent(rails=rails, approvals={"send": POLICY})
    desk = Desk(clerk, wish({"to": "x", "text": "merger"}), wish({"to": EMAIL}), "Done.")
    await desk.run(decision="approve", **acting())
    assert desk.asked.arguments == {"to": "[email]"}
    assert desk.given == [{"to": "[email]"}]


async def test_the_default_looks_at_no_arguments_and_results_alone_can_be_named() -> None:
    desk = Desk(agent(rails=[rail("refuse", on="both")]), wish({"to": EMAIL}), "Done.")
    assert (await desk.run(**acting())).status is RunStatus.SUCCEEDED
    assert desk.given == [{"to": EMAIL}]
    results = agent(rails=[rail("fix", on=("tool_results",))])
    desk = Desk(results, wish({}, tool="look"), f"Write to {EMAIL}.", result={"to": EMAIL})
    view = await desk.run(f"Write to {EMAIL}.")
    assert "[email]" in desk.models.requests[1].messages[-1].content
    assert view.answer is not None
    assert EMAIL in view.answer.text


async def test_a_goal_that_is_given_to_one_agent_is_kept_as_its_guardrails_leave_it() -> None:
    desk = Desk(agent(rails=[rail("fix", on="input"), rail("retry", "secrets", on="input")]), "Done.")
    await desk.run(f"Write to {EMAIL}.")
    assert EMAIL not in await desk.kept()
    view = await desk.run(f"Use {KEY} for {EMAIL}.")
    assert view.error_code == "guardrail.refused"  # what is not to be fixed is decided, not hidden
    assert f"Use {KEY} for [email]." in await desk.kept()


@pytest.mark.parametrize("on", ["input", "both", "tool_arguments", ("output", "tool_arguments"), ("input",)])
def test_what_a_guardrail_is_on_survives_a_snapshot(on: Any) -> None:
    given = rail("fix", on=on)
    assert value_of(text_of(given, Guardrail), Guardrail) == given


def test_a_guardrail_on_nothing_is_a_fault() -> None:
    fault = guardrail_fault(rail("fix", on=()))
    assert fault is not None
    assert fault.code == "guardrail.on"
