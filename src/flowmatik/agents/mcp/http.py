"""A server on the network: every message is a POST, answered by JSON or by a stream of events (MCP,
"streamable HTTP"). A stream that breaks off is taken up again where the server numbers its events."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import httpx

from flowmatik.agents.mcp.wire import Heard, Message, decoded, died, malformed, reply_to, unreachable
from flowmatik.agents.outbound import outbound_client, read_bounded, too_large
from flowmatik.kernel.errors import ToolError

ACCEPT = "application/json, text/event-stream"
SESSION = "Mcp-Session-Id"
VERSION = "MCP-Protocol-Version"
LAST = "Last-Event-ID"
SESSION_LOST = "tool.mcp.session"  # nothing was done: the call may be made in a new session
RESUMPTIONS = 5
LONGEST_PAUSE = 5.0
Headers = Callable[[Mapping[str, str] | None], Awaitable[Mapping[str, str]]]
"""Who we are, for each request; given are those that were refused."""


@dataclass(slots=True, kw_only=True)
class _Stream:
    """How far the events of one answer have come."""

    last: str = ""
    pause: float = 0.5
    size: int = 0
    found: Message | None = None


class HttpWire:
    """Implements `Wire`."""

    def __init__(
        self, server: str, url: str, *, headers: Headers, private: bool, seconds: float, most: int
    ) -> None:
        self._server = server
        self._url = url
        self._headers = headers
        self._most = most
        self._client = outbound_client(private=private, seconds=seconds)
        self._session = ""
        self._version = ""
        self.alive = True

    async def open(self) -> None:
        """There is nothing to open: the first request does."""

    def agreed(self, version: str) -> None:
        self._version = version

    async def ask(self, message: Message, heard: Heard) -> Message:
        stream = _Stream()
        async with self._sent("POST", message) as answer:
            if answer.headers.get(SESSION) and message.get("method") == "initialize":
                self._session = answer.headers[SESSION]
            kind = answer.headers.get("content-type", "").partition(";")[0].strip()
            if kind == "application/json":
                return decoded(await read_bounded(answer, self._most), self._server)
            if kind != "text/event-stream":
                raise malformed(self._server, f"its answer is {kind or 'of no type'}")
            await self._follow(answer, stream, message, heard)
        return stream.found or await self._resumed(stream, message, heard)

    async def _resumed(self, stream: _Stream, message: Message, heard: Heard) -> Message:
        for _ in range(RESUMPTIONS):
            if not stream.last:
                break
            await asyncio.sleep(min(stream.pause, LONGEST_PAUSE))
            async with self._sent("GET", None, last=stream.last, begun=True) as answer:
                await self._follow(answer, stream, message, heard)
            if stream.found is not None:
                return stream.found
        raise died(self._server, "its stream ended before the answer")

    async def _follow(self, answer: httpx.Response, stream: _Stream, message: Message, heard: Heard) -> None:
        """Until the response to `message` came, or the stream ended."""
        with contextlib.suppress(httpx.HTTPError):  # it broke off; whoever can takes it up again
            async for data in _events(answer, stream, self._most, self._server):
                told = decoded(data, self._server)
                if "method" not in told:
                    if told.get("id") == message.get("id"):
                        stream.found = told
                        return
                    continue
                if (reply := reply_to(told)) is not None:
                    await self.tell(reply)
                heard(told)

    async def tell(self, message: Message) -> None:
        async with self._sent("POST", message):
            pass

    @contextlib.asynccontextmanager
    async def _sent(
        self, method: str, message: Message | None, *, last: str = "", begun: bool = False
    ) -> AsyncGenerator[httpx.Response]:
        """The answer of the server, when it is one of success. A 401 is tried once more with fresh
        credentials: it was refused, so nothing was done."""
        refused: Mapping[str, str] | None = None
        for again in (True, False):
            known = dict(await self._headers(refused))
            given = self._request_headers(known, last)
            body = None if message is None else json.dumps(message, ensure_ascii=False).encode()
            request = self._client.build_request(method, self._url, content=body, headers=given)
            try:
                answer = await self._client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                raise unreachable(self._server, str(error) or type(error).__name__) from error
            except httpx.HTTPError as error:
                raise died(self._server, type(error).__name__) from error
            try:
                if answer.status_code == 401 and again and known:
                    refused = known
                    continue
                self._check(answer, begun=begun)
                try:
                    yield answer
                except httpx.HTTPError as error:
                    raise died(self._server, type(error).__name__) from error
                return
            finally:
                await answer.aclose()

    def _request_headers(self, known: Mapping[str, str], last: str) -> dict[str, str]:
        ours = {"Accept": ACCEPT if not last else "text/event-stream", "Content-Type": "application/json"}
        ours |= {SESSION: self._session} if self._session else {}
        ours |= {VERSION: self._version} if self._version else {}
        return {**known, **ours, **({LAST: last} if last else {})}

    def _check(self, answer: httpx.Response, *, begun: bool) -> None:
        status = answer.status_code
        if answer.is_success:
            return
        said = f"HTTP {status}"
        if status == 404 and self._session:
            self.alive = False  # the server has forgotten the session; the next call begins another
            if begun:
                raise died(self._server, said)
            raise ToolError(
                f"the MCP server {self._server!r} has forgotten the session",
                code=SESSION_LOST,
                retryable=True,
                context={"server": self._server},
            )
        see_other = status == 303  # which follows an effect
        if begun or see_other or (status >= 500 and status not in (501, 503, 505)):
            raise died(self._server, said)
        raise unreachable(self._server, said, status=status)

    async def close(self) -> None:
        if self._session and self.alive:
            with contextlib.suppress(httpx.HTTPError, ToolError, TimeoutError):
                async with asyncio.timeout(2.0), self._sent("DELETE", None):
                    pass
        self.alive = False
        await self._client.aclose()


@dataclass(slots=True)
class _Event:
    data: list[str] = field(default_factory=lambda: [])


async def _events(answer: httpx.Response, stream: _Stream, most: int, server: str) -> AsyncGenerator[str]:
    """The data of server-sent events (WHATWG HTML, section 9.2). Lines are bounded by being counted in
    bytes as they come, whatever their form."""
    event, rest = _Event(), b""
    async for chunk in answer.aiter_bytes(65_536):
        stream.size += len(chunk)
        if stream.size > most:
            raise too_large(server, most)
        *lines, rest = (rest + chunk).replace(b"\r\n", b"\n").split(b"\n")
        for line in lines:
            data = _taken(line.decode("utf-8", "replace").rstrip("\r"), event, stream)
            if data:
                yield data


def _taken(line: str, event: _Event, stream: _Stream) -> str:
    """The data of the event that this line ends, "" when it ends none."""
    if not line:
        data, event.data = "\n".join(event.data), []
        return data
    name, _, value = line.partition(":")
    value = value.removeprefix(" ")
    if name == "data":
        event.data.append(value)
    elif name == "id" and "\0" not in value:
        stream.last = value
    elif name == "retry" and value.isdigit():
        stream.pause = int(value) / 1000
    return ""
