"""The server over streamable HTTP: JSON for a list, a stream of events for a call, sessions that it forgets
when it is told to."""

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from flowmatik.testing.mcp_server.desk import Die, McpDesk, Message, Noise

SESSION = "mcp-session-id"
SseParts = AsyncGenerator[bytes]


@dataclass(slots=True, kw_only=True)
class McpWeb:
    """`token`: what `Authorization` must be, or nothing; `breaks`: streams of calls end before the answer,
    which is kept for whoever comes again with Last-Event-ID; `deleted` counts sessions that were ended."""

    desk: McpDesk
    token: Callable[[str], Awaitable[bool]] | None = None
    breaks: bool = False
    sessions: set[str] = field(default_factory=lambda: set[str]())
    kept: dict[str, Message] = field(default_factory=lambda: {})
    deleted: int = 0
    versions: list[str] = field(default_factory=lambda: [])

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/mcp", self._answer, methods=["POST", "GET", "DELETE"])])

    async def _answer(self, request: Request) -> Response:
        authorization = request.headers.get("authorization", "")
        if self.token is not None and not await self.token(authorization):
            return Response(status_code=401)
        session = request.headers.get(SESSION, "")
        if request.method == "DELETE":
            self.sessions.discard(session)
            self.deleted += 1
            return Response(status_code=204)
        if request.method == "GET":
            kept = self.kept.pop(request.headers.get("last-event-id", ""), None)
            return _events([kept]) if kept else Response(status_code=405)
        message: Message = await request.json()
        headers: dict[str, str] = {}
        if message.get("method") == "initialize":
            headers[SESSION] = secrets.token_hex(8)
            self.sessions.add(headers[SESSION])
        elif session not in self.sessions:
            return Response(status_code=404)
        else:
            self.versions.append(request.headers.get("mcp-protocol-version", ""))
        return self._said(message, authorization, headers)

    def _said(self, message: Message, authorization: str, headers: dict[str, str]) -> Response:
        try:
            said = self.desk.answer(message, authorization=authorization)
        except Die:
            return _events([], last="")
        except Noise:
            return Response("this is no JSON", media_type="application/json")
        if message.get("id") is None:
            return Response(status_code=202)
        if message.get("method") != "tools/call":
            return JSONResponse(said[-1], headers=headers)
        if self.breaks:
            event = secrets.token_hex(4)
            self.kept[event] = said[-1]
            return _events([], last=event)
        hangs = not said or "method" in said[-1]
        return _events(said, hangs=hangs)


def mcp_app(desk: McpDesk) -> McpWeb:
    return McpWeb(desk=desk)


def _events(messages: list[Message], *, last: str = "", hangs: bool = False) -> Response:
    async def parts() -> SseParts:
        if last:
            yield f"id: {last}\nretry: 10\ndata:\n\n".encode()
        for message in messages:
            yield f"event: message\ndata: {json.dumps(message)}\n\n".encode()
        if hangs:
            await asyncio.Event().wait()

    return StreamingResponse(parts(), media_type="text/event-stream")
