"""Shared caps as the journal keeps them. Amounts are integer micro-dollars, times RFC 3339 UTC text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

LIFTED = 2**63 - 1  # the limit of a cap that holds nobody and goes on counting
THRESHOLDS = (50, 80, 100)
FULL = 100  # the threshold that is reached, too, when a cap refuses its first call


@dataclass(frozen=True, slots=True, kw_only=True)
class CapTerms:
    """How a cap holds. `soft`: it refuses nobody and only tells. `thresholds`: of which parts of the limit,
    in per cent, it tells, once each. `until`: when its period is over, "" for all time; after that no call
    reserves under it any more. `since`: a new cap counts what the workspace's runs created from then on have
    cost so far; nothing without it."""

    soft: bool = False
    thresholds: tuple[int, ...] = THRESHOLDS
    until: str = ""
    since: datetime | None = None


HARD = CapTerms()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """A shared cap (workspace, agent, user, day …): `scope` such as "user:usr_1/day:2026-11-28"."""

    scope: str
    limit_micros: int
    granted_micros: int  # allotted to runs or spent; above the limit only of a soft or a lowered cap
    terms: CapTerms = HARD


@dataclass(frozen=True, slots=True, kw_only=True)
class CapUse:
    """A cap as one run sees it: `others_micros` is what other runs hold of it that may yet give some back,
    and `mark` changes when they draw or give back, even if the amounts are the same again."""

    scope: str
    limit_micros: int
    granted_micros: int
    others_micros: int
    mark: str = ""
    soft: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CapAlert:
    """A cap has come to `threshold` per cent of its limit: once for each limit. What is set aside for calls
    under way is in `used_micros`. `told_at`: when the bus had it, "" before."""

    workspace_id: str
    scope: str
    limit_micros: int
    threshold: int
    soft: bool
    used_micros: int
    at: str
    told_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a run keeps of each scope that it drew on: `others` of those that `scopes` does not name.
    `spent`: all of it is, so that nothing comes back unless the run draws again."""

    scopes: Mapping[str, int] = field(default_factory=lambda: {})
    others: int = 0
    spent: bool = False

    def of(self, scope: str) -> int:
        return self.scopes.get(scope, self.others)
