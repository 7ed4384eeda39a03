"""The vendor's errors as ours. No message, context or cause holds the key."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelQuotaExceededError,
    ModelRequestTimeout,
    ModelTimeoutError,
    UnexpectedModelBehavior,
    UserError,
)

from flowmatik.kernel.errors import ModelError, ModelMalformed, ModelRejected, ModelUnavailable

NOT_SENT = "not_sent"
_SHOWN = 300
_ENDED = "ended without"  # how Pydantic AI says that a stream was cut off


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """`again`: the provider did nothing that could cost, and another attempt may succeed; `after`
    is what it asked to wait, in seconds. `cause` is None where it might show the key."""

    error: ModelError
    again: bool = False
    after: float | None = None
    cause: BaseException | None = None


def failure_of(error: Exception, *, provider: str, model: str, secrets: Sequence[str]) -> Failure:
    """What `error` means. Errors that are not the vendor's are raised again."""
    context: dict[str, object] = {"provider": provider, "model": model}
    if isinstance(error, ModelHTTPError) and not error.in_stream:
        found = _by_status(error, context, secrets)
    elif isinstance(error, (ModelTimeoutError, ModelRequestTimeout, ModelConnectionError)):
        found = _by_connection(error, provider, context)
    elif isinstance(error, UnexpectedModelBehavior) or _unreadable(error):
        found = Failure(
            error=ModelMalformed(
                f"the model provider {provider!r} sent an answer for {model!r} that is not the expected "
                "JSON; try again, and check that its base URL is that of the API which the provider speaks",
                context=context,
            )
        )
    elif isinstance(error, UserError):  # refused before it was sent
        message = f"the model {model!r} of the provider {provider!r} cannot be asked this: {error}"
        found = Failure(error=ModelRejected(message, context={**context, "reply": str(error)}))
    elif isinstance(error, ModelAPIError):
        message = f"the model provider {provider!r} broke off its answer for {model!r}; try again"
        found = Failure(error=ModelUnavailable(message, context=context))
    else:
        raise error
    safe = found.error.code != "model.key" and not _shows(error, secrets)
    return Failure(error=found.error, again=found.again, after=found.after, cause=error if safe else None)


def _shows(error: BaseException, secrets: Sequence[str]) -> bool:
    """Whether any of them stands in `error` or in what it came of, as a trace would print it."""
    seen: set[int] = set()
    rest: list[BaseException | None] = [error]
    while rest:
        one = rest.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        said = f"{one} {one!r}"
        if any(secret in said for secret in secrets):
            return True
        rest += (one.__cause__, one.__context__)
    return False


def timed_out(seconds: float, *, provider: str, model: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"the model provider {provider!r} did not answer for {model!r} within {seconds:g} s; try again "
        "later, or allow more time with the setting model.timeout_seconds",
        code="model.unavailable.timeout",
        context={"provider": provider, "model": model, "timeout": seconds},
    )


def broke_off(*, provider: str, model: str) -> ModelUnavailable:
    """A stream that ended without saying so."""
    return ModelUnavailable(
        f"the model provider {provider!r} broke off its answer for {model!r}; try again",
        context={"provider": provider, "model": model},
    )


def spoilt(*, provider: str, model: str) -> ModelMalformed:
    """An answer of which the provider says itself that it went wrong."""
    return ModelMalformed(
        f"the model provider {provider!r} says that its answer for {model!r} went wrong; try again",
        code="model.malformed.spoilt",
        context={"provider": provider, "model": model},
    )


