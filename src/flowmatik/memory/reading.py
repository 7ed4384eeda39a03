"""What is asked of the stored documents; every question names the workspace and, where people ask, on whose
behalf."""

import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, Literal

from flowmatik.contracts.database import Database
from flowmatik.contracts.memory import MemoryStatus, Notice, Search, StoredDocument, TableSource, is_among
from flowmatik.memory import kept_labels
from flowmatik.memory.bulk import listed
from flowmatik.memory.records import Known, Stamp

Format = Literal["csv", "parquet", "sqlite"]
OnBehalf = frozenset[str] | None

_KNOWN = (
    "SELECT d.id, d.source, d.title, d.path, d.content_hash, d.size, d.mtime_ns, d.pipeline, d.derived,"
    " d.chunks, (SELECT count(*) FROM memory_vectors v WHERE v.workspace_id = d.workspace_id"
    " AND v.document = d.id AND v.embedder = $2), d.source_id, d.links = '' FROM memory_documents d"
    " WHERE d.workspace_id = $1"
)
_OPEN = (
    " AND (NOT EXISTS (SELECT 1 FROM memory_acl a WHERE a.workspace_id = d.workspace_id"
    " AND a.document = d.id) OR EXISTS (SELECT 1 FROM memory_acl a WHERE a.workspace_id = d.workspace_id"
    " AND a.document = d.id AND a.principal IN (:list)))"
)
_MOST_PRINCIPALS = 1000


def seen(sql: str, params: tuple[Any, ...], on_behalf: OnBehalf) -> tuple[str, tuple[Any, ...]]:
    """`sql` with its `:seen` as the condition that document `d` may be seen, and all its parameters."""
    if on_behalf is None:
        return sql.replace(":seen", ""), params
    principals = sorted(on_behalf) or [""]  # nobody in particular sees what is everybody's
    ((condition, values),) = listed(_OPEN, principals[:_MOST_PRINCIPALS], len(params) + 1)
    return sql.replace(":seen", condition), (*params, *values)


async def known_documents(database: Database, workspace_id: str, embedder: str) -> dict[str, Known]:
    """By absolute path."""
    rows = await database.fetch(f"{_KNOWN} ORDER BY d.path", workspace_id, embedder)
    return {str(row[3]): _known(row) for row in rows}


async def known_at(database: Database, workspace_id: str, embedder: str, path: str) -> Known | None:
    rows = await database.fetch(f"{_KNOWN} AND d.path = $3", workspace_id, embedder, path)
    return _known(rows[0]) if rows else None


async def known_with(database: Database, workspace_id: str, embedder: str, content_hash: str) -> list[Known]:
    """The documents of this very content."""
    rows = await database.fetch(f"{_KNOWN} AND d.content_hash = $3", workspace_id, embedder, content_hash)
    return [_known(row) for row in rows]


async def free_name(database: Database, workspace_id: str, names: Sequence[str]) -> str:
    """The first of `names` that no document has; the last one when all are taken."""
    for name in names:
        taken = await database.fetch(
            "SELECT 1 FROM memory_documents WHERE workspace_id = $1 AND source = $2", workspace_id, name
        )
        if not taken:
            return name
    return names[-1]


async def missing_sources(
    database: Database, workspace_id: str, sources: Sequence[str], on_behalf: OnBehalf
) -> list[str]:
    """Those that are neither a document's name nor a folder of one."""
    missing: list[str] = []
    for source in sources:
        name = source.rstrip("/")
        sql, params = seen(
            "SELECT 1 FROM memory_documents d WHERE d.workspace_id = $1"
            " AND (d.source = $2 OR (d.source > $3 AND d.source < $4)):seen LIMIT 1",
            (workspace_id, name, f"{name}/", f"{name}0"),  # 0 comes after /
            on_behalf,
        )
        if not await database.fetch(sql, *params):
            missing.append(source)
    return missing


async def not_there(
    database: Database, workspace_id: str, asked: Search, on_behalf: OnBehalf
) -> tuple[Notice, ...]:
    """The sources and languages that a search was confined to and memory has nothing of."""
    told = [
        Notice(
            code="search.no_source",
            text=f"memory has no document, table or folder {one!r}",
            values={"wanted": one},
        )
        for one in await missing_sources(database, workspace_id, asked.sources, on_behalf)
    ]
    for one in asked.languages:
        sql, params = seen(
            "SELECT 1 FROM memory_chunks c JOIN memory_documents d ON d.workspace_id = c.workspace_id"
            " AND d.id = c.document WHERE c.workspace_id = $1 AND c.language = $2:seen LIMIT 1",
            (workspace_id, one),
            on_behalf,
        )
        if not await database.fetch(sql, *params):
            told.append(
                Notice(
                    code="search.no_language",
                    text=f"memory has nothing in the language {one!r}",
                    values={"wanted": one},
                )
            )
    return tuple(told)


