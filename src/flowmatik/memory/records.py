"""The rows of the memory file and the statements on them; every one takes the workspace."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flowmatik.kernel.sqlite import Connection

PIPELINE = "3"  # raise it when parsing, chunking or analysis change: the next sync rebuilds

Offsets = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What a file looked like. `mtime_ns` 0 means: hash it again next time."""

    path: str
    content_hash: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A document as the last sync left it."""

    id: str
    source: str
    title: str
    stamp: Stamp
    pipeline: str
    embedder: str
    chunks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkRecord:
    """`near_keys` are those of `near.keys`; `near` is the id of the first passage of the same document that
    says nearly the same, "" for one that is new."""

    start: int
    end: int
    lines: tuple[int, int] | None
    page: int | None
    heading: str
    language: str
    terms: tuple[str, ...]
    vector: bytes | None
    near_keys: tuple[int, ...] = ()
    near: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRecord:
    id: str
    source: str
    stamp: Stamp
    title: str
    language: str
    effective: str
    version: str
    replaces: tuple[str, ...]
    embedder: str
    text: str
    lines: Offsets
    pages: tuple[int, ...]
    ingested_at: str
    chunks: tuple[ChunkRecord, ...]
    table_format: str
    tables: tuple[str, ...]
    near_keys: tuple[int, ...] = ()


def context_of(title: str, heading: str, text: str) -> str:
    """A passage with the title and headings under which it is indexed and embedded."""
    under = heading if heading.startswith(title) else f"{title} > {heading}"
    return f"{under.removesuffix(' > ')}\n{text}"


_KNOWN = (
    "SELECT d.id, d.source, d.title, d.path, d.content_hash, d.size, d.mtime_ns, d.pipeline, d.embedder,"
    " (SELECT count(*) FROM chunks c WHERE c.document_id = d.id) FROM documents d WHERE d.workspace_id = ?1"
)


def known_documents(connection: Connection, workspace_id: str) -> dict[str, Known]:
    """By absolute path."""
    rows = connection.execute(f"{_KNOWN} ORDER BY d.path", (workspace_id,)).fetchall()
    return {str(row[3]): _known(row) for row in rows}


def known_at(connection: Connection, workspace_id: str, path: str) -> Known | None:
    row = connection.execute(f"{_KNOWN} AND d.path = ?2", (workspace_id, path)).fetchone()
    return _known(row) if row else None


def known_with(connection: Connection, workspace_id: str, content_hash: str) -> list[Known]:
    """The documents of this very content."""
    rows = connection.execute(f"{_KNOWN} AND d.content_hash = ?2", (workspace_id, content_hash)).fetchall()
    return [_known(row) for row in rows]


def free_name(connection: Connection, workspace_id: str, names: Sequence[str]) -> str:
    """The first of `names` that no document has; the last one when all are taken."""
    for name in names:
        taken = connection.execute(
            "SELECT 1 FROM documents WHERE workspace_id = ? AND source = ?", (workspace_id, name)
        ).fetchone()
        if taken is None:
            return name
    return names[-1]


def missing_sources(connection: Connection, workspace_id: str, sources: Sequence[str]) -> list[str]:
    """Those that are neither a document's name nor a folder of one."""
    missing: list[str] = []
    for source in sources:
        name = source.rstrip("/")
        found = connection.execute(
            "SELECT 1 FROM documents WHERE workspace_id = ?1"
            " AND (source = ?2 OR (source > ?2 || '/' AND source < ?2 || '0')) LIMIT 1",  # 0 comes after /
            (workspace_id, name),
        ).fetchone()
        if found is None:
            missing.append(source)
    return missing


def _known(row: Sequence[Any]) -> Known:
    stamp = Stamp(path=row[3], content_hash=row[4], size=row[5], mtime_ns=row[6])
    return Known(
        id=row[0], source=row[1], title=row[2], stamp=stamp, pipeline=row[7], embedder=row[8], chunks=row[9]
    )


