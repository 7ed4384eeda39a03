"""The official clients read from the scripted servers all that these send: every field has its place and its
type, a stream makes the whole answer, and errors keep their code, their type and their number."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import anthropic
import httpx
import openai
import pytest
from anthropic.types import MessageParam
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam
from pydantic import BaseModel

from flowmatik.testing.anthropic_server import AnthropicServer
from flowmatik.testing.model_server import Step, ToolUse
from flowmatik.testing.openai_server import OpenAIServer

TOOLS = (
    ToolUse(name="f", arguments='{"a": [1, 2.5, null, "ñ"], "b": {"c": true}}', id="call_a"),
    ToolUse(name="g", arguments="{}", id="call_b"),
)
STEPS = {
    "text": Step(text="Uno, dos: «ñandú» 🙂\n\n\tthree."),
    "tools": Step(text="Let me see.", tools=TOOLS, usage=(120, 9), cached=60, cache_written=10),
    "tools alone": Step(text="", tools=TOOLS[:1]),
    "interleaved": Step(text="Both.", tools=TOOLS, interleaved=True),
    "prose": Step(text="Well.", tools=TOOLS[:1], prose="tag"),
    "cut at the limit": Step(text="As far as it", finish="length", usage=(3, 4)),
    "filtered": Step(text="Some", finish="content_filter"),
    "refused": Step(refusal="I will not."),
    "thought": Step(text="So.", usage=(20, 90), reasoning=80, served="another-model"),
    "odd numbers": Step(text="Odd.", usage=(10**15, 0)),
}
CHAT: list[ChatCompletionMessageParam] = [{"role": "user", "content": "?"}]
SAID: list[MessageParam] = [{"role": "user", "content": "?"}]
each = pytest.mark.parametrize("step", STEPS.values(), ids=list(STEPS))


@asynccontextmanager
async def of_openai(*script: Step) -> AsyncGenerator[openai.AsyncOpenAI]:
    with OpenAIServer(*script) as server:
        async with openai.AsyncOpenAI(base_url=server.base_url, api_key="k", max_retries=0) as official:
            yield official


@asynccontextmanager
async def of_anthropic(*script: Step) -> AsyncGenerator[anthropic.AsyncAnthropic]:
    with AnthropicServer(*script) as server:
        async with anthropic.AsyncAnthropic(base_url=server.base_url, api_key="k", max_retries=0) as official:
            yield official


def is_kept(sent: dict[str, Any], read: BaseModel) -> None:
    """`read` says again what was sent, and all of it is what the vendor's own types say."""
    assert cast("Any", read).to_dict(mode="json") == sent
    type(read).model_validate(sent)
    assert strangers(read) == []


def strangers(read: Any) -> list[str]:
    """Fields that the vendor's types do not know."""
    if isinstance(read, list):
        return [name for one in cast("list[Any]", read) for name in strangers(one)]
    if not isinstance(read, BaseModel):
        return []
    inside = [name for one in vars(read).values() for name in strangers(one)]
    return [*(read.model_extra or {}), *inside]


