"""What a failed attempt means: for the call, for its money, and for the deployment."""

import re
from dataclasses import dataclass
from typing import Literal

from flowmatik.kernel.errors import ModelError, ModelMalformed, ModelRejected

# `again`: the same deployment may do it later; `elsewhere`: only another one may; `mine`: nobody can.
Next = Literal["again", "elsewhere", "context", "content", "mine"]
Blame = Literal["none", "failed", "held", "tripped", "broken"]

# What vendors say of requests that are too long or that they will not speak of.
_TOO_LONG = re.compile(
    r"context.{0,20}(length|window|size|limit)|maximum context|prompt is too long|too many (input )?tokens"
    r"|input.{0,30}exceeds.{0,30}tokens",
    re.IGNORECASE,
)
_NOT_THAT = re.compile(
    r"content (management|filter|policy)|content_filter|safety (system|policy)|usage policy", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`outcome` is its name in metrics; `free`: it certainly cost nothing; `hold`: seconds for which the
    deployment asked to be left alone."""

    outcome: str
    next: Next
    blame: Blame
    free: bool
    hold: float | None = None


def is_free(error: ModelError) -> bool:
    """A refused request costs nothing, and an error with a status came instead of an answer."""
    return isinstance(error, ModelRejected) or "status" in error.context


def verdict_of(error: ModelError) -> Verdict:
    if isinstance(error, ModelRejected):
        return _rejected(error)
    if isinstance(error, ModelMalformed):
        return Verdict(outcome="malformed", next="elsewhere", blame="failed", free=False)
    free = is_free(error)
    if error.code.endswith(".busy"):  # our own limits, before anything was sent
        return Verdict(outcome="busy", next="again", blame="none", free=free)
    if error.context.get("status") == 429:
        return _limited(error)
    outcome = "timeout" if "timeout" in error.code else "unavailable"
    return Verdict(outcome=outcome, next="again" if free else "elsewhere", blame="failed", free=free)


def _limited(error: ModelError) -> Verdict:
    after = error.context.get("retry_after")
    if isinstance(after, int | float):
        return Verdict(outcome="rate_limited", next="again", blame="held", free=True, hold=max(0.0, after))
    return Verdict(outcome="rate_limited", next="again", blame="failed", free=True)


def _rejected(error: ModelRejected) -> Verdict:
    if error.code == "model.key":
        return Verdict(outcome="key", next="elsewhere", blame="broken", free=True)
    if error.code == "model.credit" or error.context.get("status") == 404:
        return Verdict(outcome="rejected", next="elsewhere", blame="tripped", free=True)
    if error.code == "model.vision":
        return Verdict(outcome="rejected", next="elsewhere", blame="none", free=True)
    said = str(error.context.get("reply", ""))
    if error.code == "model.context_overflow" or _TOO_LONG.search(said):
        return Verdict(outcome="context", next="context", blame="none", free=True)
    if _NOT_THAT.search(said):
        return Verdict(outcome="content", next="content", blame="none", free=True)
    return Verdict(outcome="rejected", next="mine", blame="none", free=True)
