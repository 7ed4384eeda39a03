"""Answers of an OpenAI-compatible server, over real HTTP."""

import json

from flowmatik.contracts.answers import FINDING_SCHEMA
from flowmatik.contracts.models import Message, ModelReply, TextDelta, ToolCall, ToolSchema, Usage
from flowmatik.testing.clock import SkippingClock
from flowmatik.testing.openai_server import OpenAIServer, Step, ToolUse
from tests.integration.integrations.support import ask, gateway

TOOL = ToolSchema(
    name="look_up",
    description="Looks it up",
    parameters={"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]},
)


async def test_an_answer_comes_with_text_usage_cost_and_the_model_that_served_it() -> None:
    with OpenAIServer(Step(text="Good day.", usage=(1000, 500))) as server:
        async with gateway(server, SkippingClock(), prices={"some-model": (2.0, 8.0)}) as models:
            reply = await models.complete(ask())
    assert reply.text == "Good day."
    assert reply.usage == Usage(input_tokens=1000, output_tokens=500)
    assert reply.cost_micros == 1000 * 2 + 500 * 8
    assert reply.model == "far/some-model"
    assert reply.finish == "stop"


async def test_a_cost_is_unknown_without_a_price_and_without_usage() -> None:
    with OpenAIServer(Step(), Step(usage=None)) as server:
        async with gateway(server, SkippingClock()) as models:
            unpriced = await models.complete(ask())
        async with gateway(server, SkippingClock(), prices={"some-model": (1.0, 1.0)}) as models:
            uncounted = await models.complete(ask())
    assert unpriced.cost_micros is None
    assert unpriced.usage.known
    assert uncounted.cost_micros is None
    assert not uncounted.usage.known


async def test_the_conversation_the_limits_and_the_key_of_the_call_are_sent() -> None:
    called = ToolCall(id="c1", name="look_up", arguments={"q": "x"})
    messages = (
        Message(role="system", content="Be brief."),
        Message(role="user", content="What is x?"),
        Message(role="assistant", tool_calls=(called,)),
        Message(role="tool", name="look_up", tool_call_id="c1", content="x is 3"),
    )
    with OpenAIServer() as server:
        async with gateway(server, SkippingClock()) as models:
            await models.complete(
                ask(messages=messages, tools=(TOOL,), max_output_tokens=77, idempotency_key="once-1")
            )
        [call] = server.calls
    sent = call["body"]
    assert [m["role"] for m in sent["messages"]] == ["system", "user", "assistant", "tool"]
    assert sent["messages"][2]["tool_calls"][0]["function"] == {"name": "look_up", "arguments": '{"q":"x"}'}
    assert sent["messages"][3]["tool_call_id"] == "c1"
    assert sent["tools"][0]["function"]["name"] == "look_up"
    assert sent["max_tokens"] == 77
    assert sent["model"] == "some-model"
    assert call["idempotency_key"] == "once-1"


async def test_tool_calls_are_read_and_unreadable_arguments_are_kept_as_text() -> None:
    tools = (
        ToolUse(name="look_up", arguments='{"q": "a"}', id="1"),
        ToolUse(name="look_up", arguments='{"q": ', id="2"),
        ToolUse(name="look_up", arguments="", id="3"),
        ToolUse(name="look_up", arguments="[1]", id="4"),
    )
    with OpenAIServer(Step(text="", tools=tools)) as server:
        async with gateway(server, SkippingClock()) as models:
            reply = await models.complete(ask(tools=(TOOL,)))
    assert [call.arguments for call in reply.tool_calls] == [{"q": "a"}, None, {}, None]
    assert [call.raw for call in reply.tool_calls][1::2] == ['{"q": ', "[1]"]
    assert reply.finish == "tool_calls"


async def test_unreadable_arguments_go_back_to_the_model_as_it_wrote_them() -> None:
    broken = ToolCall(id="c1", name="look_up", arguments=None, raw='{"q": ')
    messages = (
        Message(role="user", content="?"),
        Message(role="assistant", tool_calls=(broken,)),
        Message(role="tool", name="look_up", tool_call_id="c1", content="unreadable arguments"),
    )
    with OpenAIServer() as server:
        async with gateway(server, SkippingClock()) as models:
            reply = await models.complete(ask(messages=messages, tools=(TOOL,)))
        assert reply.text == "Hello."
        assert server.calls[0]["body"]["messages"][1]["tool_calls"][0]["function"]["name"] == "look_up"


async def test_a_schema_is_asked_for_natively_and_json_is_found_among_words() -> None:
    finding: dict[str, object] = {"found": False, "text": "No.", "citations": []}
    said = f"Here it is:\n```json\n{json.dumps(finding)}\n```\nThat is all."
    with OpenAIServer(Step(text=said)) as server:
        async with gateway(server, SkippingClock()) as models:
            reply = await models.complete(ask(output_schema=FINDING_SCHEMA))
        sent = server.calls[0]["body"]["response_format"]
    assert json.loads(reply.text) == finding
    assert sent["type"] == "json_schema"
    assert set(sent["json_schema"]["schema"]["properties"]) == {"found", "text", "citations"}


async def test_a_server_without_schemas_is_asked_in_words() -> None:
    with OpenAIServer(Step(text='{"found": true}')) as server:
        async with gateway(server, SkippingClock(), json_schema=False) as models:
            await models.complete(ask(output_schema=FINDING_SCHEMA))
        sent = server.calls[0]["body"]
    assert "response_format" not in sent
    assert "passage_id" in json.dumps(sent["messages"])


async def test_a_cut_answer_says_so() -> None:
    with OpenAIServer(Step(finish="length"), Step(finish="content_filter")) as server:
        async with gateway(server, SkippingClock()) as models:
            assert (await models.complete(ask())).finish == "length"
            assert (await models.complete(ask())).finish == "filtered"


async def test_a_stream_gives_its_pieces_and_then_the_whole_answer_with_usage() -> None:
    text = "The stream, in several pieces: uno, dos, tres, ñandú."
    with OpenAIServer(Step(text=text, usage=(10, 20))) as server:
        async with gateway(server, SkippingClock(), prices={"some-model": (1.0, 2.0)}) as models:
            items = [item async for item in models.stream(ask())]
    *deltas, last = items
    assert len(deltas) > 3
    assert "".join(item.text for item in deltas if isinstance(item, TextDelta)) == text
    assert isinstance(last, ModelReply)
    assert (last.text, last.cost_micros) == (text, 50)


async def test_tool_calls_arrive_whole_from_a_stream() -> None:
    step = Step(text="", tools=(ToolUse(name="look_up", arguments='{"q": "a long question"}'),))
    with OpenAIServer(step) as server:
        async with gateway(server, SkippingClock()) as models:
            [reply] = [item async for item in models.stream(ask(tools=(TOOL,)))]
    assert isinstance(reply, ModelReply)
    assert [call.arguments for call in reply.tool_calls] == [{"q": "a long question"}]


async def test_a_server_that_answers_in_one_piece_although_a_stream_was_asked_is_understood() -> None:
    tools = (ToolUse(name="look_up", arguments='{"q": 1}'), ToolUse(name="look_up", id="call_2"))
    script = (Step(text="Whole.", streams="whole"), Step(text="", tools=tools, streams="whole"))
    with OpenAIServer(*script) as server:
        async with gateway(server, SkippingClock(), prices={"some-model": (1.0, 2.0)}) as models:
            *deltas, reply = [item async for item in models.stream(ask())]
            [called] = [item async for item in models.stream(ask(tools=(TOOL,)))]
            whole = await models.complete(ask())
        assert len(server.calls) == 3
    assert isinstance(reply, ModelReply)
    assert isinstance(called, ModelReply)
    assert "".join(item.text for item in deltas) == reply.text == "Whole."
    assert (reply.cost_micros, reply.usage, reply.finish) == (25, whole.usage, "stop")
    assert [call.arguments for call in called.tool_calls] == [{"q": 1}, {}]
    assert called.finish == "tool_calls"


async def test_a_server_that_refuses_streams_is_asked_for_the_whole_and_not_for_a_stream_again() -> None:
    with OpenAIServer(Step(text="Whole.", streams="refused")) as server:
        async with gateway(server, SkippingClock()) as models:
            for _ in range(2):
                delta, reply = [item async for item in models.stream(ask())]
                assert (delta.text, reply.text) == ("Whole.", "Whole.")
        assert [bool(call["body"].get("stream")) for call in server.calls] == [True, False, False]


async def test_a_server_whose_streams_do_not_say_what_they_used_is_not_asked_for_them_again() -> None:
    with OpenAIServer(Step(usage=None), Step()) as server:
        async with gateway(server, SkippingClock()) as models:
            replies = [[item async for item in models.stream(ask())][-1] for _ in range(2)]
        assert [bool(call["body"].get("stream")) for call in server.calls] == [True, False]
    assert [reply.usage.known for reply in replies if isinstance(reply, ModelReply)] == [False, True]


async def test_a_reply_is_the_same_streamed_and_whole() -> None:
    steps = (
        Step(text='Here: {"found": true, "text": "sí", "citations": []}'),
        Step(text="", tools=(ToolUse(name="look_up", arguments='{"q": "x'),)),
        Step(text="cut", finish="length", first_seconds=0.02, piece_seconds=0.01),
    )
    for step in steps:
        with OpenAIServer(step) as server:
            async with gateway(server, SkippingClock(), prices={"some-model": (1.0, 2.0)}) as models:
                request = ask(output_schema=FINDING_SCHEMA, tools=(TOOL,))
                streamed = [item async for item in models.stream(request)][-1]
                assert streamed == await models.complete(request)
