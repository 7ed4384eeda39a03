"""A run that went through everything a model is asked in is asked the same when it is replayed."""

import asyncio
from typing import Any

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.models import ModelReply, ModelRequest, ToolCall
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.contracts.tools import ToolContext, ToolSpec
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import StoredEvent
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import SystemClock
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import running_engine

WS = "default"
PASSAGE = {"source": "a.md", "title": "A", "heading": "", "lines": (1, 2), "score": float("nan")}
PLAN: dict[str, Any] = {
    "reason": "r",
    "tasks": [
        {"id": "w", "objective": "", "skill": "writing", "needs": ["a"]},
        {"id": "a", "objective": "look", "skill": "documents", "needs": []},
    ],
}
SCHEMA = {"type": "object", "properties": {"found": {"type": "boolean"}}}


def agent(name: str, **more: Any) -> AgentVersion:
    return AgentVersion(name=name, version="0" * 12, summary="", instructions=f"You {name}.", **more)


AGENTS = (
    agent("plan", role="planner"),
    agent("read", role="researcher", skills=("documents",), tools=("echo", "gone"), output_schema=SCHEMA),
    agent("write", role="writer", skills=("writing",)),
)


async def recall(arguments: dict[str, Any], context: ToolContext) -> Any:
    return {"passages": [PASSAGE], "tables": []}


async def echo(arguments: dict[str, Any], context: ToolContext) -> Any:
    return {"many": (1, 2.5), "none": float("nan")}


def tools() -> FunctionTools:
    names = {"memory_search": recall, "tables_describe": recall, "echo": echo}
    return FunctionTools({name: FunctionTool(function=function) for name, function in names.items()})


def wish(name: str) -> ToolCall:
    return ToolCall(id="x", name=name, arguments={"n": 1.0})


def answers() -> ScriptedModels:
    replies = iter(
        [
            ModelReply(text="no plan"),
            ModelReply(text=canonical.dumps(PLAN)),
            ModelReply(text="", tool_calls=(wish("echo"), wish("unheard-of"))),
            ModelReply(text="no JSON"),
            ModelReply(text='{"found": tr', finish="length"),
            ModelReply(text='{"found": true}'),
            ModelReply(text="It is so."),
        ]
    )
    return ScriptedModels(lambda _: next(replies), model="custom/m")


async def test_the_requests_of_a_whole_run_follow_from_its_history() -> None:
    models = answers()
    async with running_engine(models=models, agents=AGENTS, loop=ReducerLoop(), tools=tools()) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="What is so?", language="en"))
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        assert (view.status, view.error) == (RunStatus.SUCCEEDED, "")
        assert view.answer is not None
        assert view.answer.text == "It is so."
        report = await engine.runs.replay(WS, run_id)
    assert len(models.requests) == 7
    assert report.differences == ()


class Changed(InMemoryJournal):
    """In which the words of an agent are others than those that its run began with."""

    async def read(self, run_id: str, *, after_seq: int = 0, limit: int = 1000) -> list[StoredEvent]:
        events = await super().read(run_id, after_seq=after_seq, limit=limit)
        return [
            StoredEvent(seq=e.seq, type=e.type, at=e.at, payload=e.payload.replace("You write.", "Write!"))
            for e in events
        ]


async def test_a_replay_names_the_first_model_call_that_would_ask_something_else() -> None:
    journal = Changed(SystemClock())
    async with running_engine(
        models=answers(), agents=AGENTS, loop=ReducerLoop(), tools=tools(), journal=journal
    ) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="What is so?"))
        await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        (difference,) = (await engine.runs.replay(WS, run_id)).differences
    assert ": call think w, request " in difference


class Growing(FunctionTools):
    """A box that gets the tool `gone` back while a run is at work."""

    grown = False

    def specs(self) -> dict[str, ToolSpec]:
        specs = super().specs()
        return specs if self.grown else {name: spec for name, spec in specs.items() if name != "gone"}


async def test_a_model_is_offered_the_tools_that_its_run_is_pinned_to_and_no_later_ones() -> None:
    box = Growing({name: FunctionTool(function=echo) for name in ("echo", "gone")})
    replies = iter([ModelReply(text="", tool_calls=(wish("echo"),)), ModelReply(text='{"found": true}')])

    def answer(_: ModelRequest) -> ModelReply:
        box.grown = True
        return next(replies)

    models = ScriptedModels(answer, model="custom/m")
    async with running_engine(models=models, agents=AGENTS[1:2], loop=ReducerLoop(), tools=box) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="What is so?", agent="read"))
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        report = await engine.runs.replay(WS, run_id)
    assert view.status is RunStatus.SUCCEEDED
    assert [[tool.name for tool in request.tools] for request in models.requests] == [["echo"], ["echo"]]
    assert report.differences == ()
