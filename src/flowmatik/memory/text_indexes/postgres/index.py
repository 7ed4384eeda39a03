"""The index over its two tables."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from flowmatik.contracts.database import Database, Statement
from flowmatik.contracts.indexes import Filter
from flowmatik.contracts.text_indexes import Asked, TextHit, TextRow
from flowmatik.memory.bm25 import Postings, ranked

_AT_ONCE = 500
_MOST = 255  # positions of one term
_LOCKED = (
    "INSERT INTO memory_words_totals AS t (workspace_id) VALUES ($1)"
    " ON CONFLICT (workspace_id) DO UPDATE SET passages = t.passages"
)
_LESS = (
    "UPDATE memory_words_totals t SET passages = t.passages - g.passages, length = t.length - g.length FROM"
    " (SELECT count(*) AS passages, coalesce(sum(length), 0) AS length FROM memory_words"
    " WHERE workspace_id = $1 AND {which}) g WHERE t.workspace_id = $1"
)
_GONE = "DELETE FROM memory_words WHERE workspace_id = $1 AND {which}"
_MORE = (
    "UPDATE memory_words_totals SET passages = passages + $2, length = length + $3 WHERE workspace_id = $1"
)
_ROWS = (
    "INSERT INTO memory_words (workspace_id, chunk, document, source, dated, acl, tags, length, terms)"
    " SELECT $1, r.chunk, r.document, r.source, r.dated, ARRAY(SELECT jsonb_array_elements_text(r.acl)),"
    " ARRAY(SELECT jsonb_array_elements_text(r.tags)), r.length, r.terms::tsvector"
    " FROM jsonb_to_recordset($2::text::jsonb) AS r(chunk text, document text, source text, dated text,"
    " acl jsonb, tags jsonb, length bigint, terms text)"
)
_CHUNKS = "chunk = ANY($2::text[])"
_DOCUMENTS = "document = ANY($2::text[]) AND NOT chunk = ANY($3::text[])"
_WORD = (
    "SELECT chunk, length, (SELECT max(cardinality(u.positions)) FROM unnest(terms) u"
    " WHERE u.lexeme = ANY($2::text[])) FROM memory_words"
    " WHERE workspace_id = $1 AND terms @@ $3::text::tsquery"
)


class PostgresTextIndex:
    """As `TextIndex` promises. Writers of one workspace wait for each other."""

    id = "postgres"

    def __init__(self, database: Database) -> None:
        self._database = database

    async def upsert(self, workspace_id: str, rows: Sequence[TextRow]) -> None:
        latest = list({row.chunk: row for row in rows}.values())
        for at in range(0, len(latest), _AT_ONCE):
            part = latest[at : at + _AT_ONCE]
            total = sum(len(row.terms) for row in part)
            await self._change(
                workspace_id,
                *_without(workspace_id, _CHUNKS, [row.chunk for row in part]),
                (_ROWS, (workspace_id, json.dumps([_record(row) for row in part]))),
                (_MORE, (workspace_id, len(part), total)),
            )

    async def delete(self, workspace_id: str, chunks: Sequence[str]) -> None:
        await self._change(workspace_id, *_without(workspace_id, _CHUNKS, list(chunks)))

    async def delete_documents(
        self, workspace_id: str, documents: Sequence[str], keep: Sequence[str] = ()
    ) -> None:
        await self._change(workspace_id, *_without(workspace_id, _DOCUMENTS, list(documents), list(keep)))

    async def search(self, workspace_id: str, asked: Asked, limit: int, where: Filter) -> list[TextHit]:
        database = self._database.within(workspace_id)
        condition, values = _condition(where, 2)
        if condition:
            sql = "SELECT count(*), coalesce(sum(length), 0) FROM memory_words WHERE workspace_id = $1"
        else:
            sql = "SELECT passages, length FROM memory_words_totals WHERE workspace_id = $1"
        totals = await database.fetch(sql + condition, workspace_id, *values)
        if not totals or not totals[0][0]:
            return []
        words = [await _word(database, workspace_id, group, where) for group in asked]
        return ranked(words, int(totals[0][0]), int(totals[0][1]), limit)

    async def ids(self, workspace_id: str, after: str = "", limit: int = 1000) -> list[str]:
        sql = "SELECT chunk FROM memory_words WHERE workspace_id = $1 AND chunk > $2 ORDER BY chunk LIMIT $3"
        rows = await self._database.within(workspace_id).fetch(sql, workspace_id, after, limit)
        return [str(row[0]) for row in rows]

    async def count(self, workspace_id: str) -> int:
        sql = "SELECT count(*) FROM memory_words WHERE workspace_id = $1"
        return int((await self._database.within(workspace_id).fetch(sql, workspace_id))[0][0])

    async def position(self, workspace_id: str) -> int:
        sql = "SELECT position FROM memory_words_totals WHERE workspace_id = $1"
        rows = await self._database.within(workspace_id).fetch(sql, workspace_id)
        return int(rows[0][0]) if rows else 0

    async def settle(self, workspace_id: str, position: int) -> None:
        sql = "UPDATE memory_words_totals SET position = $2 WHERE workspace_id = $1"
        await self._change(workspace_id, (sql, (workspace_id, position)))

    async def drop(self, workspace_id: str) -> None:
        await self._change(
            workspace_id,
            ("DELETE FROM memory_words WHERE workspace_id = $1", (workspace_id,)),
            ("DELETE FROM memory_words_totals WHERE workspace_id = $1", (workspace_id,)),
        )

    async def purge(self, workspace_id: str) -> bool:
        """Done with memory's own tables, whose names begin alike (`stores.vacuum.rewrite`), by their owner:
        from here it cannot be."""
        del workspace_id
        return False

    async def health(self) -> None:
        await self._database.fetch("SELECT count(*) FROM memory_words_totals")

    async def close(self) -> None:
        """The database is its owner's."""

    async def _change(self, workspace_id: str, *statements: Statement) -> None:
        locked: Statement = (_LOCKED, (workspace_id,))
        await self._database.within(workspace_id).transaction([locked, *statements])


