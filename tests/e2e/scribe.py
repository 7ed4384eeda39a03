"""An agent that writes two lines with a `once` tool, and the model server that tells it to."""

import json
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self, cast

from tests.e2e.cli import environment
from tests.e2e.serving import Server

LINES = ("first line", "second line")
ENDING = "Both lines are written."
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


@dataclass(frozen=True, slots=True)
class Gate:
    """`reached` when the model has been asked; it answers once `opened`."""

    reached: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)


class Model(ThreadingHTTPServer):
    """An OpenAI-compatible server whose answer follows from the conversation: one tool call after
    the other, then the end. Counts what it was asked, by how far the conversation was."""

    daemon_threads = True

    def __init__(self, ending: str = ENDING) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: Counter[int] = Counter()
        self.ending = ending
        self.gates: dict[int, Gate] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def hold(self, step: int) -> Gate:
        """The question asked after `step` tool calls waits at the gate."""
        self.gates[step] = Gate()
        return self.gates[step]

    def environment(self, **extra: str) -> dict[str, str]:
        """That of a home whose only model this is."""
        return environment(
            FLOWMATIK_MODEL_BASE_URL=self.url,
            FLOWMATIK_MODEL_API_KEY="test-key",
            FLOWMATIK_MODEL="custom/test",
            FLOWMATIK_EMBEDDINGS="false",
            **extra,
        )

    @classmethod
    @contextmanager
    def serving(cls, ending: str = ENDING) -> Generator[Self]:
        with cls(ending) as server:
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            try:
                yield server
            finally:
                for gate in server.gates.values():
                    gate.opened.set()
                server.shutdown()
                thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        done = sum(message["role"] == "tool" for message in body["messages"])
        model = cast("Model", self.server)
        model.asked[done] += 1
        if gate := model.gates.get(done):
            gate.reached.set()
            gate.opened.wait(120)
        self._send({"id": "1", "object": "chat.completion", "created": 1, "model": "test", "choices": [
            {"index": 0, "message": _message(done, model.ending),
             "finish_reason": "tool_calls" if done < 3 else "stop"}],
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


def _message(done: int, ending: str) -> dict[str, Any]:
    steps = [
        ("file_append", {"path": "notes.txt", "line": LINES[0]}),
        ("calculate", {"expression": "2 + 2"}),
        ("file_append", {"path": "notes.txt", "line": LINES[1]}),
    ]
    if done >= len(steps):
        return {"role": "assistant", "content": ending}
    name, arguments = steps[done]
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"role": "assistant", "content": None,
            "tool_calls": [{"id": f"c{done}", "type": "function", "function": function}]}  # fmt: skip


def start_scribe(server: Server, *, key: str = "") -> str:
    """The agent, and a run of it; with the same `key` the same run."""
    applied = server.post("/v1/agents", json={"text": PROFILE, "filename": "scribe.yaml"})
    assert applied.status_code < 300, applied.text
    return server.start_run("Write", agent="scribe", key=key)


def written(home: Path) -> list[str]:
    notes = home / "outbox" / "notes.txt"
    return notes.read_text(encoding="utf-8").splitlines() if notes.exists() else []
