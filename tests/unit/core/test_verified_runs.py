"""Runs whose results are verified by criteria and guarded on both sides, through an engine in memory."""

from collections.abc import Sequence
from typing import Any

import pytest

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.approvals import ApprovalPolicy, Decision, Verdict
from flowmatik.contracts.criteria import Arithmetic, CitationsSupport, Claim, Criterion, Judge, ToolEvidence
from flowmatik.contracts.guardrails import Guardrail
from flowmatik.contracts.models import ModelReply, ModelRequest, ToolCall, Usage
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus, RunView
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core import events as ev
from flowmatik.core.brain.plan import faults
from flowmatik.core.engine.held import held_back
from flowmatik.core.history import whole
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.state import RunState, TaskState
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import ToolError
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import running_engine
from tests.unit.core.resting import WS, ended, person, rested, told

EMAIL, KEY = "ana@example.org", "AKIAIOSFODNN7EXAMPLE"
FINDING = {"type": "object", "required": ["found", "text", "citations"]}
PASSAGE = "The contract is worth 1,200 EUR and Ana signs it."


def agent(
    *criteria: Criterion, rails: Sequence[Guardrail] = (), finding: bool = False, **more: Any
) -> AgentVersion:
    return AgentVersion(
        name="clerk", version="0" * 12, role="clerk", summary="", instructions="Write.", skills=("letters",),
        tools=("look", "send", "memory_search"), criteria=criteria, guardrails=tuple(rails),
        output_schema=FINDING if finding else None, **more,
    )  # fmt: skip


def wish(tool: str) -> ModelReply:
    return ModelReply(text="", tool_calls=(ToolCall(id="", name=tool, arguments={}),))


def finding(text: str) -> str:
    citations = [{"n": 1, "passage_id": "p", "quote": "worth 1,200 EUR"}]
    return canonical.dumps({"found": True, "text": text, "citations": citations})