async def documents_of(
    database: Database, workspace_id: str, ref: str, on_behalf: OnBehalf = None
) -> list[Known]:
    """Of this id, source or path, or below this folder of sources or paths."""
    below = ref.rstrip("/") + "/"
    sql, params = seen(
        f"{_KNOWN} AND (d.id = $3 OR d.source = $3 OR d.path = $3 OR substr(d.source, 1, $5) = $4"
        " OR substr(d.path, 1, $5) = $4):seen ORDER BY d.source",
        (workspace_id, "", ref, below, len(below)),
        on_behalf,
    )
    return [_known(row) for row in await database.fetch(sql, *params)]


async def underived_below(database: Database, workspace_id: str, path: str, derived: str) -> frozenset[str]:
    """The paths below `path` of documents of which something else is derived than `derived` says."""
    rows = await database.fetch(
        "SELECT path FROM memory_documents WHERE workspace_id = $1 AND path > $2 AND path < $3"
        " AND derived <> $4",
        *(workspace_id, f"{path}/", f"{path}0", derived),  # 0 comes after /
    )
    return frozenset(str(row[0]) for row in rows)


async def documents_below(
    database: Database, workspace_id: str, path: str, embedder: str = ""
) -> list[Known]:
    """Those whose path lies below `path`, by path."""
    sql = f"{_KNOWN} AND d.path > $3 AND d.path < $4 ORDER BY d.path"
    rows = await database.fetch(sql, workspace_id, embedder, f"{path}/", f"{path}0")  # 0 comes after /
    return [_known(row) for row in rows]


async def documents_at(database: Database, workspace_id: str, paths: Sequence[str]) -> list[Known]:
    found: list[Known] = []
    for sql, values in listed(f"{_KNOWN} AND d.path IN (:list)", paths, 3):
        found += [_known(row) for row in await database.fetch(sql, workspace_id, "", *values)]
    return found


async def documents_with(database: Database, workspace_id: str, ids: Sequence[str]) -> list[Known]:
    """By source name."""
    found: list[Known] = []
    for sql, values in listed(f"{_KNOWN} AND d.id IN (:list)", ids, 3):
        found += [_known(row) for row in await database.fetch(sql, workspace_id, "", *values)]
    return sorted(found, key=lambda known: known.source)


async def documents_after(
    database: Database, workspace_id: str, source: str, limit: int, on_behalf: OnBehalf
) -> list[StoredDocument]:
    """By source name."""
    sql, params = seen(
        "SELECT d.id, d.source, d.chunks, d.size, d.source_id, d.tags, d.metadata, d.dated"
        " FROM memory_documents d WHERE d.workspace_id = $1 AND d.source > $2:seen"
        " ORDER BY d.source LIMIT $3",
        (workspace_id, source, limit),
        on_behalf,
    )
    rows = await database.fetch(sql, *params)
    access = await access_of(database, workspace_id, [row[0] for row in rows])
    return [
        StoredDocument(
            id=row[0],
            source=row[1],
            chunks=row[2],
            size_bytes=row[3],
            source_id=row[4],
            tags=tuple(json.loads(row[5])),
            metadata=json.loads(row[6]),
            dated=row[7],
            acl=access.get(row[0], ()),
        )
        for row in rows
    ]


async def hidden_at(
    database: Database, workspace_id: str, paths: Sequence[str], on_behalf: OnBehalf
) -> list[str]:
    """The sources of those documents at `paths` that may not be seen; the names of those files that are no
    documents now, and for others when they are again."""
    if on_behalf is None:
        return []
    found: dict[str, str] = {}
    there: set[str] = set()
    for sql, values in listed(
        "SELECT id, source, path FROM memory_documents WHERE workspace_id = $1 AND path IN (:list)", paths, 2
    ):
        rows = await database.fetch(sql, workspace_id, *values)
        found.update({row[0]: row[1] for row in rows})
        there.update(str(row[2]) for row in rows)
    access = await access_of(database, workspace_id, list(found))
    hidden = [source for one, source in found.items() if one in access and not on_behalf & {*access[one]}]
    kept = await kept_labels.standing_at(database, workspace_id, [one for one in paths if one not in there])
    return [
        *hidden,
        *(
            PurePosixPath(one.path).name
            for one in kept
            if one.labels.acl and not on_behalf & {*one.labels.acl}
        ),
    ]


