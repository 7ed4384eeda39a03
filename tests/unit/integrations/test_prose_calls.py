"""Tool calls written in words, in the shapes that models and gateways really use."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmatik.contracts.models import ToolSchema
from flowmatik.integrations.prose_calls import tool_calls_in_prose
from flowmatik.testing.model_server import Step, ToolUse
from flowmatik.testing.model_server.prose import spoken


def tool(name: str, *properties: str) -> ToolSchema:
    parameters: dict[str, Any] = {"type": "object", "properties": {one: {} for one in properties}}
    return ToolSchema(name=name, description="", parameters=parameters)


TOOLS = (tool("look_up", "q", "n"), tool("send", "to"))
QUERY = {"q": "a \"quoted\" 'ñ'", "n": 2}


@pytest.mark.parametrize("prose", ["fence", "tag", "call", "function_tag", "bare", "brackets"])
def test_every_shape_that_the_scripted_servers_write_is_read(prose: Any) -> None:
    tools = (ToolUse(name="look_up", arguments=json.dumps(QUERY)),)
    step = spoken(Step(text="", tools=tools, prose=prose))
    rest, [call] = tool_calls_in_prose(step.text, TOOLS)
    assert (rest, call.name, call.arguments, call.raw) == ("", "look_up", QUERY, "")


@pytest.mark.parametrize("prose", ["fence", "tag", "call", "function_tag"])
def test_words_around_the_calls_stay_and_several_calls_keep_their_order(prose: Any) -> None:
    tools = (ToolUse(name="send", arguments='{"to": "a"}'), ToolUse(name="look_up", arguments='{"q": "b"}'))
    step = spoken(Step(text="Let me see.", tools=tools, prose=prose))
    rest, calls = tool_calls_in_prose(step.text + "\nThat is all.", TOOLS)
    assert rest == "Let me see.\n\nThat is all." or rest == "Let me see.\nThat is all."
    assert [(call.id, call.name, call.arguments) for call in calls] == [
        ("prose_1", "send", {"to": "a"}),
        ("prose_2", "look_up", {"q": "b"}),
    ]


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('<tool_call>{"name": "look_up", "arguments": {"q": "x"}}', {"q": "x"}),  # never closed
        ('<tool_call>{"name": "look_up", "arguments": "{\\"q\\": \\"x\\"}"}</tool_call>', {"q": "x"}),
        (
            "<tool_call>\n<function=look_up>\n<parameter=q>\nx\n</parameter>\n"
            "<parameter=n>\n3\n</parameter>\n</function>\n</tool_call>",
            {"q": "x", "n": 3},
        ),
        ('```tool_call\n{"tool": "look_up", "args": {"q": "x"}}\n```', {"q": "x"}),
        (
            '```\n{"tool_calls": [{"function": {"name": "look_up", "arguments": {"q": "x"}}}]}\n```',
            {"q": "x"},
        ),
        ("```tool_code\nlook_up(q='x')\n```", {"q": "x"}),
        ("[look_up(q='x', n=1)]", {"q": "x", "n": 1}),
        ('look_up("x", 4)', {"q": "x", "n": 4}),
        ("functions.look_up(q='x')", {"q": "x"}),
        ('{"name": "functions.look_up", "input": {"q": "x"}};', {"q": "x"}),
        ('{"name": "look_up"}', {}),
        ("<function=look_up></function>", {}),
    ],
)
def test_variants_are_read(text: str, arguments: dict[str, Any]) -> None:
    rest, [call] = tool_calls_in_prose(text, TOOLS)
    assert (rest, call.name, call.arguments) == ("", "look_up", arguments)


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        (
            '<tool_call>{"name": "look_up", "arguments": {"q": </tool_call>',
            '{"name": "look_up", "arguments": {"q":',
        ),
        ("<function=look_up>{q: 1}</function>", "{q: 1}"),
        ('{"name": "look_up", "arguments": [1]}', "[1]"),
    ],
)
def test_arguments_that_cannot_be_read_are_kept_as_text(text: str, raw: str) -> None:
    _, [call] = tool_calls_in_prose(text, TOOLS)
    assert (call.name, call.arguments, call.raw) == ("look_up", None, raw)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Nothing to call: look_up(q) is not needed.",
        'I could write {"name": "look_up", "arguments": {}} here.',
        '<tool_call>{"name": "delete_all", "arguments": {}}</tool_call>',
        '```json\n{"name": "Ada", "age": 36}\n```',
        '```json\n{"name": "look_up"} and more\n```',
        "look_up(q=other())",
        "look_up(*everything)",
        "look_up('a', 'b', 'c')",
        "import os; look_up(q='x')",
        "look_up",
        "[TOOL_CALLS] nothing",
        "look_up(" * 3000,
        "[" * 5000 + "look_up()",
        "[" * 600 + '{"name": "look_up"}' + "]" * 600,
        '{"tool_calls": [' * 300 + '{"name": "look_up"}' + "]}" * 300,
    ],
)
def test_what_is_no_call_of_a_known_tool_stays_text(text: str) -> None:
    assert tool_calls_in_prose(text, TOOLS) == (text, ())


def test_without_tools_nothing_is_read() -> None:
    text = '<tool_call>{"name": "look_up", "arguments": {}}</tool_call>'
    assert tool_calls_in_prose(text, ()) == (text, ())


@given(
    st.text()
    | st.lists(st.sampled_from(["<tool_call>", "{", '"name": "look_up"', "}", "```", "\n", "("])).map("".join)
)
def test_no_text_makes_it_fail(text: str) -> None:
    rest, calls = tool_calls_in_prose(text, TOOLS)
    assert all(call.name in ("look_up", "send") for call in calls)
    assert calls or rest == text


@pytest.mark.parametrize(
    "begun",
    ["<tool_call>{{x{blanks}y", "```json\n{blanks}y", "```{blanks}y", "<function=none>x{blanks}y"],
)
def test_a_model_that_goes_on_with_blanks_for_ever_holds_nobody_up(begun: str) -> None:
    text = begun.format(blanks=" " * 60_000)
    begun_at = time.process_time()
    assert tool_calls_in_prose(text, TOOLS) == (text, ())
    assert time.process_time() - begun_at < 5
