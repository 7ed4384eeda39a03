"""One row of a table by a value that no other row has: "the status of order A-0007".

The value is listed among those of a column that repeats none, or looks like an identifier and the
question names what the column is of. What is asked has to be the name of another column.
"""

import re

from flowmatik.integrations.models.local.lexicon import is_filler, related
from flowmatik.integrations.models.local.refusals import NotUnderstood
from flowmatik.integrations.models.local.sheets import Column, Query, Reading, Table, finds, people_in
from flowmatik.integrations.models.local.words import STOP, fold

_CODE = re.compile(r"(?<![\w-])(?=[a-z/_-]*\d)(?=[\d/_-]*[a-z])[a-z0-9]+(?:[-/_][a-z0-9]+)*(?![\w-])")
_KEY = (
    "id",
    "code",
    "number",
    "no",
    "ref",
    "reference",
    "sku",
    "codigo",
    "numero",
    "referencia",
    "matricula",
)
_ALL = re.compile(r"\b(?:how many|number of|total|average|most|least|cuant[oa]s|media|promedio|mas|menos)\b")
# Verbs that say no more than that the row has it.
_HAS = re.compile(r"works?|worked|belongs?|lives?|trabajan?|vive|pertenece|lleva")
# What a question word asks for by itself.
_WHEN = re.compile(r"\b(?:when|cuando)\b")
_WHO = re.compile(r"\b(?:who|quien)\b")
_MUCH = re.compile(r"\b(?:how much|cuanto (?:cuesta|costo|vale|fue|es))\b")


def look_up(text: str, tables: list[Table]) -> Query | None:
    """The query for folded `text`, None when it names no single row."""
    if _ALL.search(text):
        return None
    for table in tables:
        key = _key(text, table)
        if key is not None:
            return _row(text, table, *key)
    return None


def _key(text: str, table: Table) -> tuple[Column, str] | None:
    texts = [c for c in table.columns if not c.numeric and not c.dated]
    for column in texts:
        if column.values and len(column.values) == table.rows and not column.nulls:
            named = [value for value in column.values if len(value) > 2 and finds(text, value)]
            if named and _asked(Reading(text=text), table, column):
                return column, max(named, key=len)
    for match in _CODE.finditer(text):
        code = match[0]
        if len(code) < 5 and "-" not in code:
            continue
        named = re.findall(r"[a-z]+", text[: match.start()])[-2:]
        for column in texts:
            of = [*table.words, *column.words]
            if not column.values and _is_key(column) and any(related(w, word) for w in named for word in of):
                return column, code
    return None


def _is_key(column: Column) -> bool:
    return any(word in _KEY for word in column.words)


def _asked(reading: Reading, table: Table, key: Column) -> list[Column]:
    """The columns that the question names beside the key."""
    others = [c for c in table.columns if c is not key]
    words = [w for w in reading.left if w not in STOP and not _is_of(w, table, key)]
    found = [c for c in others if any(related(w, part) for w in words for part in c.words)]
    if not found and _WHEN.search(reading.text):
        found = [c for c in others if c.dated][:1]
    if not found and _WHO.search(reading.text):
        found = people_in(others)[:1]
    if not found and _MUCH.search(reading.text):
        money = ("amount", "price", "cost", "salary")
        found = [c for noun in money for c in others if c.numeric and any(related(noun, w) for w in c.words)][
            :1
        ]
    return found


def _is_of(word: str, table: Table, key: Column) -> bool:
    return any(related(word, name) for name in [*table.words, *(w for w in key.words if w not in _KEY)])


def _row(text: str, table: Table, key: Column, value: str) -> Query:
    reading = Reading(text=text)
    at = re.search(rf"(?<![a-z0-9]){re.escape(fold(value))}", text)
    if at:
        reading.cut(*at.span())
    asked = _asked(reading, table, key)
    if not asked:
        raise NotUnderstood("column", names=tuple(c.name for c in table.columns if c is not key))
    reading.explain(*table.words, *key.words, *(word for column in asked for word in column.words))
    said = [w for w in reading.left if len(w) > 1 and w not in STOP and not _HAS.fullmatch(w)]
    unknown = [w for w in said if not is_filler(w)]
    if unknown:
        raise NotUnderstood("words", words=tuple(dict.fromkeys(unknown)))
    columns = ", ".join(column.sql for column in (key, *asked))
    said = value.replace("'", "''")
    only = f"lower({key.sql}) = lower('{said}')"
    sql = f"SELECT {columns} FROM {table.table} WHERE {only} LIMIT 2"
    return Query(sql=sql, aggregate="row", label=", ".join(column.name for column in asked))
