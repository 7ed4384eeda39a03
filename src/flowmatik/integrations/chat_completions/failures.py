"""The vendor's errors as ours. No message, context or cause holds the key."""

from dataclasses import dataclass

from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelConnectionError,
    ModelHTTPError,
    ModelQuotaExceededError,
    ModelRequestTimeout,
    ModelTimeoutError,
    UnexpectedModelBehavior,
)

from flowmatik.kernel.errors import ModelError, ModelMalformed, ModelRejected, ModelUnavailable

NOT_SENT = "not_sent"
_SHOWN = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """`again`: the provider did nothing that could cost, and another attempt may succeed; `after`
    is what it asked to wait, in seconds. `cause` is None where it might show the key."""

    error: ModelError
    again: bool = False
    after: float | None = None
    cause: BaseException | None = None


def failure_of(error: Exception, *, provider: str, model: str, key: str) -> Failure:
    """What `error` means. Errors that are not the vendor's are raised again."""
    context: dict[str, object] = {"provider": provider, "model": model}
    if isinstance(error, ModelHTTPError) and not error.in_stream:
        found = _by_status(error, provider, model, context, key)
    elif isinstance(error, (ModelTimeoutError, ModelRequestTimeout, ModelConnectionError)):
        found = _by_connection(error, provider, context)
    elif isinstance(error, UnexpectedModelBehavior) or _unreadable(error):
        found = Failure(
            error=ModelMalformed(
                f"the model provider {provider!r} sent an answer for {model!r} that is not the expected "
                "JSON; try again, and check that its base URL is that of an OpenAI-compatible API",
                context=context,
            )
        )
    elif isinstance(error, ModelAPIError):
        message = f"the model provider {provider!r} broke off its answer for {model!r}; try again"
        found = Failure(error=ModelUnavailable(message, context=context))
    else:
        raise error
    safe = not (key and key in f"{error} {error.__cause__}") and found.error.context.get("status") not in (
        401,
        403,
    )
    return Failure(error=found.error, again=found.again, after=found.after, cause=error if safe else None)


def timed_out(seconds: float, *, provider: str, model: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"the model provider {provider!r} did not answer for {model!r} within {seconds:g} s; try again "
        "later, or allow more time with the setting model.timeout_seconds",
        code="model.unavailable.timeout",
        context={"provider": provider, "model": model, "timeout": seconds},
    )


def _by_status(
    error: ModelHTTPError, provider: str, model: str, context: dict[str, object], key: str
) -> Failure:
    status = error.status_code
    context = {**context, "status": status}
    if status in (401, 403):
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
        after = error.retry_after
        told = context if after is None else {**context, "retry_after": after}
        return Failure(error=ModelUnavailable(message, context=told), again=True, after=after)
    reply = _said(error, key)
    said = f": {reply}" if reply else ""
    advice = "check the model's name" if status == 404 else "correct the request or choose another model"
    message = (
        f"the model provider {provider!r} refused the request for {model!r} (HTTP {status}){said}; {advice}"
    )
    told = {**context, "reply": reply} if reply else context
    return Failure(error=ModelRejected(message, context=told))


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
    return isinstance(error, ModelAPIError) and isinstance(error.__cause__, ValueError)


def _said(error: ModelHTTPError, key: str) -> str:
    """The provider's own words, shortened, without the key."""
    body = error.body
    words = body.get("message") if isinstance(body, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # foreign JSON
    if not isinstance(words, str) or not words.strip():
        return ""
    text = " ".join((words.replace(key, "[key]") if key else words).split())
    return text[:_SHOWN]
