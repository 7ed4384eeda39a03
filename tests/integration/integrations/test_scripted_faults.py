"""How the scripted OpenAI server misbehaves, as the official client and plain HTTP see it."""

import asyncio
import json
import time
from typing import Any

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from flowmatik.testing.openai_server import Latency, Limits, OpenAIServer, Step, ToolUse, Weather

BODY: dict[str, Any] = {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "?"}]}
STREAM = {**BODY, "stream": True, "stream_options": {"include_usage": True}}
TWO = (
    ToolUse(name="f", arguments='{"a": "a long one"}', id="c1"),
    ToolUse(name="g", arguments='{"b": 22222222}', id="c2"),
)


def client(server: OpenAIServer) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=server.base_url, api_key="k", max_retries=0, timeout=60)


async def whole(server: OpenAIServer) -> ChatCompletion:
    async with client(server) as official:
        return await official.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])


async def streamed(server: OpenAIServer) -> list[ChatCompletionChunk]:
    async with client(server) as official:
        stream = await official.chat.completions.create(
            model="m",
            messages=[{"role": "user", "content": "?"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        return [piece async for piece in stream]


async def post(server: OpenAIServer, body: dict[str, Any] = BODY) -> httpx.Response:
    async with httpx.AsyncClient(timeout=60) as plain:
        return await plain.post(f"{server.base_url}/chat/completions", json=body)


async def read(server: OpenAIServer, got: list[bytes]) -> None:
    async with (
        httpx.AsyncClient(timeout=60) as plain,
        plain.stream("POST", f"{server.base_url}/chat/completions", json=STREAM) as answer,
    ):
        async for part in answer.aiter_raw():
            got.append(part)


async def by_hand(server: OpenAIServer) -> bytes:
    """One call without a client that takes longer than the server."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    body = json.dumps(BODY).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    status = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return status


async def test_the_official_client_reads_whole_what_the_step_says() -> None:
    step = Step(text="Hi", tools=TWO, usage=(20, 9), cached=5, reasoning=4, served="another-model")
    with OpenAIServer(step, Step(refusal="I will not", finish="content_filter")) as server:
        answer, refused = await whole(server), await whole(server)
    choice, used = answer.choices[0], answer.usage
    assert used is not None
    assert used.prompt_tokens_details is not None
    assert used.completion_tokens_details is not None
    calls = [call for call in choice.message.tool_calls or [] if call.type == "function"]
    assert [(call.id, call.function.name, call.function.arguments) for call in calls] == [
        (tool.id, tool.name, tool.arguments) for tool in TWO
    ]
    assert (choice.message.content, choice.finish_reason, answer.model) == (
        "Hi",
        "tool_calls",
        "another-model",
    )
    assert (used.prompt_tokens_details.cached_tokens, used.completion_tokens_details.reasoning_tokens) == (
        5,
        4,
    )
    assert refused.choices[0].message.refusal == "I will not"
    assert refused.choices[0].message.content is None
    assert refused.choices[0].finish_reason == "content_filter"


@pytest.mark.parametrize("interleaved", [False, True])
async def test_the_official_client_puts_a_stream_together_again(interleaved: bool) -> None:
    step = Step(text="uno, dos, ñandú", tools=TWO, interleaved=interleaved)
    with OpenAIServer(step) as server:
        pieces = await streamed(server)
    deltas = [piece.choices[0].delta for piece in pieces if piece.choices]
    calls = ["", ""]
    order: list[int] = []
    for call in [call for delta in deltas for call in delta.tool_calls or []]:
        calls[call.index] += (call.function.arguments if call.function else None) or ""
        order.append(call.index)
    assert "".join(delta.content or "" for delta in deltas) == step.text
    assert calls == [tool.arguments for tool in TWO]
    assert (order == sorted(order)) == (not interleaved)


@pytest.mark.parametrize(("where", "times"), [("last", 1), ("every", 6), ("finish", 1)])
async def test_usage_stands_where_the_step_says(where: Any, times: int) -> None:
    with OpenAIServer(Step(text="1234567890", usage_in=where)) as server:
        pieces = await streamed(server)
    used = [n for n, piece in enumerate(pieces) if piece.usage is not None]
    assert len(used) == (times if where != "every" else len(pieces))
    assert used[-1] == len(pieces) - 1
    assert bool(pieces[-1].choices) == (where == "finish")


@pytest.mark.parametrize("usage", [(0, 0), (-3, -4), (10**15, 10**15), (5, 999_999)])
async def test_wrong_numbers_of_usage_are_sent_as_they_are(usage: tuple[int, int]) -> None:
    with OpenAIServer(Step(usage=usage)) as server:
        used = (await post(server)).json()["usage"]
    assert (used["prompt_tokens"], used["completion_tokens"]) == usage


async def test_a_stream_may_be_spoilt_broken_off_or_cut_at_any_place() -> None:
    text = "a text of many pieces, to be cut"
    ends: list[int] = []
    for cut_at in (0.0, 0.3, 0.9):
        with OpenAIServer(Step(kind="truncated", text=text, cut_at=cut_at)) as server:
            got: list[bytes] = []
            with pytest.raises(httpx.RemoteProtocolError):
                await read(server, got)
            ends.append(len(b"".join(got)))
    assert ends[0] == 0 < ends[1] < ends[2]
    with OpenAIServer(Step(kind="bad_chunk", text=text), Step(kind="stream_error", text=text)) as server:
        with pytest.raises(json.JSONDecodeError):
            await streamed(server)
        with pytest.raises(openai.APIError, match="scripted failure"):
            await streamed(server)


async def test_a_whole_answer_may_be_cut_hung_up_on_or_reset() -> None:
    script = (Step(kind="truncated"), Step(kind="hung_up"), Step(kind="reset"), Step(kind="cut_json"))
    with OpenAIServer(*script) as server:
        for _ in range(2):
            with pytest.raises(httpx.RemoteProtocolError):
                await post(server)
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await post(server)
        with pytest.raises(json.JSONDecodeError):
            (await post(server)).json()


@pytest.mark.parametrize(
    ("form", "header"), [("seconds", "retry-after"), ("date", "retry-after"), ("ms", "retry-after-ms")]
)
@pytest.mark.parametrize("kind", ["rate_limited", "overloaded"])
async def test_the_time_to_wait_is_said_in_every_form(kind: Any, form: Any, header: str) -> None:
    with OpenAIServer(Step(kind=kind, retry_after=30, retry_form=form), Step(kind=kind)) as server:
        first, second = await post(server), await post(server)
    assert first.status_code == second.status_code == (429 if kind == "rate_limited" else 529)
    assert first.headers[header]
    assert "retry-after" not in second.headers


async def test_a_request_beyond_the_window_is_told_so_in_the_vendors_words_and_one_within_is_answered() -> (
    None
):
    with OpenAIServer(limits=Limits(context=200)) as server:
        fits = await post(server)
        long = await post(server, {**BODY, "messages": [{"role": "user", "content": "x" * 1000}]})
        greedy = await post(server, {**BODY, "max_tokens": 500})
    assert [answer.status_code for answer in (fits, long, greedy)] == [200, 400, 400]
    assert long.json()["error"]["code"] == "context_length_exceeded"
    assert "maximum context length is 200 tokens" in greedy.json()["error"]["message"]


async def test_its_own_limits_refuse_what_is_beyond_and_say_what_is_left() -> None:
    with OpenAIServer(limits=Limits(requests=2, tokens=100_000)) as server:
        answers = [await post(server) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["x-ratelimit-remaining-requests"] == "1"
    assert answers[0].headers["x-ratelimit-limit-tokens"] == "100000"
    assert 1 <= int(answers[2].headers["retry-after"]) <= 30


async def test_calls_at_once_are_limited_and_counted() -> None:
    slow = Step(seconds=0.5)
    with OpenAIServer(slow, limits=Limits(concurrent=3)) as server:
        answers = await asyncio.gather(*(post(server) for _ in range(8)))
        assert server.watch.peak == 3
        assert server.watch.going == 0
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [429] * 5


async def test_half_of_the_calls_fail_and_the_same_ones_in_every_life() -> None:
    lives: list[list[int]] = []
    for _ in range(2):
        with OpenAIServer(weather=Weather(seed=3, errors=0.5)) as server:
            async with httpx.AsyncClient(timeout=60, base_url=server.base_url) as plain:
                lives.append(
                    [(await plain.post("/chat/completions", json=BODY)).status_code for _ in range(60)]
                )
    assert lives[0] == lives[1]
    assert 15 < lives[0].count(200) < 45
    assert set(lives[0]) == {200, 429, 500, 503, 529}


async def test_latency_and_a_slow_first_token_are_waited() -> None:
    with OpenAIServer(Step(first_seconds=0.2), weather=Weather(latency=Latency(seconds=(0.2,)))) as server:
        started = time.monotonic()
        await post(server)
        whole_took = time.monotonic() - started
        started = time.monotonic()
        await streamed(server)
        stream_took = time.monotonic() - started
    assert whole_took >= 0.2
    assert stream_took >= 0.4


async def test_a_client_that_leaves_is_seen() -> None:
    with OpenAIServer(Step(kind="silent"), Step(text="long " * 20, piece_seconds=0.2)) as server:
        for body in (BODY, STREAM):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await post(server, body)
        for _ in range(12_000):
            if server.watch.left == 2:
                break
            await asyncio.sleep(0.01)
        assert server.watch.left == 2
        assert server.watch.going == 0


@pytest.mark.parametrize(
    ("prose", "marker"),
    [
        ("fence", "```json"),
        ("tag", "<tool_call>"),
        ("call", "f(a="),
        ("function_tag", "<function=f>"),
        ("bare", '{"name": "f"'),
        ("brackets", "[TOOL_CALLS]"),
    ],
)
async def test_tools_are_called_in_prose(prose: Any, marker: str) -> None:
    with OpenAIServer(Step(text="Well.", tools=TWO, prose=prose)) as server:
        choice = (await post(server)).json()["choices"][0]
    assert "tool_calls" not in choice["message"]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"].startswith("Well.\n")
    assert marker in choice["message"]["content"]


async def test_further_headers_and_answers_without_choices_or_a_reason_to_end_are_sent() -> None:
    script = (Step(headers=(("x-gateway", "g"),)), Step(kind="no_choices"), Step(finish=""))
    with OpenAIServer(*script) as server:
        assert (await post(server)).headers["x-gateway"] == "g"
        assert (await post(server)).json()["choices"] == []
        assert (await post(server)).json()["choices"][0]["finish_reason"] is None
        assert (await post(server, {**BODY, "stream": True})).text.endswith("data: [DONE]\n\n")
        async with httpx.AsyncClient(timeout=60) as plain:
            assert (await plain.get(f"{server.address}/elsewhere")).status_code == 404
            assert (await plain.post(f"{server.base_url}/chat/completions", content=b"[]")).status_code == 400


async def test_a_thousand_calls_at_once_are_answered() -> None:
    with OpenAIServer(Step(seconds=1.0)) as server:
        answers = await asyncio.gather(*(by_hand(server) for _ in range(1000)))
        assert server.watch.peak > 300
    assert set(answers) == {b"HTTP/1.1 200 OK\r\n"}