async def access_of(
    database: Database, workspace_id: str, documents: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Who may see them; everybody sees one that is not there."""
    found: dict[str, tuple[str, ...]] = {}
    for sql, values in listed(
        "SELECT document, principal FROM memory_acl WHERE workspace_id = $1 AND document IN (:list)"
        " ORDER BY document, principal",
        documents,
        2,
    ):
        for document, principal in await database.fetch(sql, workspace_id, *values):
            found[document] = (*found.get(document, ()), principal)
    return found


async def tables(
    database: Database, workspace_id: str, sources: Sequence[str], on_behalf: OnBehalf
) -> list[TableSource]:
    sql, params = seen(
        "SELECT d.source, d.path, t.format, t.table_name, d.content_hash FROM memory_tables t"
        " JOIN memory_documents d ON d.workspace_id = t.workspace_id AND d.id = t.document"
        " WHERE t.workspace_id = $1:seen ORDER BY d.source, t.table_name",
        (workspace_id,),
        on_behalf,
    )
    readable = [row for row in await database.fetch(sql, *params) if os.access(row[1], os.R_OK)]
    files = Counter(PurePosixPath(source).name for source in {row[0] for row in readable})
    return [
        TableSource(
            name=source if files[PurePosixPath(source).name] > 1 else PurePosixPath(source).name,
            path=path,
            format=kind,
            table=table,
            content_hash=digest,
        )
        for source, path, kind, table, digest in readable
        if is_among(source, sources)
    ]


# The inner condition runs along the index alone; the passages of keys that only one has are never looked at.
_NEAR_DUPLICATES = (
    "SELECT count(DISTINCT n.chunk) FROM memory_near n"
    " JOIN memory_chunks o ON o.workspace_id = n.workspace_id AND o.number = n.chunk"
    " JOIN memory_documents d ON d.workspace_id = o.workspace_id AND d.id = o.document"
    " WHERE n.workspace_id = $1:seen AND n.key IN"
    " (SELECT m.key FROM memory_near m"
    " JOIN memory_chunks c ON c.workspace_id = m.workspace_id AND c.number = m.chunk"
    " JOIN memory_documents d ON d.workspace_id = c.workspace_id AND d.id = c.document"
    " WHERE m.workspace_id = $1:seen AND m.key IN (SELECT k.key FROM memory_near k"
    " WHERE k.workspace_id = $1 GROUP BY k.key HAVING count(*) > 1)"
    " GROUP BY m.key HAVING count(DISTINCT c.document) > 1)"
)


async def status(
    database: Database, workspace_id: str, embedder_id: str, on_behalf: OnBehalf
) -> MemoryStatus:
    sql, params = seen(
        "SELECT count(*), coalesce(sum(d.size), 0), coalesce(sum(d.chunks), 0), coalesce(sum((SELECT count(*)"
        " FROM memory_vectors v WHERE v.workspace_id = d.workspace_id AND v.document = d.id"
        " AND v.embedder = $2)), 0), coalesce(sum((SELECT count(*) FROM memory_tables t"
        " WHERE t.workspace_id = d.workspace_id AND t.document = d.id)), 0)"
        " FROM memory_documents d WHERE d.workspace_id = $1:seen",
        (workspace_id, embedder_id),
        on_behalf,
    )
    ((documents, size, chunks, embedded, tables_there),) = await database.fetch(sql, *params)
    near_sql, near_params = seen(_NEAR_DUPLICATES, (workspace_id,), on_behalf)
    ((near_duplicates,),) = await database.fetch(near_sql, *near_params)
    return MemoryStatus(
        documents=documents,
        chunks=int(chunks),
        tables=int(tables_there),
        embedded=int(embedded) if embedder_id else 0,
        embedding_model=embedder_id,
        size_bytes=int(size),
        near_duplicates=int(near_duplicates),
    )


def _known(row: Sequence[Any]) -> Known:
    stamp = Stamp(path=row[3], content_hash=row[4], size=row[5], mtime_ns=row[6])
    return Known(
        id=row[0],
        source=row[1],
        title=row[2],
        stamp=stamp,
        pipeline=row[7],
        derived=row[8],
        chunks=row[9],
        embedded=row[10],
        source_id=row[11],
        unlinked=bool(row[12]),
    )
