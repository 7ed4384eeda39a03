"""What spares the vendors' libraries work changes nothing of what is sent and read."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import openai
import pytest
from openai import omit
from openai._models import construct_type
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import ResponseStreamEvent
from pydantic_ai._utils import PeekableAsyncStream
from pydantic_ai.messages import PartDeltaEvent
from pydantic_ai.models import ModelRequestParameters

from flowmatik.integrations.chat_completions.quick import QuickAzure, QuickChat, QuickOpenAI, read
from flowmatik.integrations.chat_completions.running_totals import TotallingChatModel, TotallingStream
from flowmatik.testing.openai_server import OpenAIServer, Step, ToolUse

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
DOT = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA"
    "AABJRU5ErkJggg=="
)
PICTURE = {"type": "image_url", "image_url": {"url": DOT, "detail": "auto"}}
ASKED: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, PICTURE]},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "A cat."},
    ],
    "tools": [TOOL],
    "tool_choice": "auto",
    "temperature": 0.0,
    "max_tokens": 64,
    "seed": omit,
    "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}},
    "extra_headers": {"Idempotency-Key": "k1"},
    "extra_body": {"beside": [1]},
    "timeout": 20.0,
}
STEPS = (
    Step(text="A cat, it seems.", cached=3, reasoning=2),
    Step(text="", tools=(ToolUse(name="f", arguments='{"a": 1}'), ToolUse(name="g", id="call_2"))),
    Step(text="", refusal="No."),
    Step(text="Odd.", finish="guardrail_intervened"),
    Step(text="Unended.", finish=""),
    Step(text="So far.", usage_in="every"),
)


async def asked_of(
    kind: type[openai.AsyncOpenAI], step: Step, *, stream: bool
) -> tuple[Sequence[dict[str, Any]], list[dict[str, Any]]]:
    """What was sent, and what was read, but for times and ids."""
    with OpenAIServer(step) as server:
        async with kind(base_url=server.base_url, api_key="k", max_retries=0) as client:
            create: Any = client.chat.completions.create
            if stream:
                options = {"include_usage": True}
                pieces = await create(**ASKED, stream=True, stream_options=options)
                read = [piece async for piece in pieces]
            else:
                read = [await create(**ASKED, stream=False)]
        return server.calls, [{**one.model_dump(), "id": "", "created": 0} for one in read]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("step", STEPS)
async def test_the_same_is_sent_and_read_as_by_the_vendors_own_client(step: Step, stream: bool) -> None:
    usual = await asked_of(openai.AsyncOpenAI, step, stream=stream)
    assert await asked_of(QuickOpenAI, step, stream=stream) == usual


async def told_by_responses(kind: type[openai.AsyncOpenAI]) -> list[object]:
    with OpenAIServer(Step(text="A cat, it seems.", reasoning=2)) as server:
        async with kind(base_url=server.base_url, api_key="k", max_retries=0) as client:
            events = await client.responses.create(model="m", input="What is it?", stream=True)
            return [event async for event in events if "delta" in event.type]


async def test_pieces_of_responses_are_read_as_by_the_vendors_own_client() -> None:
    usual = await told_by_responses(openai.AsyncOpenAI)
    assert usual
    assert await told_by_responses(QuickOpenAI) == usual


def test_a_piece_of_text_of_responses_is_read_at_once() -> None:
    data: dict[str, Any] = {
        "type": "response.output_text.delta",
        "delta": "Hi",
        "item_id": "m1",
        "sequence_number": 3,
    }
    data |= {"output_index": 0, "content_index": 0, "logprobs": []}
    event: Any = ResponseStreamEvent
    assert read(data, event) == construct_type(value=data, type_=event)
    assert read({**data, "sequence_number": "3"}, event) is None
    assert read({**data, "type": "response.refusal.delta"}, event) is None


HEAD: dict[str, Any] = {"id": "1", "created": 1, "model": "m", "object": "chat.completion.chunk"}


def piece(**delta: Any) -> dict[str, Any]:
    return {**HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


@pytest.mark.parametrize(
    "data",
    [
        piece(content="Hi", role="assistant"),
        piece(content="Hi", reasoning_content="Hm.", annotations=[{"type": "url"}]),
        piece(tool_calls=[{"index": 0, "function": {"arguments": "{"}, "extra_content": {"google": 1}}]),
        {**HEAD, "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}},
    ],
)
def test_an_answer_as_described_is_read_at_once_and_alike(data: dict[str, Any]) -> None:
    made = read(data, ChatCompletionChunk)
    assert made == construct_type(value=data, type_=ChatCompletionChunk)


@pytest.mark.parametrize(
    "data",
    [
        piece(content=[{"type": "text", "text": "Hi"}]),
        {**HEAD, "created": None, "choices": []},
        {**HEAD, "created": 1.5, "choices": []},
        {**HEAD, "choices": None},
        {**HEAD, "choices": [{"index": 0, "delta": None}]},
        {**HEAD, "created": "1", "choices": []},
        [],
    ],
)
def test_any_other_answer_is_left_to_the_vendors_reader(data: Any) -> None:
    assert read(data, ChatCompletionChunk) is None
    assert read(data, ChatCompletion) is None


class Arrived:
    """A stream of which all pieces have arrived."""

    def __init__(self, *pieces: dict[str, Any]) -> None:
        self._pieces = iter(pieces)

    def __aiter__(self) -> AsyncIterator[ChatCompletionChunk]:
        return self

    async def __anext__(self) -> ChatCompletionChunk:
        for data in self._pieces:
            return ChatCompletionChunk.model_validate(data)
        raise StopAsyncIteration

    async def close(self) -> None:
        return


async def test_pieces_that_have_arrived_are_read_without_a_turn_of_the_loop() -> None:
    used = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    ended = {"index": 0, "delta": {"content": None}, "finish_reason": "stop"}
    pieces = [*[piece(content="Hi. ")] * 20, {**HEAD, "choices": [ended], "usage": used}]
    source = PeekableAsyncStream[Any, Any](Arrived(*pieces))
    await source.peek()
    streamed = TotallingStream(
        model_request_parameters=ModelRequestParameters(),
        _model_name="m",
        _model_profile={},
        _response=source,
        _provider_name="far",
        _model_id_namespace="far",
        _provider_url="http://far/v1",
        _model_settings={"openai_continuous_usage_stats": True},
    )
    turns: list[None] = []
    asyncio.get_running_loop().call_soon(turns.append, None)
    events = [event async for event in streamed]
    assert not turns
    assert sum(isinstance(event, PartDeltaEvent) for event in events) == 19
    assert streamed.usage.output_tokens == 2


def test_all_that_is_overridden_is_still_there_in_the_libraries() -> None:
    for ours in (QuickOpenAI, QuickAzure, QuickChat, TotallingChatModel, TotallingStream):
        own = [name for name, value in vars(ours).items() if callable(value) or isinstance(value, property)]
        for name in own:
            assert any(name in vars(base) for base in ours.__mro__[1:]), (ours, name)
