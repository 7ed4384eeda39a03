"""What a shared cap is of, in writing: `workspace`, `agent:NAME`, `user:ID`, `team:NAME`, `provider:ID`, each
also with `/day` or `/month`. A cap by the day or month is a row that says how much, and a row for each period
(`user:usr_1/day:2026-11-28`), made when its first call reserves. Pure."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flowmatik.contracts.budgets import Bearing
from flowmatik.kernel.errors import InvalidInput

MONTH = "month"  # of the whole workspace, as the settings say it
PERIODS = ("day", "month")
KINDS = ("agent", "user", "team", "provider")
LONGEST_NAME = 200
_SCOPE = re.compile(
    r"(?:workspace|(?P<kind>agent|user|team|provider):(?P<name>[^/:\s]+))(?:/(?P<each>day|month))?"
)
_PROVIDER = re.compile(r"provider:([^/]+)(?:/|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class CapScope:
    """`each` is "day", "month" or "" for all time."""

    kind: str
    name: str
    each: str

    def __str__(self) -> str:
        whole = f"{self.kind}:{self.name}" if self.name else self.kind
        return f"{whole}/{self.each}" if self.each else whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    name: str
    begins: datetime
    ends: datetime


def parse(scope: str) -> CapScope:
    """Raises InvalidInput."""
    match = _SCOPE.fullmatch(scope)
    if match is None or not scope.isprintable() or len(scope) > LONGEST_NAME:
        raise InvalidInput(
            f"{scope!r} is no scope of a budget; write workspace, agent:NAME, user:NAME, team:NAME or "
            "provider:ID, with /day or /month after it if each of these has its own",
            code="input.budget_scope",
            context={"scope": scope},
        )
    return CapScope(kind=match["kind"] or "workspace", name=match["name"] or "", each=match["each"] or "")


def each_of(scope: str) -> str:
    """Of what period a row says how much: "" for a cap for all time, and for the row of one period."""
    if scope == MONTH:
        return MONTH
    _, slash, each = scope.rpartition("/")
    return each if slash and each in PERIODS else ""


def period_of(each: str, now: datetime) -> Period:
    """The one that it is now, in UTC."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if each == "day":
        return Period(name=f"{day:%Y-%m-%d}", begins=day, ends=day + timedelta(days=1))
    first = day.replace(day=1)
    return Period(name=f"{first:%Y-%m}", begins=first, ends=(first + timedelta(days=32)).replace(day=1))


def row_of(scope: str, period: Period | None) -> str:
    return scope if period is None else f"{scope}:{period.name}"


def parts_of(row: str) -> tuple[str, str]:
    """A row's scope and its period, "" for all time."""
    head, slash, tail = row.rpartition("/")
    each, colon, period = tail.partition(":")
    if slash and colon and each in PERIODS:
        return f"{head}/{each}", period
    if row.startswith(f"{MONTH}:"):
        return MONTH, row.removeprefix(f"{MONTH}:")
    return row, ""


def counts_from(scope: str) -> bool:
    """Whether a new cap can tell what was spent before it: runs know what they cost, but not whose budgets
    bore it."""
    return scope == MONTH or scope.partition("/")[0] == "workspace"


def bearing(agent: str, providers: Collection[str], who: Bearing, capped: Collection[str]) -> list[str]:
    """The scopes among `capped` that bear a call of this agent for these principals."""
    whole: Iterable[str] = (
        "workspace",
        f"agent:{agent}",
        *(f"user:{one}" for one in who.principals),
        *(f"team:{one}" for one in who.teams),
        *(f"provider:{one}" for one in providers),
    )
    wanted = {MONTH, *whole, *(f"{one}/{each}" for one in whole for each in PERIODS)}
    return sorted(wanted & set(capped))


def provider_in(row: str) -> str:
    """Whose cap that is, "" for one that is no provider's."""
    match = _PROVIDER.match(row)
    return match[1] if match else ""