class Office:
    """Whoever runs one agent with a script of replies; `view` is how that ended, or rests."""

    cites = True  # whether there is a tool that checks citations

    def __init__(self, clerk: AgentVersion, *replies: str | ModelReply, result: Any = None) -> None:
        self._left = [one if isinstance(one, ModelReply) else ModelReply(text=one) for one in replies]
        self.agent = clerk
        self.journal = InMemoryJournal(SystemClock())
        self.sent = 0
        self._result = {"rows": [1]} if result is None else result
        self.models = ScriptedModels(self.reply)

    def reply(self, request: ModelRequest) -> ModelReply:
        del request
        return self._left.pop(0)

    async def _look(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        return self._result

    async def _send(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        self.sent += 1
        return {"sent": True}

    async def _cite(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        cited: list[dict[str, Any]] = arguments["finding"]["citations"]
        assert all(str(one["quote"]) in PASSAGE for one in cited)
        rows: list[dict[str, Any]] = [{**one, "source": "a.md", "lines": [1, 1]} for one in cited]
        fits: list[Any] = ["schema", True, "fits", "schema.fits", {}]
        return {"passed": True, "checks": [fits], "citations": rows}

    async def _search(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        return {"passages": [{"id": "p", "source": "a.md", "title": "A", "heading": "", "text": PASSAGE}]}

    async def run(self, goal: str = "Write.", decision: Decision | None = None, **new: Any) -> RunView:
        tools = FunctionTools(
            {
                "cite" if not self.cites else "citations_check": FunctionTool(
                    function=self._cite, effect=Effect.READ
                ),
                "look": FunctionTool(function=self._look, effect=Effect.READ),
                "send": FunctionTool(function=self._send, effect=Effect.ONCE),
                "memory_search": FunctionTool(function=self._search, effect=Effect.READ),
            }
        )
        new = new or {"agent": "clerk"}
        async with running_engine(
            journal=self.journal, models=self.models, tools=tools, agents=(self.agent,), loop=ReducerLoop()
        ) as engine:
            self.run_id = await engine.runs.create(WS, NewRun(goal=goal, **new))
            view = await rested(engine, self.run_id)
            if decision:
                (pending,) = view.approvals
                self.asked = pending
                verdict = Verdict(decision=decision, arguments_hash=pending.arguments_hash)
                await engine.approvals.decide(WS, pending.id, verdict, by=person("eva"))
                view = await ended(engine, self.run_id)
        await told(self.journal, self.run_id)
        return view

    async def kept(self) -> str:
        return "\n".join(event.payload for event in await whole(self.journal, self.run_id))

    def asked_of_models(self) -> str:
        return canonical.dumps([request.messages for request in self.models.requests])


def plan(task: PlanTask | None = None) -> dict[str, Any]:
    return {"plan": (task or PlanTask(id="a", objective="write", skill="letters"),)}


EVIDENCE = ToolEvidence(check="tool_evidence", claims=(Claim(action="sent", tools=("send",)),))
ARITHMETIC = Arithmetic(check="arithmetic")
JUDGE = Judge(check="judge", rubric="It is polite.", model="local/judge")


def verdict(passed: object = True, score: object = 1) -> str:
    return canonical.dumps({"passed": passed, "score": score, "reason": "it is rude"})


async def test_who_claims_an_email_that_was_never_sent_is_told_so_and_tries_again() -> None:
    office = Office(agent(EVIDENCE), "He enviado el correo.", "No he enviado nada.")
    view = await office.run(**plan())
    assert view.status is RunStatus.SUCCEEDED
    assert "no call of send succeeded" in office.asked_of_models()
    assert [(c.code, c.passed) for c in view.verified] == [("tool_evidence.none", True)]


async def test_a_claim_with_its_tool_outcome_passes_and_one_with_another_tool_does_not() -> None:
    office = Office(agent(EVIDENCE), wish("send"), "I have sent it.")
    view = await office.run()
    assert (view.status, office.sent) == (RunStatus.SUCCEEDED, 1)
    view = await Office(agent(EVIDENCE), wish("look"), "I have sent it.").run()
    assert (view.status, view.error_code) == (RunStatus.FAILED, "verify.failed")


async def test_a_sum_that_is_off_is_told_and_fails_the_task_the_second_time() -> None:
    office = Office(agent(ARITHMETIC), "It makes 20 + 5 = 26.", "It makes 20 + 5 = 27.")
    view = await office.run(**plan())
    assert (view.status, view.error_code) == (RunStatus.FAILED, "verify.failed")
    assert "it is 25" in office.asked_of_models()


async def test_what_is_optional_is_told_and_fails_nothing() -> None:
    office = Office(agent(Arithmetic(check="arithmetic", optional=True)), "It makes 20 + 5 = 26.")
    view = await office.run(**plan())
    assert view.status is RunStatus.SUCCEEDED
    assert [(c.passed, c.optional) for c in view.verified] == [(False, True)]


@pytest.mark.parametrize("unsupported", ["fail", "mark", "drop"])
async def test_a_figure_that_was_changed_in_a_citation_is_found(unsupported: Any) -> None:
    wrong = finding("Ana signs [1]. It is worth 1,300 EUR [1].")
    right = finding("It is worth 1.200 EUR [1].")
    clerk = agent(CitationsSupport(check="citations", unsupported=unsupported), finding=True)
    office = Office(clerk, wish("memory_search"), wrong, wish("memory_search"), right)
    view = await office.run(**plan())
    assert view.answer is not None
    text, codes = view.answer.text, [c.code for c in view.verified]
    if unsupported == "fail":
        assert text == "It is worth 1.200 EUR [1]."
        assert "1,300" in office.asked_of_models()
    elif unsupported == "mark":
        assert text.startswith("Ana signs [1]. It is worth 1,300 EUR [1]. [unsupported]")
        assert "support.marked" in codes
    else:
        assert text == "Ana signs [1].\n\n1 sentence was left out: what it cited did not support it."
        assert "support.dropped" in codes
    assert [c.quote for c in view.answer.citations] == ["worth 1,200 EUR"]


async def test_citations_that_nobody_can_look_up_are_no_pass() -> None:
    office = Office(
        agent(CitationsSupport(check="citations"), finding=True), *[finding("Ana signs [1].")] * 2
    )
    office.cites = False
    view = await office.run(**plan())
    assert view.error_code == "verify.failed"
    assert [c.code for c in view.tasks[0].checks] == ["support.unchecked"]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (verdict(), "judge.passed"),
        (verdict(False), "judge.failed"),
        (verdict(True, 0.2), "judge.failed"),
        (verdict("yes"), "judge.malformed"),
        (verdict(1), "judge.malformed"),
        (verdict(True, 7), "judge.malformed"),
        ("It is fine.", "judge.malformed"),
        ("[]", "judge.malformed"),
        ('{"passed": true}', "judge.malformed"),
        (ModelReply(text="I cannot judge that.", finish="refused"), "judge.refused"),
        (ModelReply(text=verdict(), finish="length"), "judge.malformed"),
    ],
)
async def test_only_a_whole_verdict_that_agrees_is_a_pass(reply: str | ModelReply, code: str) -> None:
    office = Office(agent(JUDGE), "Dear Ana,", reply, "Dear Ana,", reply)
    view = await office.run(**plan())
    task = view.tasks[0]
    assert [c.code for c in task.checks] == [code]
    assert view.status is (RunStatus.SUCCEEDED if code == "judge.passed" else RunStatus.FAILED)
    assert {r.model for r in office.models.requests} == {"local/scripted", "local/judge"}


async def test_a_judge_is_asked_only_when_everything_else_has_passed() -> None:
    office = Office(agent(JUDGE, ARITHMETIC), "2 + 2 = 5", "2 + 2 = 4", verdict())
    assert (await office.run(**plan())).status is RunStatus.SUCCEEDED
    assert sum(r.model == "local/judge" for r in office.models.requests) == 1


@pytest.mark.parametrize(("budget", "code"), [(0.0001, "judge.away"), (0.01, "judge.passed")])
async def test_a_judge_has_a_budget_of_its_own(budget: float, code: str) -> None:
    judge = Judge(check="judge", rubric="It is polite.", budget_usd=budget, optional=True)
    office = Office(agent(judge), "Dear Ana,", ModelReply(text=verdict(), usage=Usage(), cost_micros=900))
    office.models = ScriptedModels(office.reply, worst_micros=1000)
    view = await office.run(**plan())
    assert view.status is RunStatus.SUCCEEDED
    (check,) = view.verified
    assert check.code == code
    if code == "judge.away":
        assert check.values["fault"]["code"] == "budget.exhausted"


async def test_a_plan_has_criteria_of_its_own_beside_those_of_the_profile() -> None:
    task = PlanTask(id="a", objective="write", skill="letters", checks=(ARITHMETIC, JUDGE))
    office = Office(agent(EVIDENCE, ARITHMETIC), "2 + 2 = 4", verdict())
    view = await office.run(**plan(task))
    assert [c.criterion for c in view.verified] == ["tool_evidence", "arithmetic", "judge"]


def test_criteria_of_a_plan_that_cannot_be_used_are_told() -> None:
    bad = (Judge(check="judge", rubric=""), ToolEvidence(check="tool_evidence", claims=()))
    tasks = (
        PlanTask(id="a", objective="write", skill="letters", checks=bad),
        PlanTask(id="b", objective="", tool="look", checks=(ARITHMETIC,)),
    )
    found = [fault.code for fault in faults(tasks, (agent(),), frozenset({"look"}))]
    assert found == ["plan.criterion", "plan.criterion", "plan.criteria_agent"]


# --- guardrails -----------------------------------------------------------------------------------


def rail(check: Any, on: Any, on_fail: Any, **more: Any) -> Guardrail:
    return Guardrail(check=check, on=on, on_fail=on_fail, **more)


async def test_a_prompt_is_fixed_before_the_agent_sees_it() -> None:
    office = Office(agent(rails=[rail("pii", "input", "fix")]), "Done.")
    assert (await office.run(f"Write to {EMAIL}.")).status is RunStatus.SUCCEEDED
    assert EMAIL not in office.asked_of_models()
    assert "Write to [email]." in office.asked_of_models()


@pytest.mark.parametrize("on_fail", ["refuse", "retry"])
async def test_a_prompt_that_may_not_pass_is_told_to_nobody(on_fail: Any) -> None:
    office = Office(agent(rails=[rail("secrets", "input", on_fail)]))
    view = await office.run(f"Use {KEY}.")
    assert (view.status, view.error_code) == (RunStatus.FAILED, "guardrail.refused")
    assert view.error_values["found"] == "aws_key (1)"
    assert KEY not in view.error
    assert office.models.requests == []


async def test_a_leaked_key_in_a_result_reaches_neither_the_agent_nor_the_journal() -> None:
    for on_fail in ("fix", "retry", "refuse"):
        clerk = agent(rails=[rail("secrets", "input", on_fail)])
        office = Office(clerk, wish("look"), "Done.", result={"rows": [{"note": f"the key is {KEY}"}]})
        view = await office.run()
        assert KEY not in await office.kept()
        assert KEY not in office.asked_of_models()
        if on_fail == "refuse":
            assert view.error_code == "guardrail.refused"
        else:
            assert view.status is RunStatus.SUCCEEDED
            assert ("[aws_key]" if on_fail == "fix" else "withheld") in office.asked_of_models()


async def test_what_a_tool_says_when_it_fails_is_fixed_too() -> None:
    class Broken(Office):
        async def _look(self, arguments: dict[str, Any], context: ToolContext) -> Any:
            raise ToolError(f"no row for {EMAIL}", code="tool.failed", context={"said_by": EMAIL})

    office = Broken(agent(rails=[rail("pii", "input", "fix")]), wish("look"), "Done.")
    assert (await office.run()).status is RunStatus.SUCCEEDED
    assert EMAIL not in await office.kept()


async def test_an_output_is_fixed_before_it_counts_with_its_quotes_and_is_cited_all_the_same() -> None:
    cites = CitationsSupport(check="citations")
    clerk = agent(cites, rails=[rail("topic", "output", "fix", words=("EUR",))], finding=True)
    office = Office(clerk, finding("It is worth 1,200 EUR [1]."))
    view = await office.run(**plan())
    assert view.answer is not None
    assert view.answer.text == "It is worth 1,200 […] [1]."
    assert [c.quote for c in view.answer.citations] == ["worth 1,200 […]"]


async def test_an_output_that_is_refused_is_tried_again_and_then_fails() -> None:
    office = Office(agent(rails=[rail("toxicity", "output", "retry")]), "You idiot.", "Dear Ana,")
    assert (await office.run(**plan())).status is RunStatus.SUCCEEDED
    assert "guardrails found insult (1)" in office.asked_of_models()
    view = await Office(agent(rails=[rail("toxicity", "output", "retry")]), "Idiot.", "Idiota.").run(**plan())
    assert view.error_code == "guardrail.failed"
    view = await Office(agent(rails=[rail("toxicity", "output", "refuse")]), "Idiot.").run(**plan())
    assert view.error_code == "guardrail.refused"


POLICY = ApprovalPolicy(approvers=("eva",))


@pytest.mark.parametrize("decision", ["approve", "deny"])
@pytest.mark.parametrize("place", ["prompt", "result", "output"])
async def test_people_decide_about_what_was_found_while_the_run_waits(place: str, decision: Decision) -> None:
    on = "output" if place == "output" else "input"
    clerk = agent(rails=[rail("pii", on, "escalate", approval=POLICY)])
    goal = f"Write to {EMAIL}." if place == "prompt" else "Write."
    said = f"Dear {EMAIL}" if place == "output" else "Done."
    replies = (wish("look"), said) if place == "result" else (said,)
    office = Office(clerk, *replies, result={"to": EMAIL})
    view = await office.run(goal, decision)
    assert office.asked.tool == "guardrail"
    assert office.asked.approvers == ("eva",)
    assert EMAIL not in canonical.dumps(office.asked.arguments)
    assert "[email]" in office.asked.arguments["text"]
    told_to_models = EMAIL in office.asked_of_models()
    if decision == "approve":
        assert view.status is RunStatus.SUCCEEDED
        assert told_to_models == (place != "output")
    elif place == "result":
        assert view.status is RunStatus.SUCCEEDED
        assert "the result was withheld by eva" in office.asked_of_models()
        assert not told_to_models
    else:
        assert (view.status, view.error_code) == (RunStatus.FAILED, "guardrail.denied")
        assert not told_to_models


async def test_events_name_kinds_counts_and_places_and_no_values() -> None:
    clerk = agent(rails=[rail("pii", "input", "fix")])
    office = Office(
        clerk, wish("look"), "Done.", result={"rows": [{"to": EMAIL}, {"to": f"{EMAIL} {EMAIL}"}]}
    )
    await office.run()
    events = [one for one in await whole(office.journal, office.run_id) if one.type == "GuardrailTripped"]
    (found,) = canonical.loads(events[0].payload)["findings"]
    assert (found["kind"], found["count"], found["places"]) == ("email", 3, ["$.rows[0].to", "$.rows[1].to"])


def test_what_a_fork_takes_over_from_its_parent_is_guarded_as_what_a_tool_says() -> None:
    clerk = agent(rails=[rail("pii", "input", "escalate")])
    created = ev.RunCreated(
        run_id="run_1", workspace_id=WS, goal="x", created_at="2026-01-01T00:00:00+00:00", model="m",
        agents=(clerk,),
    )  # fmt: skip
    state = RunState(created=created)
    state.tasks["t1"] = TaskState(spec=PlanTask(id="t1", objective="o"), agent=clerk)
    call = ev.CallRequested(
        call_id="call_1", kind="tool", name="send", purpose="tool", task_id="t1", effect=Effect.ONCE,
        idempotency_key="k", at="", start_by="", timeout=1.0,
    )  # fmt: skip
    outcome = ev.ParentOutcome(
        task_id="t1", tool="send", arguments="{}", status="succeeded", result=canonical.dumps({"to": EMAIL})
    )
    state.fork = ev.RunForked(parent="run_0", seq=1, outcomes=(outcome,), effects="simulate")
    taken = held_back(state, call)
    assert isinstance(taken, ev.CallSucceeded)
    assert [found.kind for found in taken.guarded] == ["email"]
