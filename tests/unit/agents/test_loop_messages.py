"""What a person says while an agent is at work, in the loop."""

from dataclasses import replace

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import (
    AgentVersion,
    CallModel,
    CallTool,
    LoopDone,
    LoopFailed,
    LoopState,
    ToolOutcome,
)
from flowmatik.contracts.models import ModelReply, ToolCall

LOOP = ReducerLoop()
AGENT = AgentVersion(
    name="a", version="0" * 12, role="r", summary="", instructions="Do.", tools=("look",), max_turns=2
)
SHAPED = replace(AGENT, output_schema={"type": "object", "required": ["ok"]})


def begun(agent: AgentVersion = AGENT) -> LoopState:
    return LOOP.start(agent, "goal", 6)


def roles(state: LoopState) -> list[str]:
    return [f"{one.role}:{one.content}" for one in state.messages[1:]]


def wishes(*ids: str) -> ModelReply:
    return ModelReply(text="", tool_calls=tuple(ToolCall(id=one, name="look", arguments={}) for one in ids))


def outcome(state: LoopState) -> ToolOutcome:
    return ToolOutcome(tool_call_id=state.pending[0].tool_call_id, name="look", result=1)


def test_between_turns_it_is_the_next_thing_that_the_model_reads() -> None:
    state = LOOP.on_message(AGENT, begun(), "more", speaking=False)
    assert roles(state) == ["user:goal", "user:more"]
    assert not state.heard


def test_while_the_model_speaks_it_comes_after_the_reply_which_is_not_the_last_one() -> None:
    state = LOOP.on_message(AGENT, begun(), "more", speaking=True)
    assert roles(state) == ["user:goal"]
    state = LOOP.on_model(AGENT, state, ModelReply(text="said"))
    assert roles(state) == ["user:goal", "assistant:said", "user:more"]
    assert state.done is None
    assert isinstance(LOOP.next(AGENT, state)[0], CallModel)
    assert LOOP.on_model(AGENT, state, ModelReply(text="all")).done == LoopDone(output="all")


def test_never_between_a_wish_and_its_outcomes() -> None:
    state = LOOP.on_model(AGENT, begun(), wishes("x", "y"))
    state = LOOP.on_message(AGENT, state, "more", speaking=False)
    assert isinstance(LOOP.next(AGENT, state)[0], CallTool)
    state = LOOP.on_tool(AGENT, state, outcome(state))
    assert state.heard == ("more",)
    state = LOOP.on_tool(AGENT, state, outcome(state))
    assert [one.role for one in state.messages[-4:]] == ["assistant", "tool", "tool", "user"]
    assert not state.heard


def test_what_was_heard_while_the_model_wished_for_tools_waits_for_them() -> None:
    state = LOOP.on_message(AGENT, begun(), "more", speaking=True)
    state = LOOP.on_model(AGENT, state, wishes("x"))
    assert state.heard == ("more",)
    state = LOOP.on_tool(AGENT, state, outcome(state))
    assert roles(state)[-1] == "user:more"


def test_several_come_in_their_order_and_a_structured_answer_is_asked_again() -> None:
    state = LOOP.on_message(SHAPED, begun(SHAPED), "one", speaking=True)
    state = LOOP.on_message(SHAPED, state, "two", speaking=True)
    state = LOOP.on_model(SHAPED, state, ModelReply(text='{"ok": 1}'))
    assert roles(state)[-2:] == ["user:one", "user:two"]
    assert state.done is None


def test_who_is_done_or_has_failed_or_no_turn_left_stays_so() -> None:
    done = LOOP.on_model(AGENT, begun(), ModelReply(text="said"))
    assert LOOP.on_message(AGENT, done, "more", speaking=False) == done
    state = replace(begun(), turns=1)
    state = LOOP.on_model(AGENT, LOOP.on_message(AGENT, state, "more", speaking=True), ModelReply(text="x"))
    assert isinstance(LOOP.next(AGENT, state)[0], LoopFailed)
