"""The scripted Anthropic server, as the official client and a shell see it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import anthropic
import httpx
import pytest
from anthropic.types import MessageParam

from flowmatik.testing.anthropic_server import AnthropicServer, Limits, Step, ToolUse

ASKED: list[MessageParam] = [{"role": "user", "content": "?"}]


def client(server: AnthropicServer, key: str = "k") -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=server.base_url, api_key=key, max_retries=0)


async def ask(official: anthropic.AsyncAnthropic) -> anthropic.types.Message:
    return await official.messages.create(model="m", max_tokens=64, messages=ASKED, system="Be brief.")


async def read(official: anthropic.AsyncAnthropic, seen: list[str]) -> None:
    async with official.messages.stream(model="m", max_tokens=9, messages=ASKED) as stream:
        async for text in stream.text_stream:
            seen.append(text)


async def test_the_official_client_reads_text_tools_usage_and_where_it_came_from() -> None:
    tools = (ToolUse(name="f", arguments='{"a": [1, "ñ"]}', id="toolu_1"), ToolUse(name="g", id="toolu_2"))
    step = Step(text="Let me see.", tools=tools, usage=(100, 7), cached=60, cache_written=10)
    with AnthropicServer(step, Step(text="done", finish="length", served="other")) as server:
        async with client(server) as official:
            first, second = await ask(official), await ask(official)
        assert server.calls[0]["body"]["system"] == "Be brief."
    text, one, two = first.content
    assert (text.type, one.type, two.type) == ("text", "tool_use", "tool_use")
    assert text.type == "text"
    assert text.text == "Let me see."
    assert one.type == "tool_use"
    assert (one.id, one.name, one.input) == ("toolu_1", "f", {"a": [1, "ñ"]})
    assert (first.stop_reason, second.stop_reason) == ("tool_use", "max_tokens")
    used = first.usage
    assert (used.input_tokens, used.cache_read_input_tokens, used.cache_creation_input_tokens) == (30, 60, 10)
    assert (used.output_tokens, second.model) == (7, "other")


@pytest.mark.parametrize("interleaved", [False, True])
async def test_the_official_client_reads_from_a_stream_what_the_whole_would_have_said(
    interleaved: bool,
) -> None:
    tools = (ToolUse(name="f", arguments='{"a": "a long one"}', id="1"), ToolUse(name="g", id="2"))
    step = Step(text="In pieces: uno, dos, ñandú.", tools=tools, cached=3, interleaved=interleaved)
    with AnthropicServer(step) as server:
        async with client(server) as official:
            whole = await ask(official)
            async with official.messages.stream(model="m", max_tokens=64, messages=ASKED) as stream:
                kinds = [event.type async for event in stream]
                streamed = await stream.get_final_message()
    assert [block.to_dict() for block in streamed.content] == [block.to_dict() for block in whole.content]
    assert (streamed.stop_reason, streamed.model) == (whole.stop_reason, whole.model)
    assert streamed.usage.to_dict() == whole.usage.to_dict()
    assert kinds.count("content_block_start") == 3
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")


@pytest.mark.parametrize(
    ("step", "kind", "said"),
    [
        (Step(kind="rate_limited", retry_after=2), anthropic.RateLimitError, "rate_limit_error"),
        (Step(kind="overloaded"), anthropic.InternalServerError, "overloaded_error"),
        (Step(kind="error", status=500), anthropic.InternalServerError, "api_error"),
        (Step(kind="error", status=404), anthropic.NotFoundError, "not_found_error"),
        (Step(kind="error", status=403), anthropic.PermissionDeniedError, "permission_error"),
        (Step(kind="context_overflow"), anthropic.BadRequestError, "prompt is too long"),
    ],
    ids=lambda value: f"{value.kind}-{value.status}" if isinstance(value, Step) else "",
)
async def test_the_official_client_knows_the_errors_for_what_they_are(
    step: Step, kind: type[anthropic.APIStatusError], said: str
) -> None:
    with AnthropicServer(step) as server:
        async with client(server) as official:
            with pytest.raises(kind) as raised:
                await ask(official)
    assert said in json.dumps(raised.value.body)
    assert raised.value.request_id == "req_scripted"
    if step.retry_after is not None:
        assert raised.value.response.headers["retry-after"] == "2"


async def test_an_error_within_a_stream_is_the_vendors_own() -> None:
    step = Step(kind="stream_error", status=529, message="Overloaded", text="a text that is cut off")
    with AnthropicServer(step) as server:
        async with client(server) as official:
            seen: list[str] = []
            with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
                await read(official, seen)
    assert seen


async def test_models_are_listed_and_tokens_counted() -> None:
    with AnthropicServer(Step(served="claude-x")) as server:
        async with client(server) as official:
            listed = [model.id async for model in official.models.list()]
            found = await official.models.retrieve("claude-x")
            counted = await official.messages.count_tokens(model="m", messages=ASKED)
            with pytest.raises(anthropic.NotFoundError):
                await official.models.retrieve("another")
    assert listed == ["claude-x"]
    assert found.id == "claude-x"
    assert counted.input_tokens > 0


async def test_what_the_vendor_refuses_is_refused_whatever_the_script_says() -> None:
    whole = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "?"}]}
    version = {"anthropic-version": "2023-06-01"}
    wrong: list[tuple[dict[str, Any], dict[str, str], str]] = [
        (whole, {}, "anthropic-version"),
        ({name: value for name, value in whole.items() if name != "max_tokens"}, version, "max_tokens"),
        ({**whole, "messages": []}, version, "at least one message"),
        ({**whole, "messages": [{"role": "tool", "content": "x"}]}, version, "messages.0.role"),
        ({**whole, "temperature": 0.0}, {"anthropic-version": "2026-10-21"}, "temperature"),
    ]
    with AnthropicServer() as server:
        async with httpx.AsyncClient(base_url=server.base_url, timeout=60) as plain:
            for body, headers, said in wrong:
                answer = await plain.post("/v1/messages", json=body, headers=headers)
                assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
                assert said in answer.text
            older = {**whole, "temperature": 0.0}
            assert (await plain.post("/v1/messages", json=older, headers=version)).status_code == 200
            assert (await plain.post("/v1/messages", content=b"{", headers=version)).status_code == 400
            assert (await plain.get("/v1/nothing")).status_code == 404


async def test_only_the_right_key_is_let_in_and_no_key_is_kept() -> None:
    with AnthropicServer(key="right-key") as server:
        async with client(server, "wrong-key") as official:
            with pytest.raises(anthropic.AuthenticationError):
                await ask(official)
            with pytest.raises(anthropic.AuthenticationError):
                [model async for model in official.models.list()]
        async with client(server, "right-key") as official:
            await ask(official)
        async with httpx.AsyncClient(timeout=60) as plain:
            seen = await plain.get(f"{server.address}/__calls")
    assert seen.json()["count"] == 2
    assert "-key" not in seen.text


async def test_its_own_limit_says_what_is_left_in_the_vendors_headers() -> None:
    with AnthropicServer(limits=Limits(requests=1)) as server:
        async with client(server) as official:
            first = await official.messages.with_raw_response.create(model="m", max_tokens=9, messages=ASKED)
            with pytest.raises(anthropic.RateLimitError) as raised:
                await ask(official)
    assert first.headers["anthropic-ratelimit-requests-limit"] == "1"
    assert first.headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert first.headers["anthropic-ratelimit-requests-reset"].endswith("Z")
    assert 50 < float(raised.value.response.headers["retry-after"]) <= 60


def test_it_runs_as_a_program(tmp_path: Path) -> None:
    script = tmp_path / "steps.json"
    script.write_text(json.dumps([{"text": "from a file", "usage": [1, 2]}]))
    command = [sys.executable, "-m", "flowmatik.testing.anthropic_server", "--script", str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            with anthropic.Anthropic(base_url=process.stdout.readline().strip(), api_key="k") as official:
                answer = official.messages.create(model="m", max_tokens=9, messages=ASKED)
        finally:
            process.terminate()
            process.wait(10)
    assert answer.content[0].to_dict() == {"type": "text", "text": "from a file"}
