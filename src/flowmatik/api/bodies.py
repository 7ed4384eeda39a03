"""Bodies of requests: no more bytes than are taken, and no slower than somebody sends them who is there.

A body is read before anybody knows who sends it, in one of the places that `Admission` has: whoever begins
bodies and never ends them must not keep those places (CWE-400, "slow POST").
"""

import asyncio
from collections.abc import Sequence
from time import perf_counter

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flowmatik.api.chat_stream import RECEIVED
from flowmatik.api.problems import problem
from flowmatik.api.services import ApiServices

PATIENCE_SECONDS = 30.0  # for a body, and a second more for each SLOWEST bytes that have come
SLOWEST = 16_384
GONE: Message = {"type": "http.disconnect"}


class BodyLimits:
    """Answers 413 to a body that declares too many bytes, or sends them undeclared, and 408 to one that
    does not come. `uploads` are the paths that take files."""

    def __init__(self, app: ASGIApp, given: ApiServices, uploads: Sequence[str]) -> None:
        self._app = app
        self._given = given
        self._uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        limit = self._given.max_body if request.url.path in self._uploads else self._given.max_json
        declared = request.headers.get("content-length", "0")
        body = _Body(limit, scope, receive, send)
        body.large = declared.isdigit() and int(declared) > limit
        if not body.large:
            await body.taken_by(self._app)
        if body.large and not body.answered:
            detail = f"at most {limit:,} bytes are taken here"
            told = problem(request, 413, "input.too_large", detail, values={"limit": f"{limit:,}"})
            await told(scope, receive, send)
        elif body.slow and not body.answered:
            seconds = int(PATIENCE_SECONDS)
            detail = f"the body of the request did not come within {seconds} s; send it again"
            told = problem(request, 408, "input.too_slow", detail, values={"seconds": seconds})
            told.headers["Connection"] = "close"  # what may still come belongs to no request
            await told(scope, receive, send)


class _Body:
    """Of one request, cut off when it becomes too `large` or `slow`: to the application its sender has gone
    then, and what it says about that is not what happened."""

    def __init__(self, limit: int, scope: Scope, receive: Receive, send: Send) -> None:
        self._limit = limit
        self._scope = scope
        self._receive = receive
        self._send = send
        self._began = asyncio.get_running_loop().time()
        self._seen = 0
        self._whole = False
        self.large = self.slow = self.answered = False

    async def taken_by(self, app: ASGIApp) -> None:
        try:
            await app(self._scope, self._counted, self._answer)
        except ClientDisconnect:
            if not (self.large or self.slow):
                raise

    async def _counted(self) -> Message:
        if self.large or self.slow:
            return GONE
        if self._whole:
            return await self._receive()  # only that the sender goes can still come, whenever it does
        until = self._began + PATIENCE_SECONDS + self._seen / SLOWEST
        try:
            async with asyncio.timeout_at(until):
                message = await self._receive()
        except TimeoutError:
            self.slow = True
            return GONE
        self._seen += len(message.get("body", b""))
        self._whole = not message.get("more_body")
        if message["type"] == "http.request" and self._whole:
            self._scope[RECEIVED] = perf_counter()
        self.large = self._seen > self._limit
        return GONE if self.large else message

    async def _answer(self, message: Message) -> None:
        if self.answered or not (self.large or self.slow):
            self.answered = True
            await self._send(message)
