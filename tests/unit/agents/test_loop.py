"""The agent loop: a reducer over model turns and tool outcomes."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from flowmatik.agents.loop import ReducerLoop
from flowmatik.agents.output import parse_json, schema_fault
from flowmatik.app.texts import LANGUAGES, Texts
from flowmatik.contracts.agents import AgentVersion, CallModel, CallTool, LoopDone, LoopFailed, ToolOutcome
from flowmatik.contracts.answers import FINDING_SCHEMA
from flowmatik.contracts.models import ModelReply, ToolCall
from flowmatik.kernel.canonical import DEEPEST

LOOP = ReducerLoop()
NOW = 4  # the decision version


def agent(**changes: Any) -> AgentVersion:
    values: dict[str, Any] = {"name": "a", "version": "1", "role": "r", "summary": "s", "instructions": "i",
                              "tools": ("search",)}  # fmt: skip
    return AgentVersion(**(values | changes))


def wish(name: str = "search", arguments: dict[str, Any] | None = None, raw: str = "") -> ModelReply:
    return ModelReply(text="", tool_calls=(ToolCall(id="x", name=name, arguments=arguments, raw=raw),))


def test_a_tool_call_and_then_an_answer() -> None:
    one = agent()
    state = LOOP.start(one, "find it", NOW)
    assert isinstance(LOOP.next(one, state)[0], CallModel)
    state = LOOP.on_model(one, state, wish(arguments={"q": 1}))
    (call,) = LOOP.next(one, state)
    assert isinstance(call, CallTool)
    assert call.arguments == {"q": 1}
    outcome = ToolOutcome(tool_call_id=call.tool_call_id, name="search", result=[1])
    state = LOOP.on_tool(one, state, outcome)
    (turn,) = LOOP.next(one, state)
    assert isinstance(turn, CallModel)
    assert turn.messages[-1].content == "[1]"
    state = LOOP.on_model(one, state, ModelReply(text="there"))
    assert LOOP.next(one, state) == (LoopDone(output="there"),)


def test_a_model_that_refuses_a_task_has_found_nothing() -> None:
    state = LOOP.on_model(
        agent(), LOOP.start(agent(), "hello", NOW), ModelReply(text="I cannot", finish="refused")
    )
    assert state.done == LoopDone(output={"found": False, "text": "I cannot", "citations": []})


@pytest.mark.parametrize("finish", ["length", "filtered"])
def test_no_tool_runs_from_a_reply_that_was_cut_off_and_the_model_is_told(finish: Any) -> None:
    one = agent()
    cut = replace(wish(arguments={"q": 1}), finish=finish)
    state = LOOP.on_model(one, LOOP.start(one, "x", NOW), cut)
    assert state.pending == ()
    (turn,) = LOOP.next(one, state)
    assert isinstance(turn, CallModel)
    wished, answered, told = turn.messages[-3:]
    assert answered.tool_call_id == wished.tool_calls[0].id
    assert "not called" in answered.content
    assert "cut off" in told.content
    state = LOOP.on_model(one, state, wish(arguments={"q": 2}))
    assert [action.arguments for action in LOOP.next(one, state) if isinstance(action, CallTool)] == [
        {"q": 2}
    ]


@pytest.mark.parametrize("schema", [None, FINDING_SCHEMA])
def test_an_answer_that_was_cut_off_is_asked_for_again_once_and_then_fails_as_what_it_is(
    schema: dict[str, Any] | None,
) -> None:
    one = agent(output_schema=schema)
    cut = ModelReply(text='{"found": true, "text": "The price is 1', finish="length")
    state = LOOP.on_model(one, LOOP.start(one, "x", NOW), cut)
    (turn,) = LOOP.next(one, state)
    assert isinstance(turn, CallModel)
    assert "cut off at the 2048 tokens" in turn.messages[-1].content
    assert "fewer words" in turn.messages[-1].content
    (failed,) = LOOP.next(one, LOOP.on_model(one, state, cut))
    assert isinstance(failed, LoopFailed)
    assert failed.code == "agent.output.length"
    filtered = LOOP.on_model(one, state, replace(cut, finish="filtered"))
    assert isinstance(filtered.done, LoopFailed)
    assert filtered.done.code == "agent.output.filtered"


def test_a_whole_answer_after_one_that_was_cut_off_counts() -> None:
    one = agent()
    state = LOOP.on_model(one, LOOP.start(one, "x", NOW), ModelReply(text="The pri", finish="length"))
    assert LOOP.on_model(one, state, ModelReply(text="10")).done == LoopDone(output="10")


def test_a_reply_that_is_cut_off_later_is_asked_for_again_as_well() -> None:
    one = agent()
    cut = ModelReply(text="The pri", finish="length")
    state = LOOP.on_model(one, LOOP.start(one, "x", NOW), cut)
    state = LOOP.on_model(one, state, wish(arguments={}))
    (call,) = state.pending
    state = LOOP.on_tool(one, state, ToolOutcome(tool_call_id=call.tool_call_id, name=call.name, result=1))
    state = LOOP.on_model(one, state, cut)
    assert isinstance(LOOP.next(one, state)[0], CallModel)


def test_json_that_has_its_last_bracket_is_whole_whatever_the_provider_says_and_a_number_is_not() -> None:
    text = '{"found": false, "text": "no", "citations": []}'
    one = agent(output_schema=FINDING_SCHEMA)
    state = LOOP.on_model(one, LOOP.start(one, "x", NOW), ModelReply(text=text, finish="length"))
    assert isinstance(state.done, LoopDone)
    counting = agent(output_schema={"type": "integer"})
    state = LOOP.on_model(counting, LOOP.start(counting, "x", NOW), ModelReply(text="12", finish="length"))
    assert state.done is None


def test_an_output_that_nests_too_deeply_to_be_kept_is_told_back() -> None:
    one = agent(output_schema={})
    text = "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1)
    state = LOOP.on_model(one, LOOP.start(one, "x", NOW), ModelReply(text=text))
    assert state.done is None
    assert f"more than {DEEPEST} levels" in state.messages[-1].content


@pytest.mark.parametrize("version", [0, 1, 2, 3])
def test_a_run_of_an_older_version_takes_replies_as_it_did(version: int) -> None:
    one = agent()
    state = LOOP.start(one, "x", version)
    assert LOOP.on_model(one, state, replace(wish(arguments={}), finish="length")).pending
    done = LOOP.on_model(one, state, ModelReply(text="The pri", finish="length")).done
    assert done == LoopDone(output="The pri")
    loose = agent(output_schema={})
    deep = ModelReply(text="[" * 200 + "]" * 200)
    assert isinstance(LOOP.on_model(loose, LOOP.start(loose, "x", version), deep).done, LoopDone)


def test_unreadable_arguments_and_unknown_tools_are_told_to_the_model() -> None:
    one = agent()
    state = LOOP.on_model(one, LOOP.start(one, "x", NOW), wish(raw="{oops"))
    assert "not a JSON object" in state.messages[-1].content
    state = LOOP.on_model(one, state, wish(name="rm", arguments={}))
    assert "no tool 'rm'" in state.messages[-1].content
    assert isinstance(LOOP.next(one, state)[0], CallModel)


def test_an_output_that_breaks_its_schema_is_corrected_at_most_twice() -> None:
    one = agent(output_schema=FINDING_SCHEMA)
    state = LOOP.start(one, "x", NOW)
    for text in ("no json", '{"found": 1}', "[]"):
        assert isinstance(LOOP.next(one, state)[0], CallModel)
        state = LOOP.on_model(one, state, ModelReply(text=text))
    (failed,) = LOOP.next(one, state)
    assert isinstance(failed, LoopFailed)
    assert failed.code == "agent.output"


def test_json_in_a_code_fence_is_read() -> None:
    one = agent(output_schema=FINDING_SCHEMA)
    text = '```json\n{"found": false, "text": "no", "citations": []}\n```'
    state = LOOP.on_model(one, LOOP.start(one, "x", NOW), ModelReply(text=text))
    (done,) = LOOP.next(one, state)
    assert isinstance(done, LoopDone)
    assert done.output["found"] is False


def test_too_many_turns_end_in_a_failure() -> None:
    one = agent(max_turns=2)
    state = LOOP.start(one, "x", NOW)
    for _ in range(2):
        state = LOOP.on_model(one, state, wish(name="rm", arguments={}))
    (failed,) = LOOP.next(one, state)
    assert isinstance(failed, LoopFailed)
    assert failed.code == "agent.turns"


@pytest.mark.parametrize(
    "text",
    [
        '{"found": true, "text": "a", "citations": [{"n": 1, "passage_id": "p", "quote": "q"}]}',
        '{"found": true, "text": "a", "citations": [{"n": 1.0, "passage_id": "p", "quote": "q"}]}',
        '{"found": true, "text": "a", "citations": [{"n": true, "passage_id": "p", "quote": "q"}]}',
        '{"found": true, "text": "a", "citations": [{"n": 1, "passage_id": "p"}]}',
        '{"found": true, "text": "a", "citations": [], "more": 1}',
        '{"found": true, "text": null, "citations": []}',
        "[]",
    ],
)
def test_the_quick_check_and_the_validation_library_agree(text: str) -> None:
    value = parse_json(text)
    validator: Any = Draft202012Validator(FINDING_SCHEMA)
    valid = validator.is_valid(value)
    assert (schema_fault(FINDING_SCHEMA, value) is None) is valid


LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | st.text(max_size=2)


def nested(part: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(part, max_size=3) | st.dictionaries(st.sampled_from("abc"), part)


@given(st.recursive(LEAVES, nested))
def test_the_quick_check_passes_nothing_that_is_invalid(value: Any) -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"type": "number"}}, "b": {"type": "integer"}},
        "required": ["a"],
    }
    validator: Any = Draft202012Validator(schema)
    valid = validator.is_valid(value)
    assert (schema_fault(schema, value) is None) is valid


def test_json_in_a_fence_after_some_words_is_read() -> None:
    assert parse_json('Here it is:\n```json\n{"a": "`b`"}\n```\nDone.') == {"a": "`b`"}


def test_a_schema_that_never_ends_is_a_fault_and_not_a_crash() -> None:
    endless: dict[str, Any] = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}
    assert "cannot be applied" in str(schema_fault(endless, 1))


@pytest.mark.parametrize(
    ("schema", "value", "code", "values"),
    [
        ({"required": ["a", "b"]}, {"a": 1}, "required", {"names": "b"}),
        ({"additionalProperties": False}, {"x": 1}, "unknown", {"names": "x"}),
        ({"type": ["string", "null"]}, 1, "type", {"expected": "string, null"}),
        ({"enum": ["a", 1]}, 2, "enum", {"expected": '"a", 1'}),
        ({"minimum": 3}, 2, "minimum", {"limit": 3}),
        ({"maximum": 3}, 4, "maximum", {"limit": 3}),
        ({"minLength": 3}, "x", "minLength", {"limit": 3}),
        ({"maxLength": 1}, "xy", "maxLength", {"limit": 1}),
        ({"minItems": 1}, [], "minItems", {"limit": 1}),
        ({"maxItems": 0}, [1], "maxItems", {"limit": 0}),
        ({"pattern": "a"}, "b", "other", {"said": "'b' does not match 'a'"}),
        (
            {"$ref": "#/$defs/x", "$defs": {"x": {"$ref": "#/$defs/x"}}},
            1,
            "unusable",
            {"kind": "RecursionError"},
        ),
    ],
)
def test_what_breaks_a_schema_has_a_code_and_a_text_that_names_its_values(
    schema: dict[str, Any], value: Any, code: str, values: dict[str, Any]
) -> None:
    fault = schema_fault(schema, value)
    assert fault is not None
    assert (fault.code, fault.values) == (f"schema.{code}", values)
    for language in LANGUAGES:
        assert Texts(language)(f"detail.{fault.code}", **values)
