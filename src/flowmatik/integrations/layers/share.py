"""How much of a deployment's limits is free: counted in this process.

Rates are token buckets. A bucket holds ten seconds' worth, so that within any minute at most a sixth more
than the limit is let through (ITU-T I.371, the leaky bucket as a meter). What needs more than a bucket
holds is let through by a full one, which then owes the rest.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Protocol

from flowmatik.integrations.layers.settings import LimitSettings
from flowmatik.kernel.clock import Clock

AGAIN_SECONDS = 0.1  # how long to wait for one of those at work
SAVED_SECONDS = 10.0  # how much of a rate may be saved up


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A deployment and what it bears."""

    deployment: str
    limits: LimitSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What one call asks: `ticket` names it, `tokens` are what it may use, `seconds` is the most that it
    takes; then its turn is another's, should its process have died."""

    ticket: str
    tokens: int
    seconds: float


class Share(Protocol):
    async def enter(self, place: Place, need: Need) -> float:
        """0 when it is this call's turn, which it then has; else seconds after which to ask again."""
        ...

    async def leave(self, place: Place, need: Need, used: int | None) -> None:
        """The turn is over, or not wanted any more. `used` tokens are what it took, None if nobody knows."""
        ...

    async def pause(self, place: Place, seconds: float) -> None:
        """Nobody's turn comes for so long."""
        ...


def held_by(per_minute: int) -> float:
    """What a bucket of this rate holds."""
    return max(1.0, per_minute * SAVED_SECONDS / 60.0)


class LocalShare:
    """Implements `Share` for the calls of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: defaultdict[str, dict[str, Need]] = defaultdict(dict)
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}  # what is left, when
        self._paused: dict[str, float] = {}

    async def enter(self, place: Place, need: Need) -> float:
        now, at_work = self._clock.monotonic(), self._open[place.deployment]
        wait = self._paused.get(place.deployment, now) - now
        most = place.limits.max_parallel
        if most is not None and len(at_work) >= most:
            wait = max(wait, AGAIN_SECONDS)
        asked = _rates(place.limits, need)
        for name, per_minute, amount in asked:
            lacking = min(amount, held_by(per_minute)) - self._left(place, name, per_minute, now)
            wait = max(wait, lacking * 60.0 / per_minute)
        if wait > 1e-9:
            return wait
        for name, per_minute, amount in asked:
            left = self._left(place, name, per_minute, now)
            self._buckets[place.deployment, name] = (left - amount, now)
        at_work[need.ticket] = need
        return 0.0

    async def leave(self, place: Place, need: Need, used: int | None) -> None:
        if self._open[place.deployment].pop(need.ticket, None) is None or used is None:
            return
        key = (place.deployment, "tokens")
        if key in self._buckets:
            left, at = self._buckets[key]
            self._buckets[key] = (left + need.tokens - used, at)

    async def pause(self, place: Place, seconds: float) -> None:
        until = self._clock.monotonic() + seconds
        self._paused[place.deployment] = max(until, self._paused.get(place.deployment, 0.0))

    def _left(self, place: Place, name: str, per_minute: int, now: float) -> float:
        full = held_by(per_minute)
        left, at = self._buckets.get((place.deployment, name), (full, now))
        return min(full, left + (now - at) * per_minute / 60.0)


def _rates(limits: LimitSettings, need: Need) -> list[tuple[str, int, float]]:
    rates = (("requests", limits.requests_per_minute, 1.0), ("tokens", limits.tokens_per_minute, need.tokens))
    return [(name, rate, amount) for name, rate, amount in rates if rate is not None]
