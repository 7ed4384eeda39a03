"""What the server answers, whatever carries it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

Message = dict[str, Any]
HUGE = 50_000_000
TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
NOTHING: Message = {"type": "object", "properties": {}}
TOOLS: Mapping[str, tuple[str, Message]] = {
    "echo": ("Say the text again.", TEXT),
    "note": ("Write the text down, once.", TEXT),
    "structured": ("A structured answer with a link.", NOTHING),
    "fail": ("Always says no.", NOTHING),
    "refuse": ("Answers with an error of the protocol.", NOTHING),
    "die": ("Ends the process in the middle of the call.", NOTHING),
    "hang": ("Never answers, but says how far it is.", NOTHING),
    "huge": ("Answers with 50 MB.", NOTHING),
    "wrong": ("Answers with the wrong types.", NOTHING),
    "noise": ("Answers with what is no JSON.", NOTHING),
    "environment": ("The names and values of the environment.", NOTHING),
    "whoami": ("Who the caller is, by the Authorization header.", NOTHING),
}


class Die(Exception):
    """The process is to end without an answer."""


class Noise(Exception):
    """What is sent next is no JSON."""


@dataclass(slots=True, kw_only=True)
class McpDesk:
    """`descriptions` replace those of tools; `hints` are their annotations; `calls` are those that came, by
    name with their arguments; `cancelled` are the ids of calls that nobody waits for any more. With
    `state`, a JSON file of the first two, they are read again before each message, and calls are appended to
    the file's neighbour `<state>.calls`, so that another process can change and see them."""

    descriptions: dict[str, str] = field(default_factory=lambda: {})
    hints: dict[str, Message] = field(default_factory=lambda: {})
    calls: list[tuple[str, Message]] = field(default_factory=lambda: [])
    cancelled: list[object] = field(default_factory=lambda: [])
    environment: Mapping[str, str] = field(default_factory=lambda: {})
    version: str = "2025-11-25"
    state: Path | None = None

    def answer(self, message: Message, *, authorization: str = "") -> list[Message]:
        """The messages to send, the response last; none for a notification, and for a call that hangs only
        what comes before. Raises Die and Noise."""
        self._read_state()
        method, number = message.get("method"), message.get("id")
        params = cast("Message", message.get("params") or {})
        if method == "notifications/cancelled":
            self.cancelled.append(params.get("requestId"))
            self._write("cancelled", params)
        if number is None:
            return []
        if method == "initialize":
            about = {"name": "mcp-emulator", "version": "1"}
            return [
                _result(
                    number,
                    {
                        "protocolVersion": self.version,
                        "capabilities": {"tools": {"listChanged": True}},
                        "serverInfo": about,
                    },
                )
            ]
        if method == "tools/list":
            return [self._list(number, params.get("cursor"))]
        if method == "tools/call":
            return self._call(number, params, authorization)
        return [_error(number, -32601, f"no method {method!r}")]

    def _list(self, number: object, cursor: object) -> Message:
        """In two pages, so that clients must ask again."""
        names = list(TOOLS)
        half = names[:6] if cursor is None else names[6:]
        rows = [self._described(name) for name in half]
        return _result(number, {"tools": rows, **({"nextCursor": "2"} if cursor is None else {})})

    def _described(self, name: str) -> Message:
        text, schema = TOOLS[name]
        described = {"name": name, "description": self.descriptions.get(name, text), "inputSchema": schema}
        return described | ({"annotations": self.hints[name]} if name in self.hints else {})

    def _call(self, number: object, params: Message, authorization: str) -> list[Message]:
        name, given = str(params.get("name")), cast("Message", params.get("arguments") or {})
        if name not in TOOLS:
            return [_error(number, -32602, f"no tool {name!r}")]
        self.calls.append((name, given))
        self._write(name, given)
        match name:
            case "die":
                raise Die
            case "noise":
                raise Noise
            case "refuse":
                return [_error(number, -32603, "internal error")]
            case "hang":
                token = cast("Message", params.get("_meta") or {}).get("progressToken")
                told = {"progressToken": token, "progress": 3, "total": 10}
                return [{"jsonrpc": "2.0", "method": "notifications/progress", "params": told}]
            case _:
                return [_result(number, self._made(name, given, authorization))]

    def _made(self, name: str, given: Message, authorization: str) -> Message:
        match name:
            case "structured":
                link = {"type": "resource_link", "uri": "file:///report.txt", "name": "report"}
                return {"content": [_text('{"n": 2}'), link], "structuredContent": {"n": 2}}
            case "fail":
                return {"content": [_text("there is no such customer")], "isError": True}
            case "huge":
                return {"content": [_text("x" * HUGE)]}
            case "wrong":
                return {"content": "no list"}
            case "environment":
                return {"content": [_text(json.dumps(dict(self.environment)))]}
            case "whoami":
                return {"content": [_text(authorization)]}
            case _:
                return {"content": [_text(str(given.get("text", "")))]}

    def _read_state(self) -> None:
        if self.state is not None and self.state.exists():
            told = json.loads(self.state.read_text(encoding="utf-8"))
            self.descriptions, self.hints = told.get("descriptions", {}), told.get("hints", {})

    def _write(self, name: str, given: Message) -> None:
        if self.state is not None:
            with self.state.with_name(f"{self.state.name}.calls").open("a", encoding="utf-8") as file:
                file.write(json.dumps([name, given]) + "\n")


def _text(text: str) -> Message:
    return {"type": "text", "text": text}


def _result(number: object, result: Message) -> Message:
    return {"jsonrpc": "2.0", "id": number, "result": result}


def _error(number: object, code: int, message: str) -> Message:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}}
