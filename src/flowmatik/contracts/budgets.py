"""Budgets: what runs together may cost, of whom, and in which time. Amounts are integer micro-dollars
(1 USD = 1_000_000); days and months are those of UTC."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

THRESHOLDS = (50, 80, 100)
ALERT_EVENT = "flowmatik.BudgetThresholdReached"  # on the bus, outside of any run


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """`scope`: `workspace`, `agent:NAME`, `user:ID`, `team:NAME` or `provider:ID`, each also with `/day` or
    `/month`. A hard one refuses what would pass it; a `soft` one only tells. `thresholds`: of which parts of
    the limit it tells, in per cent."""

    scope: str
    limit_micros: int
    soft: bool = False
    thresholds: tuple[int, ...] = THRESHOLDS


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetUse:
    """A budget and what became of it in its present period: `period` is "2026-11-28" or "2026-11", "" for all
    time, and ends at `ends_at`. `reserved_micros` is set aside for calls under way and may come back;
    `left_micros` is what neither that nor what was spent has taken. `name`: of the user or
    key of a scope that has an id."""

    scope: str
    limit_micros: int
    soft: bool
    thresholds: tuple[int, ...]
    period: str
    ends_at: str
    spent_micros: int
    reserved_micros: int
    left_micros: int
    name: str = ""
    currency: str = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetAlert:
    """A budget came to `threshold` per cent of its limit in a period: told once for each limit that it had.
    What was set aside for calls under way is in `used_micros`. At 100 a hard budget is used up or has refused
    a call."""

    scope: str
    period: str
    threshold: int
    limit_micros: int
    used_micros: int
    soft: bool
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayCurrency:
    """What people are shown amounts in beside US dollars: `rate` is what one dollar is, in decimal, as the
    administrator set it for the day `as_of`. Amounts are kept, reckoned and compared in dollars alone."""

    currency: str
    rate: str
    as_of: str

    def of(self, micros: int) -> str:
        """Rounded to cents, half to even."""
        return f"{(Decimal(micros) * Decimal(self.rate)).scaleb(-6):.2f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamMember:
    """`principal` is the id of a user or an API key, `name` what people call it."""

    team: str
    principal: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearing:
    """Whose budgets bear what a principal spends: its own, those of who made it if it is a key, and those of
    the teams of either."""

    principals: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()


class Bearers(Protocol):
    async def bearing(self, workspace_id: str, principal: str) -> Bearing: ...


class BudgetAccess(Protocol):
    """For administrators. A budget that is changed holds within two seconds; what was spent stays counted."""

    async def display(self) -> DisplayCurrency | None: ...

    async def list(self, workspace_id: str) -> Sequence[BudgetUse]: ...

    async def get(self, workspace_id: str, scope: str) -> BudgetUse:
        """Raises NotFound (`not_found.budget`)."""
        ...

    async def put(self, workspace_id: str, budget: Budget) -> BudgetUse:
        """In place of the one of the same scope. A user or key may be given by its name. A new one counts
        from now on; those of the whole workspace by day or month count what the period's runs have cost.
        Raises InvalidInput, which names the value."""
        ...

    async def lift(self, workspace_id: str, scope: str) -> None:
        """Raises NotFound."""
        ...

    async def alerts(self, workspace_id: str, *, scope: str = "", limit: int = 100) -> Sequence[BudgetAlert]:
        """The newest first."""
        ...


class Principals(Protocol):
    async def principal(self, workspace_id: str, named: str) -> TeamMember:
        """Who that is, by id or name, outside of any team. Raises NotFound (`not_found.principal`); Conflict
        when several have the name."""
        ...


class Payers(Principals, Protocol):
    """Whose budgets there can be."""

    async def teams(self, workspace_id: str) -> Collection[str]:
        """Those that have members."""
        ...

    def providers(self) -> Collection[str]:
        """Ids of those that are configured, or could be."""
        ...


class Teams(Protocol):
    """Who shares the budgets of a team; for administrators. Changes hold within two seconds."""

    async def members(self, workspace_id: str) -> Sequence[TeamMember]:
        """By team, then by name."""
        ...

    async def add(self, workspace_id: str, team: str, principal: str) -> TeamMember:
        """A user or key, by id or name; one that is there already stays. Raises NotFound
        (`not_found.principal`), InvalidInput."""
        ...

    async def remove(self, workspace_id: str, team: str, principal: str) -> None:
        """Raises NotFound (`not_found.member`). A team without members is none."""
        ...
