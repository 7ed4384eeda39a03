"""A small HTTP/1.1 server for scripted answers.

Its own, because a scripted server must do what a good one refuses to do (hang up before the answer, cut it
anywhere, end a body early), and because its time must be small beside that of the client that is measured.
It knows what clients of model providers send: bodies with a length or in chunks, kept connections, no
pipelining. RFC 9112.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal, cast

MOST_HEAD = 65_536
MOST_BODY = 64 * 1024 * 1024
_PHRASES = {int(status): status.phrase for status in HTTPStatus} | {529: "Overloaded"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request. Names of headers are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """After `wait` seconds its head, then `parts` with the seconds before each. `ending`: `cut` closes the
    connection when they are sent though more was announced; `hang` says nothing until the client goes;
    `hang_up` and `reset` close before a byte. An answer whose `streamed` is set has no length."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    parts: Sequence[tuple[float, bytes]] = ()
    wait: float = 0.0
    streamed: bool = False
    ending: Literal["whole", "cut", "hang", "hang_up", "reset"] = "whole"
    missing: int = 0  # bytes that a cut answer announces and does not send


def of_json(data: object, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    return Answer(status=status, headers=(*headers, JSON), parts=((0.0, as_bytes(data)),))


def as_bytes(data: object) -> bytes:
    return json.dumps(data, ensure_ascii=False).encode("utf-8", "surrogatepass")


JSON = ("content-type", "application/json")
EVENTS = ("content-type", "text/event-stream; charset=utf-8")


@dataclass(slots=True)
class Watch:
    """Calls at this time, the most there were at once, and those whose client left before the end; calls
    that are answered at once are none of them."""

    going: int = 0
    peak: int = 0
    left: int = 0
    connections: "set[Connection]" = field(default_factory=lambda: set())


class Connection(asyncio.Protocol):
    def __init__(self, answer: Callable[[Call], Answer], watch: Watch) -> None:
        self._answer, self._watch = answer, watch
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._sending: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # what a server's connections get
        self._watch.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._watch.connections.discard(self)
        self._transport = None
        if self._sending is not None:
            self._sending.cancel()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._sending is None:
            self._next()

    def _next(self) -> None:
        """Answers the request in the buffer, if it is complete."""
        try:
            read = read_call(self._buffer)
        except ValueError as error:
            self._write(
                _head(Answer(status=400, headers=(("connection", "close"),)), 0) + str(error).encode()
            )
            self._close()
            return
        if read == "continue":
            self._buffer = self._buffer.replace(b"100-continue", b"done", 1)
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return
        if read is None:
            return
        call, self._buffer = read
        watch = self._watch
        answer = self._answer(call)
        if answer.ending == "whole" and not answer.wait and not any(wait for wait, _ in answer.parts):
            self._write(_whole(answer))
            return
        watch.going += 1
        watch.peak = max(watch.peak, watch.going)
        self._sending = asyncio.get_running_loop().create_task(self._send(answer))
        self._sending.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._watch.going -= 1
        self._sending = None
        if task.cancelled():
            self._watch.left += 1
            return
        task.result()
        if self._buffer and self._transport is not None:
            self._next()

    async def _send(self, answer: Answer) -> None:
        if answer.ending == "hang":
            await asyncio.get_running_loop().create_future()
        if answer.wait:
            await asyncio.sleep(answer.wait)
        if answer.ending in ("hang_up", "reset"):
            self.abort() if answer.ending == "reset" else self._close()
            return
        self._write(_head(answer, sum(len(part) for _, part in answer.parts) + answer.missing))
        for wait, part in answer.parts:
            if wait:
                await asyncio.sleep(wait)
            self._write(_chunk(part) if answer.streamed else part)
        if answer.ending == "cut":
            self._close()
        elif answer.streamed:
            self._write(b"0\r\n\r\n")

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def read_call(data: bytes) -> tuple[Call, bytes] | Literal["continue"] | None:
    """The first request in `data` and what follows it; None while it is incomplete, "continue" when its
    sender waits for leave to send the body. Raises ValueError for what is no request."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        if len(data) > MOST_HEAD:
            raise ValueError("the head of the request is too long")
        return None
    first, *lines = data[:end].decode("latin-1").split("\r\n")
    method, _, rest = first.partition(" ")
    path, _, version = rest.partition(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError("this is no HTTP/1.1 request")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = _body(data, end + 4, headers)
    if body is None:
        return "continue" if headers.get("expect", "").lower() == "100-continue" else None
    content, at = body
    call = Call(method=method, path=path.partition("?")[0], headers=headers, body=content)
    return call, data[at:]


def _body(data: bytes, at: int, headers: Mapping[str, str]) -> tuple[bytes, int] | None:
    """The body that starts at `at`, and where it ends; None while it is incomplete."""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return _unchunked(data, at)
    size = int(headers.get("content-length", "0"))
    if not 0 <= size <= MOST_BODY:
        raise ValueError("the length of the body cannot be right")
    return (data[at : at + size], at + size) if len(data) >= at + size else None


def _unchunked(data: bytes, at: int) -> tuple[bytes, int] | None:
    parts: list[bytes] = []
    while (line := data.find(b"\r\n", at)) >= 0:
        size = int(data[at:line].partition(b";")[0], 16)
        if size == 0:
            end = data.find(b"\r\n", line + 2)  # no trailers
            return (b"".join(parts), end + 2) if end >= 0 else None
        if len(data) < line + 2 + size + 2:
            return None
        parts.append(data[line + 2 : line + 2 + size])
        at = line + 2 + size + 2
    return None


def _whole(answer: Answer) -> bytes:
    parts = [part for _, part in answer.parts]
    if answer.streamed:
        return b"".join((_head(answer, 0), *map(_chunk, parts), b"0\r\n\r\n"))
    return b"".join((_head(answer, sum(map(len, parts))), *parts))


def _chunk(part: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(part), part)


def _head(answer: Answer, size: int) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {_PHRASES.get(answer.status, 'Scripted')}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    lines.append("transfer-encoding: chunked" if answer.streamed else f"content-length: {size}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def json_object(call: Call) -> dict[str, Any] | None:
    """The request's body; None when it is no JSON object."""
    try:
        body: object = json.loads(call.body)
    except ValueError:
        return None
    return cast("dict[str, Any]", body) if isinstance(body, dict) else None