def _without(workspace_id: str, which: str, *values: list[str]) -> list[Statement]:
    return [(sql.replace("{which}", which), (workspace_id, *values)) for sql in (_LESS, _GONE)]


def _record(row: TextRow) -> dict[str, object]:
    counts = Counter(row.terms)
    terms = (
        f"{_quoted(term)}:{','.join(map(str, range(1, min(n, _MOST) + 1)))}" for term, n in counts.items()
    )
    return {
        "chunk": row.chunk,
        "document": row.document,
        "source": row.source,
        "dated": row.dated,
        "acl": sorted(set(row.acl)),
        "tags": sorted(set(row.tags)),
        "length": len(row.terms),
        "terms": " ".join(terms),
    }


def _quoted(term: str) -> str:
    """As a lexeme of a `tsvector` or `tsquery` is written."""
    doubled = term.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"


async def _word(database: Database, workspace_id: str, terms: Sequence[str], where: Filter) -> Postings:
    condition, values = _condition(where, 4)
    query = " | ".join(map(_quoted, terms))
    rows = await database.fetch(_WORD + condition, workspace_id, list(terms), query, *values)
    return {str(row[0]): (int(row[1]), int(row[2])) for row in rows}


def _condition(where: Filter, first: int) -> tuple[str, tuple[Any, ...]]:
    """What follows a WHERE, and its parameters from `$first`."""
    parts: list[str] = []
    values: list[Any] = []

    def mark(value: object) -> str:
        values.append(value)
        return f"${first + len(values) - 1}"

    if where.sources:
        names = [one.rstrip("/") for one in where.sources]
        exact = mark(names)
        below = [f"source >= {mark(f'{name}/')} AND source < {mark(f'{name}0')}" for name in names]
        parts.append(f"(source = ANY({exact}::text[]) OR {' OR '.join(below)})")  # 0 follows /
    if where.principals is not None:
        parts.append(f"(acl = '{{}}' OR acl && {mark(sorted(where.principals))}::text[])")
    if where.tags:
        parts.append(f"tags && {mark(list(where.tags))}::text[]")
    if where.dated_from or where.until:
        parts.append("dated <> ''")
        parts.append(f"dated >= {mark(where.dated_from)}")
    if where.until:
        parts.append(f"dated <= {mark(where.until)}")
    return "".join(f" AND {part}" for part in parts), tuple(values)