def _by_status(error: ModelHTTPError, context: dict[str, object], secrets: Sequence[str]) -> Failure:
    status, provider, model = error.status_code, context["provider"], context["model"]
    context = {**context, "status": status}
    if isinstance(error, ModelAuthenticationError) or status in (401, 403):  # Google's is a 400
        return Failure(
            error=ModelRejected(
                f"the model provider {provider!r} refused the API key (HTTP {status}) for {model!r}; check "
                f"that provider's API key and its rights in the settings",
                code="model.key",
                context=context,
            )
        )
    if isinstance(error, ModelQuotaExceededError):
        message = (
            f"the account at the model provider {provider!r} has no credit left (HTTP {status}); top it up"
        )
        return Failure(error=ModelRejected(message, code="model.credit", context=context))
    if status in (408, 429) or status >= 500:
        what = "is limiting calls" if status == 429 else "failed"
        message = f"the model provider {provider!r} {what} (HTTP {status}) for {model!r}; try again later"
        again, after = error.provider_retry_hint is not False, error.retry_after
        told = context if after is None else {**context, "retry_after": after}
        return Failure(error=ModelUnavailable(message, context=told), again=again, after=after)
    reply = _said(error, secrets)
    if isinstance(error, ModelContextWindowExceededError):
        return Failure(error=_too_long(context, reply))
    said = f": {reply}" if reply else ""
    advice = "check the model's name" if status == 404 else "correct the request or choose another model"
    message = (
        f"the model provider {provider!r} refused the request for {model!r} (HTTP {status}){said}; {advice}"
    )
    told = {**context, "reply": reply} if reply else context
    return Failure(error=ModelRejected(message, context=told))


def _too_long(context: dict[str, object], reply: str) -> ModelRejected:
    """Free, and never better the second time: for whoever can shorten the conversation."""
    return ModelRejected(
        f"the request is too long for the model {context['model']!r} of the provider {context['provider']!r}"
        f"{f': {reply}' if reply else ''}; shorten it, or choose a model with a larger window",
        code="model.context_overflow",
        context={**context, "reply": reply} if reply else context,
    )


def _by_connection(error: ModelAPIError, provider: str, context: dict[str, object]) -> Failure:
    """Before the request was sent another attempt is free; after that the provider may charge for it,
    and whoever reserved the money decides."""
    if isinstance(error, ModelConnectionError) and error.phase in ("pool", "connect"):
        return Failure(
            error=ModelUnavailable(
                f"the model provider {provider!r} cannot be reached; check its base URL and the network",
                context={**context, "status": NOT_SENT},
            ),
            again=True,
        )
    slow = isinstance(error, (ModelTimeoutError, ModelRequestTimeout))
    what = "did not answer in time" if slow else "broke off its answer"
    message = f"the model provider {provider!r} {what} for {context['model']!r}; try again later"
    code = "model.unavailable.timeout" if slow else None
    return Failure(error=ModelUnavailable(message, code=code, context=context))


def _unreadable(error: Exception) -> bool:
    """Whether a reader of the vendor's gave up over the text of an answer, or found nothing in it."""
    if not isinstance(error, ModelAPIError) or error.in_stream:
        return False
    if type(error) is ModelAPIError and error.__cause__ is None:
        return _ENDED not in str(error)
    cause = error.__cause__
    while cause is not None and not isinstance(cause, ValueError):
        cause = cause.__cause__
    return cause is not None


def _said(error: ModelHTTPError, secrets: Sequence[str]) -> str:
    """The provider's own words, shortened, without keys."""
    words = _words_in(error.body)
    for secret in secrets:
        words = words.replace(secret, "[key]")
    return " ".join(words.split())[:_SHOWN]


def _words_in(body: object, depth: int = 3) -> str:
    """What an error says, wherever its vendor puts it: `message`, within `error`, as text of JSON."""
    if isinstance(body, str | bytes):
        try:
            body = json.loads(body)
        except (ValueError, RecursionError):
            return body if isinstance(body, str) else ""
    if not isinstance(body, dict) or depth == 0:
        return ""
    fields = {name.lower(): value for name, value in cast("dict[str, object]", body).items()}
    for name in ("message", "detail"):
        if isinstance(words := fields.get(name), str) and words.strip():
            return words
    return _words_in(fields.get("error"), depth - 1) if isinstance(fields.get("error"), dict) else ""
