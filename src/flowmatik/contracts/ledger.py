"""The ledger: what every call set aside, cost and gave back, and what can be asked of it.

Amounts are integer micro-dollars (1 USD = 1_000_000), in US dollars whatever is displayed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Literal, Protocol

from flowmatik.kernel.errors import InvalidInput

LEDGER_DAYS = 400  # how long bookings are kept unless the settings say otherwise
MOST_GROUPS = 500
LOCAL_USER = "local"  # whose runs of nobody are: the administrator of the machine
Kind = Literal["reserved", "settled", "worst_case", "bounded", "released", "unpriced", "returned"]
# What may be asked by and for, besides `month`, which is made of the day.
DIMENSIONS = (
    "day",
    "month",
    "run",
    "root",
    "task",
    "call",
    "agent",
    "version",
    "user",
    "team",
    "tags",
    "provider",
    "model",
    "served",
    "purpose",
    "thread",
    "schedule",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """One thing that happened to money, in the event `seq` of a run. It moves amounts between what can still
    be spent (`available_micros`), what is set aside and what is spent; the three add up to zero.

    `kind`: "reserved" before a call; then "settled" by real usage, "bounded" by the most that the known part
    of the usage leaves possible, "worst_case" where nobody knows it, "unpriced" where nobody knows what it
    cost, or "released" where it cost nothing. "returned" goes before any of these when another model than the
    one that was asked has answered: it takes back what was set aside. `estimate_micros`: of a call that has
    ended, what was set aside for it. `day` (UTC) is that of the reservation, as it is for caps; `at` is when
    this happened. `root` is the run that a caller began; `served` the model that answered; `tags` and
    `scopes` (the shared caps that bear it) are sorted. `user` is an id, never a name. Of a call outside of
    runs `run` is the id of the call, `root` is "", and `purpose` says what it was for: `api` (asked of
    /v1/chat/completions), `test`, `probe` or `embedding`.
    """

    workspace_id: str
    run: str
    seq: int
    n: int
    kind: Kind
    at: str
    day: str
    call: str
    root: str
    task: str = ""
    agent: str = ""
    version: str = ""
    user: str = ""
    team: str = ""
    tags: tuple[str, ...] = ()
    provider: str = ""
    model: str = ""
    served: str = ""
    purpose: str = ""
    thread: str = ""
    schedule: str = ""
    scopes: tuple[str, ...] = ()
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    estimate_micros: int = 0
    available_micros: int = 0
    reserved_micros: int = 0
    spent_micros: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CostQuery:
    """Of the days from `since` to `until`, both included (YYYY-MM-DD, UTC; "" is open), those bookings for
    which every dimension in `where` has one of the values; `tags` has one of them among its own. Grouped
    `by` dimensions; by none there is one group."""

    by: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    where: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Calls that have ended, by how their cost is known, and what they cost. `estimated_micros` was set aside
    for them; `worst_case_micros` is the part of `spent_micros` that was settled without knowing the usage.
    `open` calls hold `reserved_micros`."""

    calls: int = 0
    open: int = 0
    unpriced: int = 0
    worst_case: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    spent_micros: int = 0
    reserved_micros: int = 0
    estimated_micros: int = 0
    worst_case_micros: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CostGroup:
    """`of`: the group's value of each dimension that was asked by."""

    of: dict[str, str]
    costs: Costs


@dataclass(frozen=True, slots=True, kw_only=True)
class CostReport:
    """The dearest groups first; `total` is of all groups, also those of other pages."""

    items: tuple[CostGroup, ...]
    total: Costs
    next: str = ""
    currency: str = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingPage:
    items: tuple[Booking, ...]
    next: str = ""
    currency: str = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where ledger and journal, or ledger and caps, do not say the same. `code`: `missing` and `surplus` (of
    bookings), `changed` (a booking that says something else), `cost` (of a run), `open` (money set aside for
    no call), `unreadable` (a history), `held` (less is drawn from a cap than calls need, or more stays drawn
    than they cost), `cap` (a cap has granted less than was booked under it)."""

    code: str
    run: str = ""
    call: str = ""
    scope: str = ""
    ledger_micros: int = 0
    other_micros: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerCheck:
    """`differences` are the first MOST_GROUPS of `found`. `calls` are those outside of runs. `deleted`: runs
    with bookings whose journal is gone, of which only the balance can be checked; `late`: bookings that the
    check itself had to make, for the bus had not told of them yet."""

    runs: int
    deleted: int
    bookings: int
    late: int
    spent_micros: int
    reserved_micros: int
    found: int
    differences: tuple[Difference, ...] = ()
    calls: int = 0
    currency: str = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """`changed`: runs whose bookings were not as the journal has them."""

    runs: int
    changed: int
    bookings: int


class Ledger(Protocol):
    """Of one workspace. Raises InvalidInput for a dimension, day, limit or cursor that is none."""

    async def costs(
        self, workspace_id: str, query: CostQuery, *, cursor: str = "", limit: int = 50
    ) -> CostReport: ...

    async def bookings(
        self, workspace_id: str, query: CostQuery, *, cursor: str = "", limit: int = 500
    ) -> BookingPage:
        """In the order of days, runs and events; `query.by` says nothing here."""
        ...

    async def check(self, workspace_id: str) -> LedgerCheck: ...

    async def rebuild(self, workspace_id: str) -> Rebuilt:
        """From the journal: each run whose bookings differ gets the right ones, all of them at once. Those of
        runs that were deleted stay."""
        ...

    async def forget_user(self, workspace_id: str, user: str) -> int:
        """Put a pseudonym, drawn at random and the same for all of them, in place of this user's id, also in
        the names of budgets; how many bookings there were. Bookings that are made or rebuilt later for runs
        that had any get it too. The user's own budgets, what was told of them, and memberships of teams go:
        what is spent by the user from then on, nobody bounds."""
        ...


def cost_table(
    report: CostReport, by: tuple[str, ...]
) -> tuple[tuple[str, ...], list[tuple[str | int, ...]]]:
    """The report as heads and rows, for spreadsheets: dimensions first, then every figure of `Costs`, amounts
    in millionths of the currency, which comes last. Asked by nothing it is one row, of the total."""
    figures = tuple(one.name for one in fields(Costs))
    groups = report.items if by else (CostGroup(of={}, costs=report.total),)
    rows = [
        (*(one.of[name] for name in by), *(getattr(one.costs, name) for name in figures), report.currency)
        for one in groups
    ]
    return (*by, *figures, "currency"), rows


FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # with those of full width


def plain_cell(value: str | int) -> str | int:
    """For a CSV file: text that a spreadsheet would take for a formula, some without the blanks before it,
    gets an apostrophe in front (OWASP, CSV injection)."""
    if not isinstance(value, str):
        return value
    risky = value.startswith(("\t", "\r", "\n")) or value.lstrip().startswith(FORMULA)
    return f"'{value}" if risky else value


def conditions(given: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Of `DIMENSION=VALUE`. Raises InvalidInput (`input.where`)."""
    found: dict[str, tuple[str, ...]] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise InvalidInput(
                f"{one[:100]!r} is no condition; write it as agent=NAME",
                code="input.where",
                context={"value": one[:100]},
            )
        found[name] = (*found.get(name, ()), value)
    return found
