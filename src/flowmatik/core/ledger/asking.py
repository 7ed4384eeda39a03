"""The SQL of what can be asked of the ledger, in the subset that SQLite and PostgreSQL share."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from flowmatik.contracts.database import Row
from flowmatik.contracts.ledger import DIMENSIONS, LOCAL_USER, CostQuery, Costs
from flowmatik.core.ledger.store import SHOWN
from flowmatik.core.pages import place_at
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import InvalidInput

MOST_BY = 6
MOST_VALUES = 100
OF = {  # dimensions that are no column of that name; calls outside of runs have none
    "month": "substr(day, 1, 7)",
    "user": "user_id",
    "run": "CASE WHEN run = call THEN '' ELSE run END",
}
FROM = "FROM ledger_entries WHERE"
SUMS = """
sum(CASE WHEN kind IN ('reserved', 'returned') OR n > 1 THEN 0 ELSE 1 END),
sum(CASE WHEN kind = 'reserved' THEN 1 WHEN n = 0 THEN -1 ELSE 0 END),
sum(CASE WHEN kind = 'unpriced' AND n <= 1 THEN 1 ELSE 0 END),
sum(CASE WHEN kind = 'worst_case' AND n <= 1 THEN 1 ELSE 0 END),
sum(input_tokens), sum(output_tokens), sum(cached_tokens), sum(spent_micros), sum(reserved_micros),
sum(estimate_micros), sum(CASE WHEN kind = 'worst_case' THEN spent_micros ELSE 0 END)
"""


@dataclass(slots=True)
class _Asked:
    """A WHERE clause with its parameters; `$1` is the workspace."""

    parts: list[str] = field(default_factory=lambda: ["workspace_id = $1"])
    params: list[Any] = field(default_factory=lambda: [])

    def place(self, value: object) -> str:
        self.params.append(value)
        return f"${len(self.params) + 1}"

    def say(self, text: str, *values: object) -> None:
        self.parts.append(text.format(*(self.place(value) for value in values)))

    @property
    def text(self) -> str:
        return " AND ".join(self.parts)


def checked(query: CostQuery) -> CostQuery:
    """Raises InvalidInput for what nobody can be asked."""
    for name in (*query.by, *query.where):
        if name not in DIMENSIONS:
            known = ", ".join(DIMENSIONS)
            raise InvalidInput(
                f"the ledger has no dimension {name[:50]!r}; it has {known}",
                code="input.dimension",
                context={"dimension": name[:50], "known": known},
            )
    if len(set(query.by)) != len(query.by) or len(query.by) > MOST_BY:
        raise InvalidInput(
            f"group by at most {MOST_BY} dimensions, each once; it was {', '.join(query.by)}",
            code="input.grouping",
            context={"most": MOST_BY, "by": ", ".join(query.by)},
        )
    for day in (query.since, query.until):
        _check_day(day)
    if any(not 1 <= len(values) <= MOST_VALUES for values in query.where.values()):
        raise InvalidInput(
            f"give 1 to {MOST_VALUES} values of a dimension",
            code="input.values",
            context={"most": MOST_VALUES},
        )
    return query


def _check_day(day: str) -> None:
    try:
        ok = not day or date.fromisoformat(day).isoformat() == day
    except ValueError:
        ok = False
    if not ok:
        raise InvalidInput(
            f"{day[:50]!r} is no day; write it as 2026-01-31",
            code="input.day",
            context={"day": day[:50]},
        )


def _where(query: CostQuery, position: str) -> _Asked:
    asked = _Asked()
    if query.since:
        asked.say("day >= {}", query.since)
    if query.until:
        asked.say("day <= {}", query.until)
    for name, values in query.where.items():
        if name == "tags":
            found = [f"{position}(tags, {asked.place(canonical.dumps(value))}) > 0" for value in values]
            asked.parts.append(f"({' OR '.join(found)})")
        else:
            named = (*values, "") if name == "user" and LOCAL_USER in values else values
            places = ", ".join(asked.place(value) for value in named)
            column = name if name == "run" and "" not in values else OF.get(name, name)  # by its index
            asked.parts.append(f"{column} IN ({places})")
    return asked


def total(query: CostQuery, position: str) -> tuple[str, list[Any]]:
    asked = _where(query, position)
    return _statement("SELECT", SUMS, FROM, asked.text), asked.params


def groups(query: CostQuery, position: str, cursor: str, limit: int) -> tuple[str, list[Any]]:
    """The dearest first, then in the order of the dimensions; `cursor` is the last one seen."""
    names = [OF.get(name, name) for name in query.by]
    asked = _where(query, position)
    after = ""
    if (place := place_at(cursor, int, *(str for _ in names))) is not None:
        spent = f"CAST({asked.place(place[0])} AS BIGINT)"
        last = ", ".join(asked.place(value) for value in place[1:])
        of = ", ".join(names)
        after = f"HAVING sum(spent_micros) < {spent} OR (sum(spent_micros) = {spent} AND ({of}) > ({last}))"
    grouping = ", ".join(names)
    order = f"ORDER BY sum(spent_micros) DESC, {grouping} LIMIT {asked.place(limit)}"
    what = f"{grouping}, {SUMS}"
    return _statement("SELECT", what, FROM, asked.text, "GROUP BY", grouping, after, order), asked.params


def bookings(query: CostQuery, position: str, cursor: str, limit: int) -> tuple[str, list[Any]]:
    asked = _where(query, position)
    if (place := place_at(cursor, str, str, int, int)) is not None:
        last = ", ".join(asked.place(value) for value in place)
        asked.parts.append(f"(day, run, seq, n) > ({last})")
    order = f"ORDER BY day, run, seq, n LIMIT {asked.place(limit)}"
    return _statement("SELECT", SHOWN, FROM, asked.text, order), asked.params


def _statement(*parts: str) -> str:
    """Of parts that are written in this file; what callers say stands in the parameters."""
    return " ".join(parts)


def costs_of(row: Row | Sequence[Any]) -> Costs:
    calls, opened, unpriced, worst, *rest = (int(value or 0) for value in row)
    into, out, cached, spent, reserved, estimated, worst_micros = rest
    return Costs(
        calls=calls,
        open=opened,
        unpriced=unpriced,
        worst_case=worst,
        input_tokens=into,
        output_tokens=out,
        cached_tokens=cached,
        spent_micros=spent,
        reserved_micros=reserved,
        estimated_micros=estimated,
        worst_case_micros=worst_micros,
    )
