"""Whoever goes on from a snapshot is where whoever reads the whole history is, whatever happened in it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.models import ModelReply, ToolCall, Usage
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.fold import fold
from flowmatik.core.snapshots.bodies import resumed, snapshot_of, state_in
from flowmatik.core.state import RunState
from flowmatik.kernel import canonical
from tests.histories.playing import AT, LATER, Player

LOOP = ReducerLoop()
MOST_FACTS = 25
SCHEMA = {"type": "object", "required": ["found"], "properties": {"found": {"type": "boolean"}}}
AGENTS = (
    AgentVersion(
        name="reader", version="0" * 12, role="researcher", summary="", instructions="Read.",
        skills=("documents", "tables"), tools=("look", "send", "gone"), output_schema=SCHEMA, max_turns=3,
    ),
    AgentVersion(name="poet", version="1" * 12, role="writer", summary="", instructions="Write.",
                 skills=("writing",)),
)  # fmt: skip
TOOLS = {
    "look": ev.PinnedTool(effect=Effect.READ, timeout=5.0),
    "send": ev.PinnedTool(effect=Effect.ONCE, timeout=5),
    "memory_search": ev.PinnedTool(effect=Effect.READ, timeout=5.0),
    "citations_check": ev.PinnedTool(effect=Effect.READ, timeout=5.0),
}
FINDING: dict[str, Any] = {"found": True, "text": "It is so [1].", "citations": []}
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
REPLIES = st.sampled_from(
    [
        ModelReply(text=canonical.dumps(FINDING), usage=Usage(input_tokens=3), cost_micros=7),
        ModelReply(text=canonical.dumps({**FINDING, "found": False}), model="other/model"),
        ModelReply(text="no JSON", cost_micros=None),
        ModelReply(text="cut", finish="length"),
        ModelReply(text="", finish="filtered"),
        ModelReply(text="no", finish="refused"),
        ModelReply(text="", tool_calls=(ToolCall(id="", name="look", arguments={"z": 1, "a": [2.5]}),)),
        ModelReply(text="", tool_calls=(ToolCall(id="x", name="look", arguments={}),
                                        ToolCall(id="x", name="send", arguments={"n": 1}))),
        ModelReply(text="", tool_calls=(ToolCall(id="y", name="gone", arguments=None, raw="{"),)),
        ModelReply(text=canonical.dumps({"reason": "r", "tasks": [
            {"id": "b", "objective": "look", "skill": "documents", "needs": []},
            {"id": "a", "objective": "look", "skill": "tables", "needs": []}]})),
    ]
)  # fmt: skip
PASSAGE = {"source": "a.md", "title": "A", "heading": "", "text": "ñ", "lines": (1, 2), "score": 0.5}
CODES = st.sampled_from(["call.lost", "unavailable.memory", "model.key", "model.unavailable", "tool.told"])


@st.composite
def created(draw: st.DrawFn) -> ev.RunCreated:
    kind = draw(st.sampled_from(["steps", "tasks", "agent", "planned", "local"]))
    steps = tuple(
        PlanTask(id=name, objective="", tool="send", arguments={"n": n}, needs=needs, effect=Effect.ONCE)
        for n, (name, needs) in enumerate({"z": (), "b": ("z",), "a": ("z", "b")}.items())
    )
    tasks = (
        PlanTask(id="t2", objective="look", skill="tables", effect=Effect.ONCE),
        PlanTask(id="t1", objective="look", skill="documents", budget_micros=5),
        PlanTask(id="w", objective="", skill="writing", needs=("t2", "t1")),
    )
    return ev.RunCreated(
        run_id="run_1",
        workspace_id="w",
        goal=draw(st.text(max_size=10)) + "Who signs?",
        created_at=AT,
        model="custom/m" if kind == "planned" else "local/extractive",
        agent="reader" if kind == "agent" else "",
        budget_micros=draw(st.none() | st.just(1000)),
        deadline_at=draw(st.sampled_from(["", LATER])),
        agents=AGENTS,
        tools=TOOLS,
        plan={"steps": steps, "tasks": tasks}.get(kind, ()),
        decision_version=draw(st.integers(ev.OLDEST_DECISION_VERSION, ev.DECISION_VERSION)),
    )


def outcome_of(player: Player, call: ev.CallRequested, data: st.DataObject) -> None:
    choice = data.draw(st.sampled_from(["well", "well", "well", "badly", "doubt", "later"]))
    if call.call_id in player.state.doubt:
        player.resolve(call.purpose, data.draw(st.sampled_from(["done", "failed"])))
    elif choice == "doubt" and call.effect is not Effect.READ:
        player.fact(ev.CallInDoubt(call_id=call.call_id, why="w", code="c", values={"tool": call.name}))
    elif choice == "later":
        player.fact(ev.CallPostponed(call_id=call.call_id, at=LATER, start_by=LATER))
    elif choice == "badly":
        values = data.draw(st.dictionaries(st.text(max_size=4), JSON, max_size=2))
        cost = data.draw(st.integers(0, 9))
        code, unpriced = data.draw(CODES), cost == 9
        player.fact(ev.CallFailed(call_id=call.call_id, code=code, message="m", unpriced=unpriced,
                                  cost_micros=cost, values=values))  # fmt: skip
    elif call.kind == "model":
        player.fact(ev.CallSucceeded(call_id=call.call_id, reply=data.draw(REPLIES), cost_micros=3))
    elif call.purpose == "verify":
        checks = [["cited", data.draw(st.booleans()), "d"], ["schema", True, "d", "c", {"n": 1}]]
        result = {"passed": data.draw(st.booleans()), "checks": checks}
        player.fact(ev.CallSucceeded(call_id=call.call_id, result=result))
    elif call.purpose.startswith("recall"):
        found = {"passages": [PASSAGE], "tables": []}
        player.fact(ev.CallSucceeded(call_id=call.call_id, result=found))
    else:
        player.fact(ev.CallSucceeded(call_id=call.call_id, result=data.draw(JSON)))


def asked_of(player: Player, data: st.DataObject) -> None:
    state = player.state
    facts: list[ev.Event] = [
        ev.RunClaimed(epoch=state.epoch + 1, owner="wkr_n"),
        ev.AllotmentGranted(n=state.seq, amounts={"workspace:w": 5, "agent:reader": 2}),
        ev.AllotmentCounted(held={"workspace:w": 5}),
    ]
    if data.draw(st.integers(0, 9)) == 0:
        facts = [ev.CancelRequested(reason="enough"), ev.DeadlinePassed(deadline_at=LATER)]
    player.fact(data.draw(st.sampled_from(facts)))


def played(begun: ev.RunCreated, data: st.DataObject) -> Player:
    player = Player(begun, priced=10)
    for _ in range(MOST_FACTS):
        if player.state.ended:
            break
        if data.draw(st.integers(0, 5)) == 0:
            player.refuse_next(of_task=data.draw(st.booleans()))
        calls = list(player.state.open.values())
        if calls and data.draw(st.integers(0, 5)):
            outcome_of(player, data.draw(st.sampled_from(calls)), data)
        else:
            asked_of(player, data)
    return player


def same(one: RunState, other: RunState) -> None:
    assert one == other
    for ours, theirs in ((one.tasks, other.tasks), (one.open, other.open), (one.live, other.live)):
        assert list(ours) == list(theirs), "in the same order, for decisions follow it"
    for name, task in one.live.items():
        assert task is one.tasks[name]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(begun=created(), data=st.data())
def test_going_on_from_any_snapshot_is_reading_the_whole_history(
    begun: ev.RunCreated, data: st.DataObject
) -> None:
    player = played(begun, data)
    history = player.stored()
    whole = fold(history, LOOP)
    for cut in range(1, len(history) + 1):
        state = fold(history[:cut], LOOP)
        snapshot = snapshot_of(state, LOOP)
        same(state_in(snapshot), state)
        assert snapshot_of(state_in(snapshot), LOOP) == snapshot
        then = resumed(snapshot, history[cut:], LOOP)
        assert then is not None
        same(then, whole)
    same(state_in(snapshot_of(player.state, LOOP)), whole)  # what an owner writes, who never read its facts


def test_a_replanned_task_is_one_object_in_both_places_and_an_agent_one_in_all() -> None:
    task = PlanTask(id="t1", objective="look", skill="documents")
    begun = ev.RunCreated(run_id="run_1", workspace_id="w", goal="g", created_at=AT, model="local/extractive",
                          agents=AGENTS, tools=TOOLS, plan=(task,))  # fmt: skip
    player = Player(begun)
    player.say("think", canonical.dumps(FINDING))
    player.succeed("verify", {"passed": False, "checks": [["cited", False, "d"]]})
    state = state_in(snapshot_of(player.state, LOOP))
    assert state.tasks["t1"].replanned
    assert state.live["t1"] is state.tasks["t1"]
    assert state.tasks["t1"].agent is state.created.agents[0]
    assert type(state.tasks["t1"].asked) is set


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '{"created":1}', '{"created":{"run_id":"r"}}'])
def test_a_damaged_snapshot_leads_nowhere_and_says_so(body: str, caplog: pytest.LogCaptureFixture) -> None:
    player = Player(
        ev.RunCreated(run_id="r", workspace_id="w", goal="g", created_at=AT, model="m", tools=TOOLS)
    )
    snapshot = snapshot_of(player.state, LOOP)
    assert resumed(replace(snapshot, body=body), [], LOOP) is None
    assert resumed(replace(snapshot, seq=snapshot.seq + 1), [], LOOP) is None
    assert resumed(snapshot, player.stored(), LOOP) is None, "these events do not follow it"
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 3


def test_a_priced_search_whose_answer_was_lost_is_made_again_before_anything_is_planned() -> None:
    begun = ev.RunCreated(run_id="run_1", workspace_id="w", goal="Who signs?", created_at=AT,
                          model="local/extractive", agents=AGENTS, tools=TOOLS)  # fmt: skip
    player = Player(begun)
    (asked,) = player.state.open.values()
    player.fact(ev.CallFailed(call_id=asked.call_id, code="call.lost", message="m"))
    (again,) = player.state.open.values()
    assert (again.purpose, again.arguments) == (asked.purpose, asked.arguments) == ("recall", asked.arguments)
    assert again.call_id != asked.call_id
