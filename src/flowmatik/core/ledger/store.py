"""Bookings in the database: added once, asked for in many ways."""

import dataclasses
import secrets
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import Any

from flowmatik.contracts.database import Database, Row, Statement
from flowmatik.contracts.ledger import Booking
from flowmatik.core.ledger.forgetting import ERASED, names_people, pseudonyms, spellings, without
from flowmatik.kernel import canonical

SIZES = (64, 16, 8, 4, 2, 1)  # of the statements that add several bookings
TOGETHER = 500  # bookings of one transaction
NAMES = tuple(field.name for field in dataclasses.fields(Booking))
COLUMNS = tuple("user_id" if name == "user" else name for name in NAMES)
SHOWN = ", ".join(COLUMNS)
# Meant for unit prices, which no event has: what a call cost is told, not by which tariff.
_UNUSED = "price"
_FIELDS = attrgetter(*NAMES)
_USER = COLUMNS.index("user_id")
_LISTS = (COLUMNS.index("tags"), COLUMNS.index("scopes"))
_OF_RUN = " ".join(
    ("SELECT", SHOWN, "FROM ledger_entries WHERE workspace_id = $1 AND run = $2 ORDER BY seq, n")
)
_RUNS = """
SELECT run, count(*), sum(spent_micros), sum(reserved_micros) FROM ledger_entries
WHERE workspace_id = $1 AND run > $2 GROUP BY run ORDER BY run LIMIT $3
"""
_BY_SCOPES = """
SELECT scopes, sum(spent_micros + reserved_micros) FROM ledger_entries WHERE workspace_id = $1 GROUP BY scopes
"""
_OWN_BUDGETS = tuple(
    " ".join(
        ("DELETE FROM", table, "WHERE workspace_id = $1",
         "AND (scope = $2 OR substr(scope, 1, length($2) + 1) = $2 || '/')")
    )
    for table in ("caps", "cap_alerts")
)  # fmt: skip
_MEMBERSHIPS = "DELETE FROM team_members WHERE workspace_id = $1 AND principal = $2"


