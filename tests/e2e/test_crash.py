"""SIGKILL at every kind of point of a run, against the real server, on both stores.

After a restart the run must be finished, no finished step done again (counted at the tool's file
and at the model server), and the `once` effect there exactly once, or the run waiting in doubt.
"""

import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from tests.e2e.cli import PROGRAM, environment, flowmatik, make_home

SEEDS = range(25)
LINES = ("first line", "second line")
PROFILE = """\
apiVersion: flowmatik/v1
kind: Agent
metadata:
  name: scribe
summary: Writes two lines.
role: scribe
instructions: Write the two lines.
tools: [file_append, calculate]
"""


class Model(ThreadingHTTPServer):
    """An OpenAI-compatible server whose answer follows from the conversation: one tool call after
    the other, then the end. Counts what it was asked, by how far the conversation was."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: Counter[int] = Counter()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        done = sum(message["role"] == "tool" for message in body["messages"])
        cast("Model", self.server).asked[done] += 1
        self._send({"id": "1", "object": "chat.completion", "created": 1, "model": "test", "choices": [
            {"index": 0, "message": _message(done), "finish_reason": "tool_calls" if done < 3 else "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}})  # fmt: skip

    def _send(self, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""


def _message(done: int) -> dict[str, Any]:
    steps = [
        ("file_append", {"path": "notes.txt", "line": LINES[0]}),
        ("calculate", {"expression": "2 + 2"}),
        ("file_append", {"path": "notes.txt", "line": LINES[1]}),
    ]
    if done >= len(steps):
        return {"role": "assistant", "content": "Both lines are written."}
    name, arguments = steps[done]
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"role": "assistant", "content": None,
            "tool_calls": [{"id": f"c{done}", "type": "function", "function": function}]}  # fmt: skip


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with Model() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def fuse_of(seed: int) -> str:
    """The point for a seed: every seed another one, spread over appends and tool calls."""
    points = [f"append:{n}:{moment}" for n in range(1, 9) for moment in ("before", "after")]
    points += [f"tool:{n}:{moment}" for n in range(1, 4) for moment in ("before", "after")]
    random.Random(7).shuffle(points)
    return points[seed % len(points)]


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextmanager
def _up(
    home: Path, env: dict[str, str], program: list[str]
) -> Generator[tuple[subprocess.Popen[bytes], str]]:
    """A server on a free port, ready; killed at the end if it still runs."""
    port = _free_port()
    arguments = [*program, "--home", str(home), "up", "--port", str(port)]
    with (home / "up.log").open("ab") as log:
        process = subprocess.Popen(arguments, env=env, stdout=log, stderr=log)
    try:
        _wait_ready(process, f"http://127.0.0.1:{port}", home)
        yield process, f"http://127.0.0.1:{port}"
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_ready(process: subprocess.Popen[bytes], url: str, home: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/health/ready", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            pass  # not listening yet
        if process.poll() is not None:
            return  # the fuse was quicker
        time.sleep(0.05)
    raise AssertionError((home / "up.log").read_text())


def _headers(home: Path) -> dict[str, str]:
    token = (home / ".flowmatik" / "keys" / "local-token").read_text().strip()
    return {"Authorization": f"Bearer {token}"}


def _run_to_rest(url: str, home: Path, run_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        view = httpx.get(f"{url}/v1/runs/{run_id}", headers=_headers(home), timeout=10).json()
        if view["status"] in ("succeeded", "failed", "cancelled", "in_doubt"):
            return view
        time.sleep(0.05)
    raise AssertionError(f"the run does not come to rest: {view}")  # pyright: ignore[reportPossiblyUnboundVariable]  # asked at least once


@pytest.fixture(scope="module")
def sqlite_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("crash") / "home", "--no-examples")


def _environment(model: Model, database: str = "") -> dict[str, str]:
    extra = {
        "FLOWMATIK_MODEL_BASE_URL": model.url,
        "FLOWMATIK_MODEL_API_KEY": "test-key",
        "FLOWMATIK_MODEL": "custom/test",
        "FLOWMATIK_EMBEDDINGS": "false",
    }
    return environment(**extra, **({"FLOWMATIK_DATABASE_URL": database} if database else {}))


def _crash_and_recover(home: Path, env: dict[str, str], model: Model, seed: int) -> None:
    notes = home / "outbox" / "notes.txt"
    before = notes.read_text().splitlines() if notes.exists() else []
    model.asked.clear()
    fuse = fuse_of(seed)
    with _up(home, env, [sys.executable, "-m", "tests.e2e.crashing", fuse]) as (process, url):
        body = {"text": PROFILE, "filename": "scribe.yaml"}
        httpx.post(f"{url}/v1/agents", json=body, headers=_headers(home), timeout=10).raise_for_status()
        created = httpx.post(
            f"{url}/v1/runs", json={"goal": "Write", "agent": "scribe"}, headers=_headers(home), timeout=10
        )
        assert created.status_code == 202, created.text
        run_id = created.json()["id"]
        assert process.wait(60) == -9, f"{fuse} did not go off: {(home / 'up.log').read_text()[-2000:]}"
    with _up(home, env, PROGRAM) as (_, url):
        view = _run_to_rest(url, home, run_id)
        history = httpx.get(
            f"{url}/v1/runs/{run_id}/events", params={"follow": "false"}, headers=_headers(home), timeout=10
        ).text
        replayed = httpx.post(f"{url}/v1/runs/{run_id}/replay", headers=_headers(home), timeout=10).json()
    written = notes.read_text().splitlines()[len(before) :] if notes.exists() else []
    told = f"seed {seed}, {fuse}: {view['status']} {view['error']} {written} {dict(model.asked)}"
    if view["status"] == "in_doubt":
        assert all(count <= 1 for count in Counter(written).values()), told
        return
    assert view["status"] == "succeeded", told
    assert written == list(LINES), told
    repeated = {step: count for step, count in model.asked.items() if count > 1}
    assert sum(repeated.values()) - len(repeated) <= 1, (
        f"only a question that was cut off is asked again; {told}"
    )
    assert history.count("flowmatik.RunClaimed") >= 2, told
    assert replayed["differences"] == [], told


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_survives_sigkill_on_sqlite(sqlite_home: Path, model: Model, seed: int) -> None:
    _crash_and_recover(sqlite_home, _environment(model), model, seed)


@pytest.fixture(scope="module")
def postgres_home(tmp_path_factory: pytest.TempPathFactory, pg_dsn: str) -> tuple[Path, str]:
    name = f"crash_{os.getpid()}"
    import asyncio

    from tests.conftest import administer

    asyncio.run(administer(pg_dsn, f'CREATE DATABASE "{name}"'))
    url = pg_dsn.rsplit("/", 1)[0] + f"/{name}"
    home = tmp_path_factory.mktemp("crash-pg") / "home"
    made = flowmatik(
        "--home", str(home), "init", "--no-examples", env=environment(FLOWMATIK_DATABASE_URL=url)
    )
    assert made.returncode == 0, made.stderr
    return home, url


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_survives_sigkill_on_postgresql(
    postgres_home: tuple[Path, str], model: Model, seed: int
) -> None:
    home, url = postgres_home
    _crash_and_recover(home, _environment(model, url), model, seed)
