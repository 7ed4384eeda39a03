"""`Filter` as a condition over memory's own tables, in SQL of either store."""

from collections.abc import Sequence
from typing import Any

from flowmatik.contracts.indexes import Filter

_TAGGED = {
    "sqlite": "EXISTS (SELECT 1 FROM json_each(d.tags) t WHERE t.value IN (:list))",
    "postgresql": "EXISTS (SELECT 1 FROM json_array_elements_text(d.tags::json) t(v) WHERE t.v IN (:list))",
}
_ACL = "SELECT 1 FROM memory_acl a WHERE a.workspace_id = d.workspace_id AND a.document = d.id"


def over_documents(dialect: str, where: Filter, first: int) -> tuple[str, tuple[Any, ...]]:
    """What follows a WHERE over document `d`, and its parameters from `$first`."""
    parts: list[str] = []
    values: list[Any] = []

    def mark(value: str) -> str:
        values.append(value)
        return f"${first + len(values) - 1}"

    def among(wanted: Sequence[str]) -> str:
        return ", ".join(mark(one) for one in wanted)

    dated = plain(dialect, "d.dated")
    if where.sources:
        names = [one.rstrip("/") for one in where.sources]
        below = (
            f"d.source = {mark(n)} OR d.source >= {mark(n + '/')} AND d.source < {mark(n + '0')}"
            for n in names
        )
        parts.append(f"({' OR '.join(below)})")
    if where.principals is not None:
        who = among(sorted(where.principals) or [""])
        parts.append(f"(NOT EXISTS ({_ACL}) OR EXISTS ({_ACL} AND a.principal IN ({who})))")
    if where.tags:
        parts.append(_TAGGED[dialect].replace(":list", among(where.tags)))
    if where.dated_from or where.until:
        parts.append("d.dated <> ''")
    if where.dated_from:
        parts.append(f"{dated} >= {mark(where.dated_from)}")
    if where.until:
        parts.append(f"{dated} <= {mark(where.until)}")
    return "".join(f" AND {part}" for part in parts), tuple(values)


def plain(dialect: str, column: str) -> str:
    """Compared by code points, as SQLite does anyway."""
    return f'{column} COLLATE "C"' if dialect == "postgresql" else column
