"""`PgvectorIndex`: every vector is compared, or, in a workspace of very many, those that its HNSW index leads
to.

Vectors are of length 1, so that the inner product is the cosine; that of zeros is 0, while pgvector's own
cosine of them is no number and its index leaves them out.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from flowmatik.contracts.database import Database, Row, Statement
from flowmatik.contracts.indexes import EVERYTHING, Filter
from flowmatik.contracts.table_owner import TableOwner
from flowmatik.contracts.vector_indexes import Held, Scored, Vector, VectorRow
from flowmatik.kernel.errors import ConfigurationError, JournalUnavailable
from flowmatik.memory.index_faults import away, unprepared
from flowmatik.memory.vector_indexes.terms import (
    Asked,
    asked,
    check_length,
    key,
    keys,
    moment,
    seen_by,
    under,
    unit,
)

ID = "pgvector"
LEAST = (0, 8, 4)  # before it, vacuuming could damage an HNSW index, and filtered scans ended too soon
_WIDEST = 2000  # numbers that HNSW indexes of `vector` take
_AT_ONCE = 500
_SCHEMA = Path(__file__).with_name("schema.sql")
_SPACE = "SELECT embedder, dimension, position, indexed FROM memory_embedding_spaces WHERE workspace_id = $1"
_PREPARE = (
    "INSERT INTO memory_embedding_spaces (workspace_id, embedder, dimension) VALUES ($1, $2, $3)"
    " ON CONFLICT (workspace_id) DO UPDATE SET embedder = excluded.embedder, dimension = excluded.dimension,"
    " position = 0, indexed = false"
)
_EMPTY = "DELETE FROM memory_embeddings WHERE workspace_id = $1"
_ROWS = (
    "INSERT INTO memory_embeddings (workspace_id, chunk, document, below, acl, tags, moment, embedding)"
    " SELECT $1, r.chunk, r.document, ARRAY(SELECT jsonb_array_elements_text(r.below)),"
    " ARRAY(SELECT jsonb_array_elements_text(r.acl)), ARRAY(SELECT jsonb_array_elements_text(r.tags)),"
    " r.moment, r.embedding::vector FROM jsonb_to_recordset($2::text::jsonb) AS r(chunk text, document text,"
    " below jsonb, acl jsonb, tags jsonb, moment bigint, embedding text)"
    " ON CONFLICT (workspace_id, chunk) DO UPDATE SET document = excluded.document, below = excluded.below,"
    " acl = excluded.acl, tags = excluded.tags, moment = excluded.moment, embedding = excluded.embedding"
)
_EXACT = (
    "SELECT chunk, -(embedding <#> $2::text::vector) FROM memory_embeddings WHERE workspace_id = $1"
    " AND ($3::text[] IS NULL OR below && $3::text[]) AND ($4::text[] IS NULL OR acl && $4::text[])"
    " AND ($5::text[] IS NULL OR tags && $5::text[])"
    " AND ($6::bigint IS NULL OR moment BETWEEN $6::bigint AND $7::bigint)"
    " ORDER BY embedding <#> $2::text::vector, chunk LIMIT $8"
)
_NEAR = (
    "SELECT found_chunk, score FROM memory_embeddings_near($1, $2::text, $3::int, $4::int, $5::text[],"
    " $6::text[], $7::text[], $8::bigint, $9::bigint)"
)
_SCORES = (
    "SELECT chunk, -(embedding <#> $2::text::vector) FROM memory_embeddings WHERE workspace_id = $1"
    " AND chunk = ANY($3::text[])"
)
_PAGE = "SELECT chunk FROM memory_embeddings WHERE workspace_id = $1 AND chunk > $2 ORDER BY chunk LIMIT $3"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Space:
    embedder: str
    dimension: int
    position: int
    indexed: bool


class PgvectorIndex:
    """Implements `VectorIndex`. An HNSW index is made by whoever brings a workspace above `exact_up_to`
    passages up to date, while it is searched and written; 0 for never, and then search is exact."""

    id = ID

    def __init__(self, database: Database, owner: TableOwner, exact_up_to: int) -> None:
        self._database = database
        self._owner = owner
        self._exact_up_to = exact_up_to
        self._version = ""
        self.exact = not exact_up_to

    async def prepare(self, workspace_id: str, embedder_id: str, dimension: int) -> None:
        found = await self._space(workspace_id)
        if found is not None and (found.embedder, found.dimension) == (embedder_id, dimension):
            return
        await self._change(
            workspace_id,
            (_EMPTY, (workspace_id,)),
            (_PREPARE, (workspace_id, embedder_id, dimension)),
        )
        if found is not None and found.indexed:
            await self._run(_unindexed(workspace_id))

    async def held(self, workspace_id: str) -> Held:
        found = await self._space(workspace_id)
        if found is None:
            return Held()
        return Held(embedder=found.embedder, dimension=found.dimension, position=found.position)

    async def advance(self, workspace_id: str, position: int) -> None:
        sql = "UPDATE memory_embedding_spaces SET position = $2 WHERE workspace_id = $1"
        await self._change(workspace_id, (sql, (workspace_id, position)))
        space = await self._space(workspace_id)
        if space is None or space.indexed or not self._may_index(space.dimension):
            return
        if await self.count(workspace_id) > self._exact_up_to:
            await self._run(_unindexed(workspace_id))  # of one that died at it
            await self._run(_indexed(workspace_id, space.dimension))
            done = "UPDATE memory_embedding_spaces SET indexed = true WHERE workspace_id = $1"
            await self._change(workspace_id, (done, (workspace_id,)))

    async def upsert(self, workspace_id: str, rows: Sequence[VectorRow]) -> None:
        space = await self._prepared(workspace_id)
        for row in rows:
            check_length(row.vector, space.dimension, ID)
        latest = list({row.chunk: row for row in rows}.values())
        for at in range(0, len(latest), _AT_ONCE):
            records = [_record(row) for row in latest[at : at + _AT_ONCE]]
            await self._change(workspace_id, (_ROWS, (workspace_id, json.dumps(records))))

    async def delete(self, workspace_id: str, chunks: Sequence[str]) -> None:
        sql = "DELETE FROM memory_embeddings WHERE workspace_id = $1 AND chunk = ANY($2::text[])"
        await self._change(workspace_id, (sql, (workspace_id, list(chunks))))

    async def delete_documents(self, workspace_id: str, documents: Sequence[str]) -> None:
        sql = "DELETE FROM memory_embeddings WHERE workspace_id = $1 AND document = ANY($2::text[])"
        await self._change(workspace_id, (sql, (workspace_id, [key(one) for one in documents])))

    async def search(
        self, workspace_id: str, vector: Vector, limit: int, where: Filter = EVERYTHING
    ) -> list[Scored]:
        space = await self._prepared(workspace_id)
        check_length(vector, space.dimension, ID)
        question, condition = _written(vector), _values(asked(where))
        found: list[Row] = []
        if space.indexed:
            found = await self._fetch(workspace_id, _NEAR, question, space.dimension, limit, *condition)
        if len(found) < limit:  # few fulfil the condition: all of them are compared
            found = await self._fetch(workspace_id, _EXACT, question, *condition, limit)
        return sorted(((str(one), float(score)) for one, score in found), key=lambda one: (-one[1], one[0]))

    async def scores(self, workspace_id: str, vector: Vector, chunks: Sequence[str]) -> dict[str, float]:
        space = await self._prepared(workspace_id)
        check_length(vector, space.dimension, ID)
        found = await self._fetch(workspace_id, _SCORES, _written(vector), list(chunks))
        return {str(chunk): float(score) for chunk, score in found}

    async def ids(self, workspace_id: str, *, after: str = "", limit: int = 1000) -> list[str]:
        return [str(row[0]) for row in await self._fetch(workspace_id, _PAGE, after, limit)]

    async def count(self, workspace_id: str) -> int:
        sql = "SELECT count(*) FROM memory_embeddings WHERE workspace_id = $1"
        return int((await self._fetch(workspace_id, sql))[0][0])

    async def drop(self, workspace_id: str) -> None:
        found = await self._space(workspace_id)
        gone = "DELETE FROM memory_embedding_spaces WHERE workspace_id = $1"
        await self._change(workspace_id, (_EMPTY, (workspace_id,)), (gone, (workspace_id,)))
        if found is not None and found.indexed:
            await self._run(_unindexed(workspace_id))

    async def purge(self) -> bool:
        """Done with memory's own tables, whose names begin alike (`stores.vacuum.rewrite`), by their owner:
        from here it cannot be."""
        return False

    async def health(self) -> str:
        await self._ready()
        await self._within(self._database.fetch("SELECT 1 FROM memory_embedding_spaces LIMIT 1"))
        if _numbers(self._version) < LEAST:
            return f"{self._version} (exact search only, because it is older than 0.8.4)"
        return self._version

    async def close(self) -> None:
        """The database is its owner's."""

    def _may_index(self, dimension: int) -> bool:
        return bool(self._exact_up_to) and dimension <= _WIDEST and _numbers(self._version) >= LEAST

    async def _prepared(self, workspace_id: str) -> _Space:
        found = await self._space(workspace_id)
        if found is None:
            raise unprepared(ID, workspace_id)
        return found

    async def _space(self, workspace_id: str) -> _Space | None:
        for embedder, dimension, position, indexed in await self._fetch(workspace_id, _SPACE):
            return _Space(
                embedder=str(embedder),
                dimension=int(dimension),
                position=int(position),
                indexed=bool(indexed),
            )
        return None

    async def _fetch(self, workspace_id: str, sql: str, *values: Any) -> list[Row]:
        await self._ready()
        return await self._within(self._database.within(workspace_id).fetch(sql, workspace_id, *values))

    async def _change(self, workspace_id: str, *statements: Statement) -> None:
        await self._ready()
        await self._within(self._database.within(workspace_id).transaction(statements))

    async def _run(self, script: str) -> None:
        await self._within(self._owner.run(script))

    async def _ready(self) -> None:
        """The extension is there, and the tables are. Raises ConfigurationError."""
        if self._version:
            return
        found = await self._within(
            self._database.fetch(
                "SELECT extversion, to_regclass('memory_embeddings') IS NOT NULL FROM pg_extension"
                " WHERE extname = 'vector'"
            )
        )
        if not found:
            raise ConfigurationError(
                "the index 'pgvector' needs the extension vector in the platform's database; install pgvector"
                " on its server, and as a superuser run there: CREATE EXTENSION vector",
                code="config.index.extension",
                context={"index": ID, "extension": "vector"},
            )
        version, made = found[0]
        if not made:
            await self._run(await asyncio.to_thread(_SCHEMA.read_text, encoding="utf-8"))
        self._version = str(version)

    async def _within(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except JournalUnavailable as error:
            raise away(ID, type(error.__cause__).__name__) from error


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _index(workspace_id: str) -> str:
    return f"memory_embeddings_hnsw_{key(workspace_id)}"


def _unindexed(workspace_id: str) -> str:
    return f"DROP INDEX CONCURRENTLY IF EXISTS {_index(workspace_id)}"


def _indexed(workspace_id: str, dimension: int) -> str:
    quoted = workspace_id.replace("'", "''")
    return (
        f"CREATE INDEX CONCURRENTLY {_index(workspace_id)} ON memory_embeddings USING hnsw"
        f" ((embedding::vector({dimension})) vector_ip_ops) WHERE workspace_id = '{quoted}'"
    )


def _written(vector: Vector) -> str:
    return json.dumps(np.asarray(unit(vector), dtype=np.float64).tolist())


def _values(question: Asked) -> tuple[Any, ...]:
    first, last = question.moments or (None, None)

    def listed(texts: tuple[str, ...] | None) -> list[str] | None:
        return None if texts is None else list(texts)

    return listed(question.under), listed(question.acl), listed(question.tags), first, last


def _record(row: VectorRow) -> dict[str, object]:
    return {
        "chunk": row.chunk,
        "document": key(row.document),
        "below": under(row.source),
        "acl": seen_by(row.acl),
        "tags": keys(row.tags),
        "moment": moment(row.dated),
        "embedding": _written(row.vector),
    }
