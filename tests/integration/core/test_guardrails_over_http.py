"""Every guardrail with every way to go on, through a profile and a model behind HTTP."""

import json
from typing import Any

import pytest

from flowmatik.agents import parse_profile
from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.approvals import Verdict
from flowmatik.contracts.runs import NewRun, RunStatus, RunView
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.kernel.clock import SystemClock
from flowmatik.testing.openai_server import OpenAIServer
from flowmatik.testing.openai_server.steps import Step
from flowmatik.testing.tools import FunctionTools
from tests.integration.integrations.support import gateway
from tests.unit.core.engines import running_engine
from tests.unit.core.resting import WS, ended, person, rested, told

PROFILE = """\
apiVersion: flowmatik/v1
kind: Agent
metadata: {{name: clerk}}
summary: Writes to guests.
role: clerk
model: far/some-model
instructions: Write to the guest.
guardrails:
  - {{{options}, on: output, on_fail: {on_fail}, approval: {{approvers: [eva]}}}}
"""
GOOD = "Your room is ready."
FIXED = {  # what a guardrail looks for, what breaks it, and what stands there once it is fixed
    "check: pii, kinds: [email]": ("Ask ana@example.org.", "Ask [email]."),
    "check: secrets": ("It is AKIAIOSFODNN7EXAMPLE.", "It is [aws_key]."),
    "check: topic, words: [merger]": ("The merger is on.", "The […] is on."),
    "check: toxicity": ("You idiot.", "You […]."),
    "check: length, max_characters: 20": ("x" * 21, "x" * 19 + "…"),
}
UNFIXABLE = {
    "check: schema, schema: {required: [room]}": ('{"bed":1}', '{"room":1}'),
    "check: language, languages: [en]": ("Estimado huésped, su habitación está lista y le esperamos.", GOOD),
    "check: length, min_characters: 20": ("Hm.", f"{GOOD} Come in."),
}
BROKEN = {
    **{options: (bad, GOOD) for options, (bad, _) in FIXED.items()},
    **UNFIXABLE,
}


async def run(options: str, on_fail: str, *texts: str, decision: Any = None) -> tuple[RunView, list[Any]]:
    """How it ends, and what the model was asked."""
    clock = SystemClock()
    journal = InMemoryJournal(clock)
    text = PROFILE.format(options=options, on_fail=on_fail)
    text += "output: {type: object}\n" if "schema" in options else ""
    profile = parse_profile(text, filename="clerk.yaml")
    with OpenAIServer(*(Step(text=text) for text in texts)) as server:
        async with (
            gateway(server, clock) as models,
            running_engine(
                journal=journal, models=models, tools=FunctionTools({}), agents=(profile,), loop=ReducerLoop()
            ) as engine,
        ):
            run_id = await engine.runs.create(WS, NewRun(goal="Write.", agent="clerk"))
            view = await rested(engine, run_id)
            if decision:
                (asked,) = view.approvals
                assert asked.approvers == ("eva",)
                verdict = Verdict(decision=decision, arguments_hash=asked.arguments_hash)
                await engine.approvals.decide(WS, asked.id, verdict, by=person("eva"))
                view = await ended(engine, run_id)
        await told(journal, run_id)
        return view, list(server.calls)


def said(view: RunView) -> str:
    assert view.status is RunStatus.SUCCEEDED, (view.error_code, view.error)
    assert view.answer is not None
    return view.answer.text


@pytest.mark.parametrize(("options", "bad", "fixed"), [(key, *texts) for key, texts in FIXED.items()])
async def test_what_breaks_a_guardrail_is_fixed(options: str, bad: str, fixed: str) -> None:
    view, calls = await run(options, "fix", bad)
    assert (said(view), len(calls)) == (fixed, 1)


@pytest.mark.parametrize(("options", "bad", "good"), [(key, *texts) for key, texts in BROKEN.items()])
async def test_what_breaks_a_guardrail_is_said_again(options: str, bad: str, good: str) -> None:
    view, calls = await run(options, "retry", bad, good)
    assert (said(view), len(calls)) == (good, 2)
    assert "guardrails found" in json.dumps(calls[1]["body"])


@pytest.mark.parametrize(("options", "bad"), [(key, bad) for key, (bad, _) in BROKEN.items()])
async def test_what_breaks_a_guardrail_is_refused(options: str, bad: str) -> None:
    view, calls = await run(options, "refuse", bad)
    assert (view.status, view.error_code, len(calls)) == (RunStatus.FAILED, "guardrail.refused", 1)


@pytest.mark.parametrize(("options", "bad"), [(key, bad) for key, (bad, _) in BROKEN.items()])
async def test_people_decide_about_what_breaks_a_guardrail(options: str, bad: str) -> None:
    view, _ = await run(options, "escalate", bad, decision="approve")
    assert said(view) == bad
    view, _ = await run(options, "escalate", bad, decision="deny")
    assert (view.status, view.error_code) == (RunStatus.FAILED, "guardrail.denied")
