"""A rate limit that a scripted server keeps itself, as the vendors do: buckets that fill up all the time."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

TOKEN_BYTES = 4  # how long a token is taken to be


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """0: no limit. Requests and tokens a minute (a call's tokens are what it sends, at four bytes each, and
    the most that it may be answered), calls at the same time, and the model's window: tokens sent and the
    most answered together."""

    requests: int = 0
    tokens: int = 0
    concurrent: int = 0
    context: int = 0


@dataclass(slots=True)
class Bucket:
    """Token-bucket algorithm: `size` a minute, all of them at first."""

    size: int
    now: Callable[[], float]
    left: float = field(init=False)
    at: float = field(init=False)

    def __post_init__(self) -> None:
        self.left, self.at = float(self.size), self.now()

    def missing(self, amount: int) -> float:
        """Seconds until `amount` can be taken; 0 when it can be now."""
        now = self.now()
        self.left = min(float(self.size), self.left + (now - self.at) * self.size / 60)
        self.at = now
        return max(0.0, (amount - self.left) * 60 / self.size)

    def full_in(self) -> float:
        return max(0.0, (self.size - self.left) * 60 / self.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What a call ran against, and the seconds after which it would not."""

    what: str
    seconds: float


class Keeper:
    """Counts calls and tokens; `enter` and `leave` bracket a call that was let in."""

    def __init__(self, limits: Limits, now: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self.requests = Bucket(limits.requests, now) if limits.requests else None
        self.tokens = Bucket(limits.tokens, now) if limits.tokens else None

    def refused(self, tokens: int, going: int) -> Refused | None:
        """None takes the call's share; a refused call takes nothing. `going`: calls at this time."""
        if self.limits.concurrent and going >= self.limits.concurrent:
            return Refused(what="concurrent", seconds=1.0)
        for bucket, amount, what in ((self.requests, 1, "requests"), (self.tokens, tokens, "tokens")):
            if bucket is not None and (seconds := bucket.missing(amount)) > 0:
                return Refused(what=what, seconds=seconds)
        if self.requests is not None:
            self.requests.left -= 1
        if self.tokens is not None:
            self.tokens.left -= tokens
        return None


def estimated(size: int) -> int:
    """Tokens in so many bytes."""
    return -(-size // TOKEN_BYTES)
