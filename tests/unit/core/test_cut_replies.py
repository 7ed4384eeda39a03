"""A model's reply that was cut off is a failed turn: no tool runs from it and no answer is made of it."""

import asyncio

import pytest

from flowmatik.agents.loop import ReducerLoop
from flowmatik.app.texts import LANGUAGES, Texts
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.models import ModelReply, ToolCall
from flowmatik.contracts.runs import NewRun, RunStatus, RunView
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTools
from tests.unit.core.engines import echo_tools, running_engine

WS = "default"
CLERK = AgentVersion(
    name="clerk", version="0" * 12, role="clerk", summary="", instructions="A", tools=("echo",)
)
WISH = ToolCall(id="a", name="echo", arguments={"amount": 1})


async def run(models: ScriptedModels, tools: FunctionTools) -> RunView:
    async with running_engine(models=models, agents=[CLERK], loop=ReducerLoop(), tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", agent="clerk"))
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        assert (await engine.runs.replay(WS, run_id)).differences == ()
    return view


async def test_no_tool_is_called_that_a_reply_asked_for_before_it_was_cut_off() -> None:
    replies = iter(
        [ModelReply(text="", finish="length", tool_calls=(WISH,)), ModelReply(text="I did without.")]
    )
    tools, models = echo_tools(), ScriptedModels(lambda _: next(replies), model="custom/m")
    view = await run(models, tools)
    assert (view.status, tools.calls) == (RunStatus.SUCCEEDED, [])
    assert view.answer is not None
    assert view.answer.text == "I did without."


@pytest.mark.parametrize(("finish", "word"), [("length", "2,048"), ("filtered", "clerk")])
async def test_answers_that_are_cut_off_again_fail_the_run_by_name_and_are_not_asked_for_once_more(
    finish: str, word: str
) -> None:
    cut = ModelReply(text="The answer is 4", finish="length" if finish == "length" else "filtered")
    models = ScriptedModels(lambda _: cut, model="custom/m")
    view = await run(models, echo_tools())
    assert (view.status, view.error_code) == (RunStatus.FAILED, f"agent.output.{finish}")
    assert view.answer is None
    assert len(models.requests) == 2
    for language in LANGUAGES:
        assert word in Texts(language).fault(view.error_code, view.error_values, view.error)
