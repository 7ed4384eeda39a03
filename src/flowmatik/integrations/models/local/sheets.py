"""What a question over tables is read with: the tables as they were described, and the words left."""

import re
from dataclasses import dataclass, field
from typing import Any, cast

from flowmatik.integrations.models.local.lexicon import related
from flowmatik.integrations.models.local.words import fold

_NUMERIC = ("BIGINT", "INTEGER", "DOUBLE", "DECIMAL", "HUGEINT", "FLOAT", "SMALLINT", "TINYINT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    name: str
    kind: str
    values: tuple[str, ...]
    nulls: int = 0

    @property
    def numeric(self) -> bool:
        return self.kind.startswith(_NUMERIC)

    @property
    def dated(self) -> bool:
        return self.kind.startswith(("DATE", "TIMESTAMP"))

    @property
    def words(self) -> list[str]:
        return [w for w in re.findall(r"[a-z]+|\d+", fold(self.name)) if len(w) > 1]

    @property
    def sql(self) -> str:
        return '"' + self.name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    name: str
    table: str
    columns: tuple[Column, ...]
    rows: int = 0

    @property
    def words(self) -> list[str]:
        return [w for w in re.findall(r"[a-z]+", fold(self.name.rsplit(".", 1)[0])) if len(w) > 2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """`aggregate` says what the figures are, "row" that they are cells of one; `label` names the measure
    for people."""

    sql: str
    aggregate: str
    label: str
    grouped: str = ""


@dataclass(slots=True)
class Reading:
    """The question while it is read; `explained` are words that some part of it accounts for."""

    text: str
    explained: set[str] = field(default_factory=lambda: set[str]())
    where: list[str] = field(default_factory=lambda: [])

    @property
    def left(self) -> list[str]:
        """The words that nothing has explained yet."""
        words = re.findall(r"[a-z0-9]+(?:[.,]\d+)?", self.text)
        return [w for w in words if not any(related(w, known) for known in self.explained)]

    def explain(self, *words: str) -> None:
        self.explained.update(words)

    def cut(self, start: int, end: int) -> None:
        self.text = self.text[:start] + " " * (end - start) + self.text[end:]


def read_tables(description: dict[str, Any]) -> list[Table]:
    """What `tables_describe` returned."""
    rows = cast("list[dict[str, Any]]", description.get("tables") or [])
    return [
        Table(
            name=str(row["name"]),
            table=str(row["table"]),
            rows=int(row.get("rows") or 0),
            columns=tuple(_column(column) for column in cast("list[dict[str, Any]]", row["columns"])),
        )
        for row in rows
    ]


def _column(row: dict[str, Any]) -> Column:
    values = cast("list[object]", row.get("values") or [])
    return Column(
        name=str(row["name"]),
        kind=str(row["type"]),
        values=tuple(str(value) for value in values),
        nulls=int(row.get("nulls") or 0),
    )


def people_in(columns: list[Column]) -> list[Column]:
    """Those that name somebody, likeliest first."""
    nouns = ("agent", "employee", "owner", "customer", "name")
    return [c for noun in nouns for c in columns if any(related(noun, word) for word in c.words)]


def finds(text: str, value: str) -> bool:
    """Whether folded `text` names the value, be it of several."""
    return re.search(rf"(?<![a-z0-9]){re.escape(fold(value))}s?(?![a-z0-9])", text) is not None