def replace_document(connection: Connection, workspace_id: str, record: DocumentRecord) -> None:
    """The document with exactly these chunks and tables, whatever it had before."""
    delete_document(connection, workspace_id, record.id)
    stamp = record.stamp
    connection.execute(
        "INSERT INTO documents (id, workspace_id, path, source, title, language, effective, version,"
        " replaces, content_hash, size, mtime_ns, pipeline, embedder, text, lines, pages, ingested_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(record.id, workspace_id, stamp.path, record.source, record.title, record.language),
            *(record.effective, record.version, json.dumps(record.replaces), stamp.content_hash),
            *(stamp.size, stamp.mtime_ns, PIPELINE, record.embedder, record.text),
            *(json.dumps(record.lines), json.dumps(record.pages), record.ingested_at),
        ),
    )
    _insert_chunks(connection, workspace_id, record)
    connection.executemany(
        "INSERT INTO tables (workspace_id, document_id, format, table_name) VALUES (?, ?, ?, ?)",
        [(workspace_id, record.id, record.table_format, name) for name in record.tables],
    )


def _insert_chunks(connection: Connection, workspace_id: str, record: DocumentRecord) -> None:
    seen: Counter[str] = Counter()
    for chunk in record.chunks:
        text = record.text[chunk.start : chunk.end]
        seen[text] += 1
        lines = chunk.lines or (None, None)
        cursor = connection.execute(
            'INSERT INTO chunks (id, workspace_id, document_id, start, "end", line_from, line_to, page,'
            " heading, language, terms, vector) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(chunk_id(record.id, text, seen[text]), workspace_id, record.id, chunk.start, chunk.end),
                *(*lines, chunk.page, chunk.heading, chunk.language, len(chunk.terms), chunk.vector),
            ),
        )
        row = cursor.lastrowid
        connection.executemany(
            "INSERT INTO postings (workspace_id, term, chunk, frequency) VALUES (?, ?, ?, ?)",
            [(workspace_id, term, row, count) for term, count in Counter(chunk.terms).items()],
        )


def chunk_id(document_id: str, text: str, occurrence: int) -> str:
    """The same for the same text in the same document, so that a citation survives an edit
    elsewhere in the file."""
    digest = hashlib.sha256(f"{document_id}\x00{occurrence}\x00{text}".encode()).hexdigest()
    return f"chk_{digest[:32]}"


def documents_of(connection: Connection, workspace_id: str, ref: str) -> list[Known]:
    """Of this id, source or path, or below this folder of sources or paths."""
    below = ref.rstrip("/") + "/"
    rows = connection.execute(
        f"{_KNOWN} AND (d.id = ?2 OR d.source = ?2 OR d.path = ?2 OR substr(d.source, 1, length(?3)) = ?3"
        " OR substr(d.path, 1, length(?3)) = ?3) ORDER BY d.source",
        (workspace_id, ref, below),
    ).fetchall()
    return [_known(row) for row in rows]


def documents_after(connection: Connection, workspace_id: str, source: str, limit: int) -> list[Known]:
    """By source name."""
    rows = connection.execute(
        f"{_KNOWN} AND d.source > ?2 ORDER BY d.source LIMIT ?3", (workspace_id, source, limit)
    ).fetchall()
    return [_known(row) for row in rows]


def delete_documents(connection: Connection, workspace_id: str, document_ids: Sequence[str]) -> None:
    for document_id in document_ids:
        delete_document(connection, workspace_id, document_id)


def delete_document(connection: Connection, workspace_id: str, document_id: str) -> None:
    """With its chunks, postings and tables (foreign keys); nothing happens when it is gone."""
    connection.execute("DELETE FROM documents WHERE workspace_id = ? AND id = ?", (workspace_id, document_id))
    touch(connection, workspace_id)


def restamp(connection: Connection, workspace_id: str, document_id: str, source: str, stamp: Stamp) -> None:
    """The same content at a new path, under a new name, or with a new time."""
    connection.execute(
        "UPDATE documents SET path = ?, source = ?, size = ?, mtime_ns = ? WHERE workspace_id = ? AND id = ?",
        (stamp.path, source, stamp.size, stamp.mtime_ns, workspace_id, document_id),
    )
    touch(connection, workspace_id)


def touch(connection: Connection, workspace_id: str) -> None:
    connection.execute(
        "INSERT INTO workspaces (workspace_id, revision) VALUES (?, 1)"
        " ON CONFLICT (workspace_id) DO UPDATE SET revision = revision + 1",
        (workspace_id,),
    )


def revision(connection: Connection, workspace_id: str) -> int:
    row = connection.execute(
        "SELECT revision FROM workspaces WHERE workspace_id = ?", (workspace_id,)
    ).fetchone()
    return int(row[0]) if row else 0
