"""How a call ended can be said in the language of whoever reads it."""

import asyncio
from typing import Any

import pytest

from flowmatik.agents.loop import ReducerLoop
from flowmatik.agents.skills.box import SkillBox, skill
from flowmatik.app.texts import Texts
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.models import ModelReply, ModelRequest, Usage
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus, RunView
from flowmatik.contracts.tools import Effect, ToolBox, ToolContext
from flowmatik.core import events as ev
from flowmatik.core.engine.outcomes import LONGEST_VALUE, failed_by, in_doubt
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import StoredEvent
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import ModelRejected, ToolError
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import running_engine, silent

WS = "default"
SPANISH, ENGLISH = Texts("es"), Texts("en")
CLERK = AgentVersion(name="clerk", version="0" * 12, role="clerk", summary="", instructions="Answer.")


def call(kind: str = "tool", name: str = "mail_send") -> ev.CallRequested:
    return ev.CallRequested(
        call_id="call_1", kind=kind, name=name, purpose="step", task_id="t", effect=Effect.ONCE,
        idempotency_key="k", at="", start_by="", timeout=5.0,
    )  # fmt: skip


async def of_step(tools: ToolBox) -> RunView:
    """A run of one step with the tool `echo`."""
    plan = (PlanTask(id="s", objective="", tool="echo", arguments={"n": "x"}, effect=Effect.ONCE),)
    async with running_engine(tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=plan))
        return await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)


async def of_model(
    models: ScriptedModels, *, budget_micros: int | None = None, cap_micros: int | None = None
) -> RunView:
    journal = InMemoryJournal(SystemClock())
    if cap_micros is not None:
        await journal.set_cap(WS, "workspace", cap_micros)
    async with running_engine(journal=journal, models=models, agents=(CLERK,), loop=ReducerLoop()) as engine:
        new = NewRun(goal="x", agent="clerk", budget_micros=budget_micros)
        return await asyncio.wait_for(engine.runs.wait(WS, await engine.runs.create(WS, new)), 120)


def raising(error: Exception, effect: Effect = Effect.READ) -> FunctionTools:
    async def fail(arguments: dict[str, Any], context: ToolContext) -> Any:
        raise error

    return FunctionTools({"echo": FunctionTool(function=fail, effect=effect)})


def said(view: RunView) -> str:
    return SPANISH.fault(view.error_code, view.error_values, view.error)


async def test_a_tool_of_somebody_elses_is_quoted_and_its_values_are_kept() -> None:
    error = ToolError("the shelf is empty", code="tool.empty", context={"shelf": 3, "of": {1, 2}})
    view = await of_step(raising(error))
    assert view.error_values == {"tool": "echo", "shelf": 3, "of": [1, 2], "said": "the shelf is empty"}
    assert said(view) == "la herramienta no ha podido: «the shelf is empty»"


async def test_a_tool_that_says_no_or_crashes_is_told_in_the_language() -> None:
    assert said(await of_step(raising(ToolError("no paper")))) == (
        "la herramienta 'echo' no ha podido («no paper»)"
    )
    assert said(await of_step(raising(ZeroDivisionError()))) == (
        "la herramienta 'echo' se ha interrumpido con ZeroDivisionError"
    )


async def test_arguments_that_do_not_fit_are_told_field_by_field() -> None:
    async def echo(context: ToolContext, n: int, more: str) -> int:
        """Say it again."""
        return n

    view = await of_step(SkillBox([skill(echo)]))
    assert said(view) == (
        "'echo' ha recibido algo que no puede usar:\n  - n: debe ser un número entero\n  - more: falta"
    )


async def test_a_once_effect_in_doubt_says_why_in_both_languages() -> None:
    view = await of_step(raising(OSError("cable"), Effect.ONCE))
    assert view.status is RunStatus.IN_DOUBT
    (doubt,) = view.in_doubt
    assert doubt.why_code == "tool.crashed"
    assert SPANISH.fault(doubt.why_code, doubt.why_values, doubt.why) == (
        "la herramienta 'echo' se ha interrumpido con OSError"
    )
    assert ENGLISH.fault(doubt.why_code, doubt.why_values, doubt.why) == (
        "the tool 'echo' crashed with OSError"
    )


async def test_a_refusal_of_the_model_quotes_the_provider() -> None:
    def refuse(request: ModelRequest) -> ModelReply:
        context = {"provider": "acme", "model": "m", "status": 400, "reply": "too hot"}
        raise ModelRejected("refused", context=context)

    view = await of_model(ScriptedModels(refuse))
    assert view.error_code == "model.rejected"
    assert "el proveedor de local/scripted rechazó la petición (HTTP 400): «too hot»" in said(view)


async def test_a_failure_that_the_next_try_made_good_is_not_shown_any_more() -> None:
    tries = iter([ModelRejected("refused", context={"status": 400}), None])

    def second_time(request: ModelRequest) -> ModelReply:
        if error := next(tries):
            raise error
        return ModelReply(text="done", usage=Usage(input_tokens=1, output_tokens=1), cost_micros=0)

    view = await of_model(ScriptedModels(second_time))
    assert view.status is RunStatus.SUCCEEDED
    assert (view.tasks[0].error, view.tasks[0].error_code) == ("", "")


async def test_a_budget_that_is_exhausted_says_what_the_next_call_would_have_cost() -> None:
    view = await of_model(ScriptedModels(silent, worst_micros=100), budget_micros=40)
    assert view.error_code == "budget.exhausted"
    assert view.error_values["price_usd"] == 0.0001
    assert "puede costar 0.0001 dólares y del presupuesto de 0.00004 quedan 0.00004" in said(view)


async def test_a_shared_cap_is_named_with_what_the_next_call_would_have_cost() -> None:
    view = await of_model(ScriptedModels(silent, worst_micros=100), budget_micros=1000, cap_micros=50)
    assert "puede costar 0.0001 dólares y pasaría de un tope (workspace)" in said(view)


def test_what_is_recorded_holds_no_secret_nothing_long_and_the_name_of_the_call() -> None:
    context = {"api_key": "sk-123", "long": "x" * (LONGEST_VALUE + 1), "object": object(), "tool": "other"}
    values = failed_by(ToolError("no", context=context), call()).values
    assert values == {"said": "no", "api_key": "[hidden]", "tool": "mail_send"}


def test_a_doubt_of_an_older_journal_is_read_as_its_words() -> None:
    stored = StoredEvent(seq=1, type="CallInDoubt", payload='{"call_id":"c","why":"no reply"}', at="")
    assert ev.decode(stored) == ev.CallInDoubt(call_id="c", why="no reply")
    assert SPANISH.fault("", {}, "no reply") == "no reply"


@pytest.mark.parametrize("code", ["tool.timeout", "call.unseen", "call.fault", "engine.fault"])
def test_every_doubt_has_words_in_both_languages(code: str) -> None:
    doubt = in_doubt(call(), code, "in English", seconds=5.0, kind="KeyError")
    texts = {text.fault(doubt.code, doubt.values, doubt.why) for text in (SPANISH, ENGLISH)}
    assert len(texts) == 2
    assert "in English" not in texts


def test_a_secret_in_the_words_of_an_error_does_not_reach_the_journal() -> None:
    fact = failed_by(ToolError("no answer from https://ann:hunter2@mail.example/send"), call())
    assert "hunter2" not in str(fact)
