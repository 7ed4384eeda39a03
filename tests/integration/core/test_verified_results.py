"""Criteria and guardrails with a model behind HTTP: what is asked of it, and what its answers are worth."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from flowmatik.agents import parse_profile
from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.runs import NewRun, RunStatus, RunView
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core.history import whole
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.replay import replay
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import SystemClock
from flowmatik.testing.openai_server import OpenAIServer
from flowmatik.testing.openai_server.steps import Step, ToolUse
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.integration.integrations.support import gateway
from tests.unit.core.engines import running_engine
from tests.unit.core.resting import WS

PROFILE = """\
apiVersion: flowmatik/v1
kind: Agent
metadata:
  name: clerk
summary: Writes to guests.
role: clerk
model: far/some-model
instructions: Write to the guest.
tools: [guest, send]
guardrails:
  - {check: pii, on: both, on_fail: fix}
  - {check: secrets, on: input, on_fail: fix}
criteria:
  - check: tool_evidence
    claims: [{action: sent, tools: [send]}]
  - {check: judge, rubric: The answer is polite., model: far/judge}
"""
KEY = "AKIAIOSFODNN7EXAMPLE"


async def guest(arguments: dict[str, Any], context: ToolContext) -> Any:
    return {"name": "Ana", "email": "ana@example.org", "note": f"aws={KEY}"}


async def send(arguments: dict[str, Any], context: ToolContext) -> Any:
    return {"sent": True}


TOOLS = FunctionTools(
    {
        "guest": FunctionTool(function=guest, effect=Effect.READ),
        "send": FunctionTool(function=send, effect=Effect.ONCE),
    }
)


@asynccontextmanager
async def asked(*script: Step) -> AsyncGenerator[tuple[RunView, str, str]]:
    """The run's end, its journal, and all that went over the wire."""
    clock = SystemClock()
    journal = InMemoryJournal(clock)
    agents = (parse_profile(PROFILE, filename="clerk.yaml"),)
    with OpenAIServer(*script) as server:
        async with (
            gateway(server, clock) as models,
            running_engine(
                journal=journal, models=models, tools=TOOLS, agents=agents, loop=ReducerLoop()
            ) as engine,
        ):
            run_id = await engine.runs.create(WS, NewRun(goal="Write to ana@example.org.", agent="clerk"))
            view = await engine.runs.wait(WS, run_id)
        history = await whole(journal, run_id)
        assert replay(run_id, history, ReducerLoop()).differences == ()
        yield view, "\n".join(one.payload for one in history[1:]), canonical.dumps(list(server.calls))


def verdict(passed: bool, reason: str = "It is.") -> Step:
    return Step(text=canonical.dumps({"passed": passed, "score": 0.9, "reason": reason}))


async def test_what_a_guardrail_fixes_leaves_neither_the_process_nor_goes_into_the_journal() -> None:
    steps = (
        Step(tools=(ToolUse(name="guest"),)),
        Step(tools=(ToolUse(name="send"),)),
        Step(text="I have sent it to ana@example.org."),
        verdict(True),
    )
    async with asked(*steps) as (view, kept, wire):
        assert view.status is RunStatus.SUCCEEDED
        assert view.answer is not None
        assert view.answer.text == "I have sent it to [email]."
        assert [c.code for c in view.verified] == ["tool_evidence.proven", "judge.passed"]
        assert KEY not in kept + wire
        assert "[aws_key]" in wire
        assert "ana@example.org" not in wire  # neither the agent's model nor the judge was told


async def test_a_judge_that_answers_nonsense_fails_the_task_and_says_so() -> None:
    async with asked(Step(text="Dear guest,"), Step(text="Certainly, a pass!")) as (view, _, wire):
        assert (view.status, view.error_code) == (RunStatus.FAILED, "verify.failed")
        assert [c.code for c in view.tasks[0].checks] == ["tool_evidence.none", "judge.malformed"]
        assert "The answer is polite." in wire


async def test_a_judge_behind_a_broken_server_is_no_pass() -> None:
    async with asked(Step(text="Dear guest,"), Step(kind="wrong_shape")) as (view, _, __):
        assert view.status is RunStatus.FAILED
        (check,) = [c for c in view.tasks[0].checks if not c.passed]
        assert check.code == "judge.away"


async def test_who_never_sent_anything_may_not_say_so() -> None:
    async with asked(Step(text="Le he enviado el correo."), verdict(True)) as (view, _, __):
        assert view.error_code == "verify.failed"
        assert [c.code for c in view.tasks[0].checks] == ["tool_evidence.unproven"]
