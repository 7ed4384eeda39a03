"""A server's problem details (RFC 9457) as the error that it stands for."""

import json
from typing import Any, cast

import httpx

from flowmatik.kernel import errors

# First match counts, so the longer codes come first.
_BY_CODE: tuple[tuple[str, type[errors.FlowmatikError]], ...] = (
    ("input.profile", errors.ProfileInvalid),
    ("input.plan", errors.PlanInvalid),
    ("input.playbook_file", errors.PlanInvalid),
    ("input.approval.plan", errors.PlanInvalid),
    ("input", errors.InvalidInput),
    ("not_found", errors.NotFound),
    ("gone", errors.Gone),
    ("conflict", errors.Conflict),
    ("auth.denied", errors.PermissionDenied),
    ("auth.path", errors.PermissionDenied),
    ("auth", errors.Unauthenticated),
    ("unavailable.journal", errors.JournalUnavailable),
    ("unavailable", errors.Unavailable),
    ("budget", errors.BudgetExhausted),
    ("model.unavailable", errors.ModelUnavailable),
    ("model", errors.ModelError),
    ("config", errors.ConfigurationError),
    ("document", errors.DocumentError),
)
SAID = {"said_by": "server"}  # in the language that it was asked for
_BY_STATUS: dict[int, type[errors.FlowmatikError]] = {
    400: errors.InvalidInput,
    401: errors.Unauthenticated,
    403: errors.PermissionDenied,
    404: errors.NotFound,
    409: errors.Conflict,
    410: errors.Gone,
    413: errors.InvalidInput,
    422: errors.InvalidInput,
    429: errors.Unavailable,
    503: errors.Unavailable,
}


def error_of(status: int, content: bytes) -> errors.FlowmatikError:
    """The error class by the problem's code, else by the status; the message is the server's."""
    try:
        body: Any = json.loads(content)
    except ValueError:
        body = {}
    problem = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
    code = str(problem.get("code") or "")
    message = str(problem.get("detail") or problem.get("title") or f"the server answered HTTP {status}")
    for prefix, kind in _BY_CODE:
        if code == prefix or code.startswith(f"{prefix}."):
            return kind(message, code=code, context=SAID)
    kind = _BY_STATUS.get(status, errors.Unavailable if status >= 500 else errors.FlowmatikError)
    return kind(message, code=code or None, context=SAID)


def unreachable(url: str, error: httpx.HTTPError) -> errors.Unavailable:
    return errors.Unavailable(
        f"the server at {url!r} cannot be reached ({type(error).__name__}); check the address and that "
        "it runs",
        code="unavailable.server",
        context={"url": url},
    )
