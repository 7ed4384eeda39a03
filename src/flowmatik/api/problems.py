"""Errors as problem details (RFC 9457): stable codes, titles in the reader's language."""

import logging
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, cast
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.params import Form
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from flowmatik.api.openai_errors import is_openai, openai_error
from flowmatik.api.services import services
from flowmatik.kernel import errors
from flowmatik.kernel.disk import disk_fault
from flowmatik.kernel.fields import field_faults

log = logging.getLogger(__name__)
AGAIN_SECONDS = 2  # a hint: nobody knows when a store is back
HOOKS = "/v1/hooks/"  # what comes after it is a secret
METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
MEDIA_TYPE = "application/problem+json"
_STATUS: tuple[tuple[type[errors.FlowmatikError], int], ...] = (
    (errors.Unauthenticated, 401),
    (errors.PermissionDenied, 403),
    (errors.Gone, 410),
    (errors.NotFound, 404),
    (errors.Conflict, 409),
    (errors.InvalidInput, 422),
    (errors.DocumentError, 422),
    (errors.ToolInputInvalid, 422),
    (errors.BudgetExhausted, 402),
    (errors.Unavailable, 503),
    (errors.ModelError, 502),
    (errors.ToolError, 502),
    (errors.Fenced, 503),
)
_CODES = {
    "rate.login": 429,
    "rate.queued": 429,
    "rate.model": 429,
    "rate.money": 429,
    "input.too_large": 413,
    "mcp.version": 400,
    "model.unknown": 404,
    "model.tags": 404,
    "model.context_overflow": 422,
    "model.vision": 422,
    "model.unavailable.busy": 503,
    "model.unavailable.open": 503,
    "model.unavailable.timeout": 504,
}


def status_of(error: errors.FlowmatikError) -> int:
    if error.code in _CODES:
        return _CODES[error.code]
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def _retry_after(error: errors.FlowmatikError, status: int) -> dict[str, Any]:
    if "retry_after" in error.context:
        return {"retry_after": error.context["retry_after"]}
    return {"retry_after": AGAIN_SECONDS} if status == 503 and error.retryable else {}


def language_of(request: Request) -> str:
    """The first of Spanish and English in Accept-Language; English without one."""
    for part in request.headers.get("accept-language", "").split(","):
        tag = part.split(";")[0].strip().lower()[:2]
        if tag in ("es", "en"):
            return tag
    return "en"


@cache
def titles(language: str) -> Mapping[str, str]:
    text = (
        resources.files("flowmatik.api").joinpath("locales", f"{language}.toml").read_text(encoding="utf-8")
    )
    return tomllib.loads(text)


def problem(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    values: Mapping[str, object] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> JSONResponse:
    """`detail` is English; the catalogues may say it, with `values`, in the reader's language."""
    language = language_of(request)
    known = titles(language)
    words = services(request).words
    body = {
        "type": f"urn:flowmatik:problem:{code}",
        "title": known.get(f"status_{status}", known["status_500"]),
        "status": status,
        "detail": words(language, "fault", code, values or {}, detail),
        "instance": HOOKS if request.url.path.startswith(HOOKS) else request.url.path,
        "code": code,
        **(extra or {}),
    }
    if is_openai(request.url.path):
        return openai_error(status, code, str(body["detail"]), extra or {})
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if "retry_after" in body:
        headers["Retry-After"] = str(body["retry_after"])
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def _allowed(request: Request) -> list[str]:
    """The methods of this address; the error itself knows only those of the first of its routes."""

    def takes(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)

    return [method for method in METHODS if takes(method)]


def _other_media(request: Request) -> str:
    """What the route's body must be, when what was sent says that it is something else."""
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = getattr(request.scope.get("route"), "body_field", None)
    empty = request.headers.get("content-length", "") in ("", "0")
    if body is None or (empty and "transfer-encoding" not in request.headers):
        return ""
    if isinstance(body.field_info, Form):
        return "" if sent == "multipart/form-data" else "multipart/form-data"
    is_json = sent == "application/json" or (sent.startswith("application/") and sent.endswith("+json"))
    return "" if is_json else "application/json"


def _said(request: Request, detail: Mapping[str, Any]) -> str:
    """One of several faults, in the reader's language."""
    words = services(request).words
    return words(language_of(request), "detail", detail["code"], detail["values"], detail["text"])


UNREADABLE = (
    "the body of the request cannot be read; check that it is whole, of the type that Content-Type says, and "
    "not nested too deeply"
)


def install(app: FastAPI) -> None:
    """Every error of the application leaves as a problem."""

    async def ours(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, errors.FlowmatikError)  # noqa: S101  # registered for this type only
        status = status_of(error)
        if status == 500:
            return await unexpected(request, error)
        extra = _retry_after(error, status)
        if "details" in error.context:
            details = cast("list[Mapping[str, Any]]", error.context["details"])
            extra["errors"] = [f"{row['place']}: {_said(request, row)}".removeprefix(": ") for row in details]
        return problem(request, status, error.code, error.message, values=error.context, extra=extra)

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101  # as above
        if wanted := _other_media(request):
            detail = f"this takes {wanted}; send that, and say so in Content-Type"
            return problem(request, 415, "input.media_type", detail, values={"wanted": wanted})
        faults = field_faults(error.errors())
        rows = [
            {"field": row["place"], "code": row["code"], "message": _said(request, row)} for row in faults
        ]
        detail = "; ".join(f"{row['place']}: {row['text']}" for row in faults)
        values = {"details": faults}
        return problem(request, 422, "input.invalid", detail, values=values, extra={"errors": rows})

    async def http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101  # as above
        # 400 is the framework's: what no parser could read.
        known = {400: "input.body", 404: "not_found.path", 405: "input.method"}
        code = known.get(error.status_code, "input.invalid")
        detail = UNREADABLE if code == "input.body" else str(error.detail)
        told = problem(request, error.status_code, code, detail)
        if error.status_code == 405:
            told.headers["Allow"] = ", ".join(_allowed(request))
        return told

    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        reference = uuid4().hex[:12]
        log.error("a request failed unexpectedly", exc_info=error, extra={"reference": reference})
        detail = f"an internal error; the log says more under reference {reference}"
        told = {"reference": reference}
        return problem(request, 500, "internal", detail, values=told, extra=told)

    async def system(request: Request, error: Exception) -> JSONResponse:
        fault = disk_fault(cast("OSError", error))
        return await (ours(request, fault) if fault else unexpected(request, error))

    app.add_exception_handler(errors.FlowmatikError, ours)
    app.add_exception_handler(OSError, system)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unexpected)
