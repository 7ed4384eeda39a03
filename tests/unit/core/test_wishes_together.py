"""Several wishes of one reply: each is decided about by what the one before leaves, and results by what is
written of them, so that replay decides the same."""

import asyncio
from typing import Any

import pytest

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentLoop
from flowmatik.contracts.guardrails import Guardrail
from flowmatik.contracts.models import ModelReply, ModelRequest, ToolCall
from flowmatik.contracts.plans import Condition, PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.core import events as ev
from flowmatik.core.brain.commands import Command
from flowmatik.core.brain.decide import decide
from flowmatik.core.engine import driver
from flowmatik.core.replay import replay
from flowmatik.core.state import RunState
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.histories.adapting import READER, TEAM, WRITER, agent, new, planned
from tests.histories.playing import Player
from tests.unit.core.engines import eventually, running_engine

NEWEST = ev.DECISION_VERSION
WS = "default"


def wishes(*calls: tuple[str, dict[str, Any]]) -> ModelReply:
    return ModelReply(text="", tool_calls=tuple(ToolCall(id="", name=n, arguments=a) for n, a in calls))


def proposal(*objectives: str) -> tuple[str, dict[str, Any]]:
    return "propose_tasks", {"tasks": [{"objective": one, "skill": "documents"} for one in objectives]}


def is_replayed(player: Player) -> bool:
    return replay("run_1", player.stored(), ReducerLoop()).differences == ()


def test_what_an_agent_proposes_in_two_calls_of_one_reply_comes_into_the_plan_whole() -> None:
    player = planned(NEWEST, READER, WRITER)
    player.say("think", wishes(proposal("when"), proposal("where", "how")))
    assert {"t1+1", "t1+2", "t1+3"} <= player.state.tasks.keys()
    assert [player.state.tasks[f"t1+{n}"].spec.objective for n in (1, 2, 3)] == ["when", "where", "how"]
    assert is_replayed(player)


def test_the_limit_of_proposals_holds_over_all_calls_of_a_reply() -> None:
    player = planned(NEWEST, READER, WRITER)
    player.say("think", wishes(proposal("a", "b", "c"), proposal("d", "e", "f")))
    assert player.state.tasks["t1"].proposed == 3
    assert is_replayed(player)


def test_a_note_is_there_for_the_next_call_of_the_same_reply() -> None:
    scribe = agent("scribe", tools=TEAM)
    player = Player(new(NEWEST, scribe, agent="scribe"))
    player.say("think", wishes(("board_write", {"key": "k", "value": 1}), ("board_read", {"key": "k"})))
    assert [type(one) for one in player.events[-3:-1]] == [ev.BoardWritten, ev.BoardRead]
    assert is_replayed(player)


def test_two_agents_that_are_asked_at_once_share_what_is_left_of_the_budget() -> None:
    host = agent("host", tools=TEAM, delegates=("reader",))
    player = Player(new(NEWEST, host, READER, agent="host", budget_micros=100))
    asked = ("ask_agent", {"agent": "reader", "goal": "who signs"})
    player.say("think", wishes(asked, asked), cost=40)
    assert player.state.reserved_below + player.state.spent_micros <= 100
    first = next(iter(player.state.subs.values()))
    player.fact(
        ev.SubRunEnded(sub_id=first.sub_id, child_id=first.child_id, status="succeeded", cost_micros=30)
    )
    [second] = player.state.subs.values()
    assert second.budget_micros == 100 - player.state.spent_micros
    assert is_replayed(player)


async def test_after_each_call_of_a_round_is_decided_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a call sets aside, and when it began, decide about others; replay looks after each of them."""
    seen = list[int]()

    def watched(state: RunState, loop: AgentLoop, now: str) -> list[Command]:
        seen.append(state.calls)
        return decide(state, loop, now)

    def say(request: ModelRequest) -> ModelReply:
        if request.messages[-1].role == "tool":
            return ModelReply(text="done")
        return wishes(("look", {"n": 1}), ("look", {"n": 2}), ("look", {"n": 3}))

    async def look(arguments: dict[str, Any], _: object) -> Any:
        return arguments

    monkeypatch.setattr(driver, "decide", watched)
    tools = FunctionTools({"look": FunctionTool(function=look)})
    seeker = agent("seeker", tools=("look",))
    async with running_engine(
        models=ScriptedModels(say), tools=tools, agents=(seeker,), loop=ReducerLoop()
    ) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="look", agent="seeker"))
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        assert view.status is RunStatus.SUCCEEDED
    assert set(seen) == {0, 1, 2, 3, 4, 5}  # two turns of the model and three calls of the tool


async def test_people_are_asked_about_a_result_as_its_history_has_it() -> None:
    async def look(arguments: dict[str, Any], _: object) -> Any:
        del arguments
        return {"z": "a word", "a": "hushed"}  # JSON has its members in another order

    def say(request: ModelRequest) -> ModelReply:
        if request.messages[-1].role == "tool":
            return ModelReply(text="done")
        return wishes(("look", {}))

    rail = Guardrail(check="topic", words=("hushed",), on="input", on_fail="escalate")
    guard = agent("guard", tools=("look",), guardrails=(rail,))
    tools = FunctionTools({"look": FunctionTool(function=look)})
    async with running_engine(
        models=ScriptedModels(say), tools=tools, agents=(guard,), loop=ReducerLoop()
    ) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="look", agent="guard"))

        async def asked() -> bool:
            return bool((await engine.approvals.list(WS)).items)

        await eventually(asked)
        assert (await engine.runs.replay(WS, run_id)).differences == ()


async def test_a_condition_looks_at_a_result_as_its_history_has_it() -> None:
    """A tuple is a list in JSON, and compared as one."""

    async def look(arguments: dict[str, Any], _: object) -> Any:
        del arguments
        return {"rows": (1, 2)}

    tools = FunctionTools({"look": FunctionTool(function=look)})
    when = (Condition(task="first", path="rows", value=[1, 2]),)
    plan = (
        PlanTask(id="first", objective="", tool="look"),
        PlanTask(id="then", objective="", tool="look", needs=("first",), when=when),
    )
    async with running_engine(tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="look", plan=plan))
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        assert view.status is RunStatus.SUCCEEDED
        assert [one.status.value for one in view.tasks] == ["succeeded", "succeeded"]
        assert (await engine.runs.replay(WS, run_id)).differences == ()
