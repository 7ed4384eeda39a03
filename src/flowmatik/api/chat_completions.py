"""/v1/chat/completions: the models of this installation for clients of OpenAI's API, under its budgets.

Headers of an answer: `x-flowmatik-model`, the deployment that answered; `x-flowmatik-overhead-ms`, our own
time, from the moment that the request was there to that of the answer's first byte, without what the provider
was waited for; `x-flowmatik-cost-usd`, unless nobody knows it, or the answer is a stream, whose last piece
has it.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from decimal import Decimal
from time import perf_counter
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from flowmatik.api.admission import counted_as_stream
from flowmatik.api.chat_stream import RECEIVED, Answer, ChatStream
from flowmatik.api.openai_errors import error_body, may_have_cost, model_status
from flowmatik.api.openai_wire import ChatRequest, chunk, completion, last_chunks, request_of
from flowmatik.api.problems import language_of, problem, status_of
from flowmatik.api.services import ApiServices, Services, needs
from flowmatik.contracts.call_notes import CallNotes, take_notes
from flowmatik.contracts.models import ModelReply, ModelRequest, TextDelta
from flowmatik.contracts.paid_calls import Spender
from flowmatik.contracts.security import Principal
from flowmatik.kernel.errors import FlowmatikError, ModelUnavailable
from flowmatik.kernel.ids import new_id

router = APIRouter(tags=["models"])
Caller = Annotated[Principal, needs("models:call")]
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One request on its way. `id` is told to the client, `began` is a moment of perf_counter."""

    request: Request
    at: ApiServices
    id: str
    model: str
    began: float
    notes: CallNotes

    def overhead(self) -> float:
        """Milliseconds until now."""
        return max(perf_counter() - self.began - self.notes.waited, 0.0) * 1000

    def headers(self) -> dict[str, str]:
        found = {"x-flowmatik-overhead-ms": f"{self.overhead():.3f}"}
        if name := self.notes.deployment:
            shown = name.encode("latin-1", "replace").decode("latin-1")  # the client may have made it up
            found["x-flowmatik-model"] = "".join(sign if sign.isprintable() else "?" for sign in shown)
        return found


@router.post("/v1/chat/completions", response_model=None)
async def create_chat_completion(
    body: ChatRequest, principal: Caller, at: Services, request: Request
) -> Response:
    """A chat completion in OpenAI's format, whole or as a stream, by any model of this installation. Budgets,
    the ledger, routes, limits and kept answers are those of runs; errors are in OpenAI's shape."""
    began = request.scope.get(RECEIVED, perf_counter())
    asked = _Asked(
        request=request, at=at, id=new_id("call"), model=body.model, began=began, notes=take_notes()
    )
    try:
        wanted = request_of(body, principal.workspace_id)
        spender = Spender(workspace_id=principal.workspace_id, principal=principal.id)
        if body.stream:
            counted_as_stream(request)
            return await _streamed(asked, wanted, spender, usage=body.wants_usage)
        return await _whole(asked, wanted, spender)
    except FlowmatikError as error:
        return _told(request, error)


async def _whole(asked: _Asked, wanted: ModelRequest, spender: Spender) -> Response:
    async def one() -> AsyncGenerator[ModelReply]:
        yield await asked.at.paid_calls.complete(spender, wanted, "api")

    reply = await Answer(one()).first(asked.request)
    if not isinstance(reply, ModelReply):
        return Response(status_code=499)  # its client has gone
    headers = asked.headers()
    if reply.cost_micros is not None:
        headers["x-flowmatik-cost-usd"] = _usd(reply.cost_micros)
    return JSONResponse(completion(asked.id, reply), headers=headers)


async def _streamed(asked: _Asked, wanted: ModelRequest, spender: Spender, *, usage: bool) -> Response:
    """An error that comes before anything else has its own status."""
    answer = Answer(asked.at.paid_calls.stream(spender, wanted, "api"))
    first = await answer.first(asked.request)
    if first is None:
        return Response(status_code=499)
    return ChatStream(_frames(asked, answer, first, usage), answer, asked.headers())


async def _frames(
    asked: _Asked, answer: Answer, first: TextDelta | ModelReply, usage: bool
) -> AsyncGenerator[bytes]:
    """A stream that breaks off ends with an error in it, and without [DONE]."""
    named = asked.notes.deployment or asked.model
    overhead = asked.overhead()
    yield _frame(chunk(asked.id, named, {"role": "assistant", "content": ""}))
    item: TextDelta | ModelReply | None = first
    try:
        while isinstance(item, TextDelta):
            yield _frame(chunk(asked.id, named, {"content": item.text}))
            item = await answer.next()
        if item is None:
            raise ModelUnavailable(
                f"the answer of {asked.model!r} has no end", context={"model": asked.model}
            )
    except FlowmatikError as error:
        status, _ = _status(error)
        words, language = asked.at.words, language_of(asked.request)
        said = words(language, "fault", error.code, error.context, error.message)
        yield _frame({"error": error_body(status, error.code, said, {})})
        return
    notes: dict[str, Any] = {"model": named, "overhead_ms": round(overhead, 3)}
    if item.cost_micros is not None:
        notes["cost_usd"] = _usd(item.cost_micros)
    for one in last_chunks(asked.id, item, usage=usage, notes=notes):
        yield _frame(one)
    yield DONE


def _frame(data: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(data) + b"\n\n"


def _usd(micros: int) -> str:
    return f"{Decimal(micros).scaleb(-6):f}"


def _status(error: FlowmatikError) -> tuple[int, dict[str, Any]]:
    extra: dict[str, Any] = {}
    after = error.context.get("retry_after", error.context.get("seconds"))
    status = model_status(error) or status_of(error)
    if status in (429, 503) and isinstance(after, int | float):
        extra["retry_after"] = max(1, round(after))
    if param := error.context.get("param"):
        extra["param"] = param
    if may_have_cost(error):
        extra["once"] = True
    return status, extra


def _told(request: Request, error: FlowmatikError) -> Response:
    status, extra = _status(error)
    if status == 500:
        raise error
    return problem(request, status, error.code, error.message, values=error.context, extra=extra)
