"""The scripted server, as the official client and a shell see it."""

import json
import subprocess
import sys
import time
from pathlib import Path

import httpx
import openai
import pytest

from flowmatik.kernel.errors import ConfigurationError, Unavailable
from flowmatik.testing.openai_server import OpenAIServer, Step, ToolUse, load_script


def client(server: OpenAIServer, key: str = "k") -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=server.base_url, api_key=key, max_retries=0)


async def test_the_official_client_reads_answers_tool_calls_and_models() -> None:
    tool = ToolUse(name="f", arguments='{"a": 1}')
    with OpenAIServer(Step(text="Hi", usage=(3, 4)), Step(text="", tools=(tool,))) as server:
        async with client(server) as official:
            first = await official.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "?"}]
            )
            second = await official.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "?"}]
            )
            listed = [model.id async for model in official.models.list()]
    assert first.choices[0].message.content == "Hi"
    assert first.usage is not None
    assert (first.usage.prompt_tokens, first.usage.completion_tokens) == (3, 4)
    [call] = second.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, call.function.arguments) == ("f", '{"a": 1}')
    assert second.choices[0].finish_reason == "tool_calls"
    assert listed == ["scripted"]


async def test_the_official_client_reads_a_stream_with_usage() -> None:
    with OpenAIServer(Step(text="streamed, piece by piece")) as server:
        async with client(server) as official:
            stream = await official.chat.completions.create(
                model="m",
                messages=[{"role": "user", "content": "?"}],
                stream=True,
                stream_options={"include_usage": True},
            )
            pieces = [piece async for piece in stream]
    assert (
        "".join(p.choices[0].delta.content or "" for p in pieces if p.choices) == "streamed, piece by piece"
    )
    assert pieces[-1].usage is not None
    assert pieces[-1].usage.total_tokens == 18


async def test_the_official_client_knows_the_errors_for_what_they_are() -> None:
    with OpenAIServer(Step(kind="rate_limited", retry_after=2), Step(kind="error", status=500)) as server:
        async with client(server) as official:
            with pytest.raises(openai.RateLimitError) as limited:
                await official.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])
            with pytest.raises(openai.InternalServerError):
                await official.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])
    assert limited.value.response.headers["retry-after"] == "2"


async def test_only_the_right_key_is_let_in_and_no_key_is_kept() -> None:
    with OpenAIServer(key="right") as server:
        for key in ("wrong", "right"):
            async with client(server, key) as official:
                try:
                    await official.chat.completions.create(
                        model="m", messages=[{"role": "user", "content": "?"}]
                    )
                except openai.AuthenticationError:
                    assert key == "wrong"
        async with httpx.AsyncClient(timeout=60) as plain:
            seen = await plain.get(f"{server.address}/__calls")
    assert seen.json()["count"] == 2
    assert "wrong" not in seen.text
    assert "right" not in seen.text


def test_a_taken_port_is_named() -> None:
    with OpenAIServer() as server:
        port = int(server.address.rpartition(":")[2])
        with pytest.raises(Unavailable, match=str(port)):
            OpenAIServer(port=port).start()


def test_it_runs_as_a_program_with_a_script(tmp_path: Path) -> None:
    script = tmp_path / "steps.json"
    script.write_text(json.dumps([{"text": "from a file", "usage": [1, 2], "tools": [{"name": "f"}]}]))
    command = [
        sys.executable,
        "-m",
        "flowmatik.testing.openai_server",
        "--port",
        "0",
        "--script",
        str(script),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            base_url = process.stdout.readline().strip()
            body = {"model": "m", "messages": [{"role": "user", "content": "?"}]}
            answer = httpx.post(f"{base_url}/chat/completions", json=body, timeout=10).json()
        finally:
            process.terminate()
            process.wait(10)
    assert answer["choices"][0]["message"]["content"] == "from a file"
    assert answer["usage"]["total_tokens"] == 3


@pytest.mark.parametrize("text", ["{}", "[]", "no json", '[{"kind": "odd"}]', '[{"colour": "red"}]', "[1]"])
def test_an_unusable_script_is_refused(text: str, tmp_path: Path) -> None:
    script = tmp_path / "steps.json"
    script.write_text(text)
    with pytest.raises(ConfigurationError, match="cannot use the script"):
        load_script(script)


def test_several_processes_serve_one_port_and_go_with_the_first(tmp_path: Path) -> None:
    mix = tmp_path / "mix.json"
    mix.write_text(json.dumps([{"kind": "error", "status": 418}]))
    options = ["--workers", "2", "--keep", "1", "--errors", "1", "--mix", str(mix), "--latency", "constant:0"]
    command = [sys.executable, "-m", "flowmatik.testing.openai_server", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            base_url = process.stdout.readline().strip()
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            answers = [httpx.post(f"{base_url}/chat/completions", json={}, timeout=60) for _ in range(8)]
        finally:
            process.terminate()
            assert process.wait(60) == 0
    assert {answer.status_code for answer in answers} == {418}
    assert children
    for _ in range(1_200):  # one of them only watches over the others, and goes a moment later
        if not any(Path(f"/proc/{child}").exists() for child in children):
            break
        time.sleep(0.1)
    assert not any(Path(f"/proc/{child}").exists() for child in children)


def test_a_program_with_unusable_options_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "flowmatik.testing.openai_server", "--latency", "odd"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot use the latency 'odd'" in done.stderr
