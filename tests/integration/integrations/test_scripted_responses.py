"""The scripted server's Responses API, as the official client and the library of our providers see it."""

import openai
import pytest
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseErrorEvent,
    ResponseFunctionCallArgumentsDeltaEvent,
    ResponseFunctionToolCall,
    ResponseIncompleteEvent,
    ResponseStreamEvent,
    ResponseTextDeltaEvent,
)
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.openai import OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from flowmatik.testing.openai_server import OpenAIServer, Step, ToolUse

TOOLS = (
    ToolUse(name="f", arguments='{"a": "a long one"}', id="c1"),
    ToolUse(name="g", arguments='{"b": 22222222}', id="c2"),
)
STEP = Step(text="uno, dos, ñandú", tools=TOOLS, usage=(20, 9), cached=5, reasoning=4, served="another")


def client(server: OpenAIServer) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=server.base_url, api_key="k", max_retries=0, timeout=60)


async def whole(server: OpenAIServer) -> Response:
    async with client(server) as official:
        return await official.responses.create(model="m", input="?")


async def streamed(server: OpenAIServer) -> list[ResponseStreamEvent]:
    async with client(server) as official:
        stream = await official.responses.create(model="m", input="?", stream=True)
        return [event async for event in stream]


async def test_the_official_client_reads_whole_what_the_step_says() -> None:
    with OpenAIServer(STEP) as server:
        answer = await whole(server)
    calls = [item for item in answer.output if isinstance(item, ResponseFunctionToolCall)]
    assert [(call.call_id, call.name, call.arguments) for call in calls] == [
        (tool.id, tool.name, tool.arguments) for tool in TOOLS
    ]
    assert (answer.output_text, answer.status, answer.model) == (STEP.text, "completed", "another")
    used = answer.usage
    assert used is not None
    assert (used.input_tokens, used.output_tokens, used.total_tokens) == (20, 9, 29)
    assert used.input_tokens_details.cached_tokens == 5
    assert used.output_tokens_details.reasoning_tokens == 4


@pytest.mark.parametrize("finish", ["stop", "length", "content_filter"])
async def test_a_stream_says_what_the_whole_would_have_said(finish: str) -> None:
    step = Step(text="uno, dos", tools=TOOLS, finish=finish)
    with OpenAIServer(step) as server:
        one, events = await whole(server), await streamed(server)
    last = events[-1]
    assert isinstance(last, ResponseCompletedEvent if finish == "stop" else ResponseIncompleteEvent)
    assert last.response.to_dict() == one.to_dict()
    assert [item.type for item in one.output] == ["message", "function_call", "function_call"]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    deltas = [event.delta for event in events if isinstance(event, ResponseTextDeltaEvent)]
    arguments = [
        event.delta for event in events if isinstance(event, ResponseFunctionCallArgumentsDeltaEvent)
    ]
    assert "".join(deltas) == step.text
    assert "".join(arguments) == "".join(tool.arguments for tool in TOOLS)


async def test_faults_are_those_of_the_other_routes() -> None:
    script = (Step(kind="rate_limited"), Step(kind="context_overflow"), Step(kind="stream_error"))
    with OpenAIServer(*script) as server:
        with pytest.raises(openai.RateLimitError):
            await whole(server)
        with pytest.raises(openai.BadRequestError) as raised:
            await whole(server)
        events = await streamed(server)
    assert raised.value.code == "context_length_exceeded"
    assert isinstance(events[-1], ResponseErrorEvent)
    assert events[-1].message == "scripted failure"


def said(response: ModelResponse) -> tuple[str, list[str], int]:
    text = "".join(part.content for part in response.parts if isinstance(part, TextPart))
    calls = [str(part.args) for part in response.parts if isinstance(part, ToolCallPart)]
    return text, calls, response.usage.input_tokens


async def test_the_library_of_the_providers_reads_the_same_from_both() -> None:
    asked = [ModelRequest.user_text_prompt("?")]
    with OpenAIServer(STEP) as server:
        async with client(server) as official:
            model = OpenAIResponsesModel("gpt-5", provider=OpenAIProvider(openai_client=official))
            one = await model_request(model, asked)
            async with model_request_stream(model, asked) as stream:
                async for _ in stream:
                    continue
                other = stream.get()
    assert said(one) == said(other) == (STEP.text, [tool.arguments for tool in TOOLS], 20)
