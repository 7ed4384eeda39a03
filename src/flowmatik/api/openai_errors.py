"""Errors as clients of OpenAI's API read them: `{"error": {"message", "type", "param", "code"}}`, `code`
being ours.

Reference: https://platform.openai.com/docs/guides/error-codes and the classes of its client, which tries 408,
409, 429 and 5xx again by itself unless `x-should-retry` says no.
"""

from collections.abc import Mapping
from typing import Any

from fastapi.responses import JSONResponse

from flowmatik.kernel import errors

PREFIX = "/v1/chat/"
_TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    429: "rate_limit_error",
}
_CODES = {
    "model.unknown": 404,
    "model.tags": 404,
    "model.context_overflow": 400,
    "model.unavailable.busy": 429,
    "model.unavailable.timeout": 504,
}
CLIENTS_FAULT = (400, 404, 405, 413, 415, 422)


def is_openai(path: str) -> bool:
    return path.startswith(PREFIX)


def openai_error(status: int, code: str, message: str, extra: Mapping[str, Any]) -> JSONResponse:
    """What cannot be used is 400 there, never 422."""
    status = 400 if status == 422 else status
    headers: dict[str, str] = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if "retry_after" in extra:
        headers["Retry-After"] = str(extra["retry_after"])
    if extra.get("once"):
        headers["x-should-retry"] = "false"
    body = {"error": error_body(status, code, message, extra)}
    return JSONResponse(body, status_code=status, headers=headers)


def error_body(status: int, code: str, message: str, extra: Mapping[str, Any]) -> dict[str, Any]:
    wrong: list[Any] = [one for one in extra.get("errors", ()) if isinstance(one, Mapping)]
    param = str(wrong[0]["field"]).removeprefix("body.") if wrong else extra.get("param")
    kind = _TYPES.get(status, "invalid_request_error" if status in CLIENTS_FAULT else "api_error")
    return {"message": message, "type": kind, "param": param, "code": code}


def model_status(error: errors.FlowmatikError) -> int | None:
    """Of what came of asking a model; None for any other error. Whoever asks is to blame for what the
    provider says of the request, and not for a key or an account of ours."""
    if error.code in _CODES:
        return _CODES[error.code]
    if not isinstance(error, errors.ModelError):
        return None
    said = error.context.get("status")
    if isinstance(error, errors.ModelUnavailable):
        return 429 if said == 429 else 503
    if isinstance(error, errors.ModelRejected) and error.code == "model.rejected":
        return 400
    return 502


def may_have_cost(error: errors.FlowmatikError) -> bool:
    """Then a client must not try again by itself."""
    if not isinstance(error, errors.ModelError) or isinstance(error, errors.ModelRejected):
        return False
    return "status" not in error.context