async def events(base_url: str, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """What a stream is on the wire, without a client that understands it."""
    headers = {"anthropic-version": "2023-06-01", "x-api-key": "k", "authorization": "Bearer k"}
    async with httpx.AsyncClient(timeout=60, headers=headers) as plain:
        sent = await plain.post(str(httpx.URL(base_url).join(path)), json={**body, "stream": True})
    lines = [line.removeprefix("data: ") for line in sent.text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def assembled(pieces: list[ChatCompletionChunk]) -> dict[str, Any]:
    """The message that the pieces of a stream make, as a whole answer says it."""
    made: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    calls: dict[int, dict[str, Any]] = {}
    for delta in (choice.delta for piece in pieces for choice in piece.choices):
        for name in ("content", "refusal"):
            if said := getattr(delta, name):
                made[name] = (made[name] or "") + said
        for part in delta.tool_calls or []:
            assert part.function is not None
            call = calls.setdefault(part.index, {"function": {"name": "", "arguments": ""}})
            call.update({name: value for name, value in (("id", part.id), ("type", part.type)) if value})
            call["function"]["name"] += part.function.name or ""
            call["function"]["arguments"] += part.function.arguments or ""
    return {**made, "tool_calls": [calls[n] for n in sorted(calls)]} if calls else made


@each
async def test_chat_completions(step: Step) -> None:
    options = {"include_usage": True}
    body = {"model": "m", "messages": CHAT, "stream_options": options}
    async with of_openai(step) as official:
        raw = await official.chat.completions.with_raw_response.create(model="m", messages=CHAT)
        whole = raw.parse()
        is_kept(raw.http_response.json(), whole)
        assert raw.request_id == "req_scripted"
        stream = await official.chat.completions.create(
            model="m", messages=CHAT, stream=True, stream_options=cast("Any", options)
        )
        read = [piece async for piece in stream]
        sent = await events(str(official.base_url), "chat/completions", body)
    for piece, on_the_wire in zip(read, sent, strict=True):
        is_kept(on_the_wire, piece)
    assert assembled(read) == whole.choices[0].message.to_dict()
    reasons = [choice.finish_reason for piece in read for choice in piece.choices if choice.finish_reason]
    assert reasons == [whole.choices[0].finish_reason]
    assert {piece.model for piece in read} == {whole.model}
    assert read[-1].usage is not None
    assert read[-1].usage == whole.usage


@each
async def test_responses(step: Step) -> None:
    async with of_openai(step) as official:
        raw = await official.responses.with_raw_response.create(model="m", input="?")
        whole = raw.parse()
        is_kept(raw.http_response.json(), whole)
        stream = await official.responses.create(model="m", input="?", stream=True)
        read = [event async for event in stream]
        sent = await events(str(official.base_url), "responses", {"model": "m", "input": "?"})
    for event, on_the_wire in zip(read, sent, strict=True):
        is_kept(on_the_wire, event)
    last = cast("Any", read[-1]).response
    assert last.to_dict() == whole.to_dict()


@each
async def test_messages_of_anthropic(step: Step) -> None:
    async with of_anthropic(step) as official:
        raw = await official.messages.with_raw_response.create(model="m", max_tokens=64, messages=SAID)
        whole = await raw.parse()
        is_kept(raw.http_response.json(), whole)
        assert raw.request_id == "req_scripted"
        stream = await official.messages.create(model="m", max_tokens=64, messages=SAID, stream=True)
        read = [event async for event in stream]
        async with official.messages.stream(model="m", max_tokens=64, messages=SAID) as making:
            made = await making.get_final_message()
        body = {"model": "m", "max_tokens": 64, "messages": SAID}
        sent = await events(str(official.base_url), "/v1/messages", body)
    for event, on_the_wire in zip(read, [one for one in sent if one["type"] != "ping"], strict=True):
        is_kept(on_the_wire, event)
    assert made.to_dict() == whole.to_dict()


async def test_embeddings_and_lists_of_models() -> None:
    vectors = (Step(dimensions=4),)
    with OpenAIServer(Step(served="one"), embeddings=vectors) as server:
        official = openai.AsyncOpenAI(base_url=server.base_url, api_key="k", max_retries=0)
        raw = await official.embeddings.with_raw_response.create(
            model="m", input=["a b", "a"], encoding_format="float"
        )
        is_kept(raw.http_response.json(), raw.parse())
        assert [len(one.embedding) for one in raw.parse().data] == [4, 4]
        listed = await official.models.with_raw_response.list()
        assert [one.to_dict() for one in listed.parse().data] == listed.http_response.json()["data"]
        await official.close()
    async with of_anthropic(Step(served="one")) as official_too:
        models = await official_too.models.with_raw_response.list()
        is_kept(models.http_response.json(), await models.parse())


FAULTS = {
    400: (openai.BadRequestError, anthropic.BadRequestError),
    401: (openai.AuthenticationError, anthropic.AuthenticationError),
    403: (openai.PermissionDeniedError, anthropic.PermissionDeniedError),
    404: (openai.NotFoundError, anthropic.NotFoundError),
    409: (openai.ConflictError, anthropic.ConflictError),
    422: (openai.UnprocessableEntityError, anthropic.UnprocessableEntityError),
    429: (openai.RateLimitError, anthropic.RateLimitError),
    500: (openai.InternalServerError, anthropic.InternalServerError),
    503: (openai.InternalServerError, anthropic.InternalServerError),
    529: (openai.InternalServerError, anthropic.InternalServerError),
}


@pytest.mark.parametrize("status", list(FAULTS))
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_errors(status: int, streamed: bool) -> None:
    step = Step(kind="error", status=status, message="No: «ñ»", code="some_code")
    async with of_openai(step) as official:
        with pytest.raises(FAULTS[status][0]) as raised:
            await official.chat.completions.create(model="m", messages=CHAT, stream=streamed)
        with pytest.raises(FAULTS[status][0]) as by_responses:
            await official.responses.create(model="m", input="?", stream=streamed)
    for error in (raised.value, by_responses.value):
        assert (error.status_code, error.request_id) == (status, "req_scripted")
        assert (error.code, error.param) == ("some_code", None)
        assert cast("Any", error.body)["message"] == "No: «ñ»"
        assert error.type == error.response.json()["error"]["type"]
    async with of_anthropic(step) as official_too:
        with pytest.raises(FAULTS[status][1]) as told:
            await official_too.messages.create(model="m", max_tokens=9, messages=SAID, stream=streamed)
    assert (told.value.status_code, told.value.request_id) == (status, "req_scripted")
    assert told.value.body == told.value.response.json()
    assert "No: «ñ»" in str(told.value)