class LedgerStore:
    """`everywhere` adds bookings of any workspace, `seen` shows those of one, and `cleaning` takes away what
    is replaced or too old, and puts pseudonyms in the place of people. On PostgreSQL they are roles."""

    def __init__(
        self, everywhere: Database, *, seen: Database | None = None, cleaning: Database | None = None
    ) -> None:
        self._everywhere = everywhere
        self._seen = seen or everywhere
        self._cleaning = cleaning or everywhere

    @property
    def place_of_text(self) -> str:
        """The SQL function that says where a text stands in another one."""
        return "instr" if self._seen.dialect == "sqlite" else "strpos"

    async def add(self, rows: Sequence[Booking]) -> None:
        """Those that there are already are left as they are."""
        for some in _cut(await self._without_forgotten(rows), TOGETHER):
            await self._everywhere.transaction(list(_adding(some)))

    async def _without_forgotten(self, rows: Sequence[Booking]) -> Sequence[Booking]:
        """Whoever is forgotten in budgets of a run's earlier bookings stays so."""
        runs = dict.fromkeys((row.workspace_id, row.run) for row in rows if names_people(row))
        if not runs:
            return rows
        erased = " ".join(
            ("SELECT", SHOWN, "FROM ledger_entries WHERE workspace_id = $1 AND run = $2 AND",
             f"{self.place_of_text}(scopes, $3) > 0 ORDER BY seq, n LIMIT 1")
        )  # fmt: skip
        told: list[Booking] = []
        for run, some in groupby(rows, key=lambda row: (row.workspace_id, row.run)):
            made = list(some)
            kept = await self.fetch(run[0], erased, *run, f'"user:{ERASED}') if run in runs else []
            told += without(pseudonyms(made, [booking_of(row) for row in kept]), made)
        return told

    async def fetch(self, workspace_id: str, sql: str, *params: Any) -> list[Row]:
        """Of one workspace, which the SQL names too: a file cannot tell them apart."""
        return await self._seen.within(workspace_id).fetch(sql, *params)

    async def of_run(self, workspace_id: str, run: str) -> list[Booking]:
        return [booking_of(row) for row in await self.fetch(workspace_id, _OF_RUN, workspace_id, run)]

    async def runs(self, workspace_id: str, after: str, limit: int) -> list[tuple[str, int, int, int]]:
        """Runs with bookings: how many, what is spent, and what is set aside."""
        rows = await self.fetch(workspace_id, _RUNS, workspace_id, after, limit)
        return [(str(run), int(count), int(spent), int(held)) for run, count, spent, held in rows]

    async def bound_by_scopes(self, workspace_id: str) -> dict[tuple[str, ...], int]:
        """Spent and set aside, by the shared caps that bear it."""
        rows = await self.fetch(workspace_id, _BY_SCOPES, workspace_id)
        return {tuple(canonical.loads(str(scopes))): int(micros) for scopes, micros in rows}

    async def replace(self, workspace_id: str, run: str, rows: Sequence[Booking]) -> None:
        """All of them at once: nobody sees a part."""
        drop: Statement = (
            "DELETE FROM ledger_entries WHERE workspace_id = $1 AND run = $2",
            (workspace_id, run),
        )
        await self._cleaning.transaction([drop, *_adding(rows)])

    async def forget_user(self, workspace_id: str, user: str) -> int:
        """In the names of budgets too, also where another bears what is spent: a key, say."""
        pseudonym = ERASED + secrets.token_hex(8)
        (whole, period), (new_whole, new_period) = spellings(user), spellings(pseudonym)
        at = self.place_of_text
        statement = " ".join(
            (
                "UPDATE ledger_entries SET user_id = CASE WHEN user_id = $2 THEN $3 ELSE user_id END,",
                "scopes = replace(replace(scopes, $4, $5), $6, $7)",
                "WHERE workspace_id = $1",
                f"AND (user_id = $2 OR {at}(scopes, $4) > 0 OR {at}(scopes, $6) > 0)",
            )
        )
        values = (workspace_id, user, pseudonym, whole, new_whole, period, new_period)
        own = [(gone, (workspace_id, f"user:{user}")) for gone in _OWN_BUDGETS]
        left = [*own, (_MEMBERSHIPS, (workspace_id, user))]
        return (await self._cleaning.transaction([(statement, values), *left]))[0]

    async def forget(self, before: str) -> int:
        """Bookings of all days before this one, in every workspace."""
        gone = await self._cleaning.transaction([("DELETE FROM ledger_entries WHERE day < $1", (before,))])
        return gone[0]


def booking_of(row: Row) -> Booking:
    values = dict(zip(NAMES, row, strict=True))
    for name in ("tags", "scopes"):
        values[name] = tuple(canonical.loads(values[name]))
    return Booking(**values)


def _values(row: Booking) -> tuple[Any, ...]:
    values = list(_FIELDS(row))
    for place in _LISTS:
        values[place] = canonical.dumps(values[place]) if values[place] else "[]"
    return tuple(values)


def _adding(rows: Sequence[Booking]) -> Iterator[Statement]:
    """In few round trips, by few different statements."""
    at = 0
    while at < len(rows):
        size = next(size for size in SIZES if size <= len(rows) - at)
        params = [value for row in rows[at : at + size] for value in _values(row)]
        yield _insert(size), tuple(params)
        at += size


@cache
def _insert(rows: int) -> str:
    """Whoever is forgotten in a run's first booking stays so in its later ones."""
    values = ", ".join(_row(n) for n in range(rows))
    conflict = "ON CONFLICT (workspace_id, run, seq, n) DO NOTHING"
    columns = f"{SHOWN}, {_UNUSED}"
    return " ".join(("INSERT INTO ledger_entries (", columns, ") VALUES", values, conflict))


def _row(n: int) -> str:
    first = n * len(COLUMNS) + 1
    places = [f"${first + place}" for place in range(len(COLUMNS))]
    run = f"e.workspace_id = ${first} AND e.run = ${first + 1}"
    known = " ".join(("SELECT e.user_id FROM ledger_entries e WHERE", run, "ORDER BY e.seq, e.n LIMIT 1"))
    places[_USER] = f"coalesce(({known}), {places[_USER]})"
    return f"({', '.join(places)}, '')"


def _cut(rows: Sequence[Booking], size: int) -> Iterator[Sequence[Booking]]:
    for at in range(0, len(rows), size):
        yield rows[at : at + size]
