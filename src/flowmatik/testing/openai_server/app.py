"""The server's routes: `/v1/chat/completions`, `/v1/embeddings`, `/v1/models`, and `/__calls` for whoever
watches."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from flowmatik.testing.openai_server import wire
from flowmatik.testing.openai_server.steps import Step


class CutOff(Exception):
    """Ends a response in the middle, on purpose."""


@dataclass(slots=True, kw_only=True)
class Desk:
    """The scripts and the calls so far, of completions and of embeddings. `key` "" lets everybody in. Keys
    are never kept."""

    script: Sequence[Step]
    embeddings: Sequence[Step] = (Step(),)
    key: str = ""
    calls: list[dict[str, Any]] = field(default_factory=lambda: [])
    embedded: list[dict[str, Any]] = field(default_factory=lambda: [])
    taken: dict[str, int] = field(default_factory=lambda: {})  # by `when`
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, body: dict[str, Any], idempotency_key: str) -> Step:
        with self.lock:
            step = self._next(body)
            self.calls.append({"kind": step.kind, "idempotency_key": idempotency_key, "body": body})
            return step

    def _next(self, body: dict[str, Any]) -> Step:
        whole = json.dumps(body, ensure_ascii=False)
        when = next((step.when for step in self.script if step.when and step.when in whole), "")
        steps = [step for step in self.script if step.when == when] or [Step()]
        number = self.taken.get(when, 0)
        self.taken[when] = number + 1
        return steps[min(number, len(steps) - 1)]

    def take_embedding(self, body: dict[str, Any]) -> Step:
        with self.lock:
            step = self.embeddings[min(len(self.embedded), len(self.embeddings) - 1)]
            self.embedded.append({"kind": step.kind, "body": body})
            return step

    def lets_in(self, request: Request) -> bool:
        return not self.key or request.headers.get("authorization") == f"Bearer {self.key}"


def build_app(desk: Desk) -> Starlette:
    async def models(request: Request) -> Response:
        if not desk.lets_in(request):
            return _wrong_key()
        one = {"id": "scripted", "object": "model", "created": wire.CREATED, "owned_by": "flowmatik"}
        return JSONResponse({"object": "list", "data": [one]})

    async def calls(request: Request) -> Response:
        del request
        with desk.lock:
            return JSONResponse({"count": len(desk.calls), "calls": desk.calls, "embeddings": desk.embedded})

    async def completions(request: Request) -> Response:
        body: dict[str, Any] = await request.json()
        if not desk.lets_in(request):
            desk.take(body, "")
            return _wrong_key()
        step = desk.take(body, request.headers.get("idempotency-key", ""))
        return await _fault(step, request) or _answer(step, body)

    async def embeddings(request: Request) -> Response:
        body: dict[str, Any] = await request.json()
        step = desk.take_embedding(body)
        if not desk.lets_in(request):
            return _wrong_key()
        return await _fault(step, request) or _embedded(step, body)

    return Starlette(
        routes=[
            Route("/v1/chat/completions", completions, methods=["POST"]),
            Route("/v1/embeddings", embeddings, methods=["POST"]),
            Route("/v1/models", models),
            Route("/__calls", calls),
        ]
    )


async def _fault(step: Step, request: Request) -> Response | None:
    """What the step does instead of an answer, whatever was asked."""
    if step.kind == "silent":
        while (await request.receive())["type"] != "http.disconnect":
            continue
        return Response(status_code=499)
    headers = {} if step.retry_after is None else {"retry-after": f"{step.retry_after:g}"}
    if step.kind == "rate_limited":
        return JSONResponse(wire.failure(step.message, "rate_limit_error"), 429, headers)
    if step.kind == "error":
        return JSONResponse(wire.failure(step.message, "scripted_error"), step.status, headers)
    if step.kind == "malformed":
        return Response(b'{"id": "chatcmpl-', media_type="application/json")
    if step.kind == "wrong_shape":
        return JSONResponse({"result": step.text})
    if step.kind == "raw":
        return Response(step.text.encode(), media_type="application/json")
    return None


def _embedded(step: Step, body: dict[str, Any]) -> Response:
    given = body.get("input", [])
    texts = [given] if isinstance(given, str) else list(given)
    whole = wire.embeddings(step, str(body.get("model", "scripted")), texts)
    return _cut_off(whole) if step.kind == "truncated" else JSONResponse(whole)


def _answer(step: Step, body: dict[str, Any]) -> Response:
    model = str(body.get("model", "scripted"))
    cut = step.kind == "truncated"
    if body.get("stream") and step.streams == "refused":
        return JSONResponse(wire.failure("stream is not supported here", "invalid_request_error"), 400)
    if body.get("stream") and step.streams == "yes":
        options: dict[str, Any] = body.get("stream_options") or {}
        pieces = list(wire.chunks(step, model, with_usage=bool(options.get("include_usage"))))
        events = [wire.event(piece) for piece in pieces]
        sent = events[: len(events) // 2] if cut else [*events, b"data: [DONE]\n\n"]
        waits = (step.first_seconds, step.piece_seconds)
        return StreamingResponse(_sent(sent, cut=cut, waits=waits), media_type="text/event-stream")
    whole = wire.completion(step, model)
    return _cut_off(whole) if cut else JSONResponse(whole)


def _cut_off(whole: dict[str, Any]) -> Response:
    sent = json.dumps(whole).encode()
    return StreamingResponse(_sent([sent[: len(sent) // 2]], cut=True), media_type="application/json")


async def _sent(
    parts: list[bytes], *, cut: bool, waits: tuple[float, float] = (0.0, 0.0)
) -> AsyncIterator[bytes]:
    for n, part in enumerate(parts):
        if wait := waits[min(n, 1)]:
            await asyncio.sleep(wait)
        yield part
    if cut:
        raise CutOff("the script cuts the answer off here")


def _wrong_key() -> Response:
    return JSONResponse(
        wire.failure("Incorrect API key provided.", "invalid_request_error", "invalid_api_key"), 401
    )
