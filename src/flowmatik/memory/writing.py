"""What is written together: the statements that store, move, label and erase a document.

Each list begins with the workspace's row: it raises the revision and, on a store with several writers, holds
them off until the transaction ends, so that reference counts and the order of changes are right.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flowmatik.contracts.database import Statement
from flowmatik.contracts.memory import DocumentLabels
from flowmatik.memory.bulk import inserts
from flowmatik.memory.derived import (
    NOTHING_SUPPLIED,
    Document,
    Numbered,
    Supplied,
    derived_rows,
    underived,
)
from flowmatik.memory.linking import MOST_LINKS, as_kept, base_of, within
from flowmatik.memory.records import PIPELINE, ChunkRecord, DocumentRecord, Stamp, chunk_id

_DOCUMENT = (
    *("workspace_id", "id", "source_id", "path", "source", "title", "language", "effective", "version"),
    *("replaces", "dated", "tags", "metadata", "content_hash", "size", "mtime_ns", "pipeline", "derived"),
    *("text", "lines", "pages", "chunks", "ingested_at", "links"),
)
_KEPT = frozenset(("workspace_id", "id", "tags", "metadata", "dated"))  # what a new version need not change
_CHUNK = (
    *("workspace_id", "number", "id", "document", "start_at", "end_at", "line_from", "line_to", "page"),
    *("heading", "language", "terms"),
)


def touched(workspace_id: str) -> Statement:
    return (
        "INSERT INTO memory_workspaces (workspace_id, revision) VALUES ($1, 1)"
        " ON CONFLICT (workspace_id) DO UPDATE SET revision = memory_workspaces.revision + 1",
        (workspace_id,),
    )


def noted(workspace_id: str, document_id: str, change: str) -> Statement:
    """For indexes outside: at the revision that the transaction has made."""
    return (
        "INSERT INTO memory_outbox (workspace_id, document, position, change)"
        " SELECT workspace_id, $2, revision, $3 FROM memory_workspaces WHERE workspace_id = $1"
        " ON CONFLICT (workspace_id, document) DO UPDATE SET position = excluded.position,"
        " change = excluded.change",
        (workspace_id, document_id, change),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """What was handed over: a folder, a single file, the folder of uploads."""

    kind: str
    name: str
    location: str

    def id_in(self, workspace_id: str) -> str:
        digest = hashlib.sha256(f"{workspace_id}\x00{self.location}".encode()).hexdigest()
        return f"src_{digest[:32]}"


def stored(
    workspace_id: str,
    record: DocumentRecord,
    source: SourceRow,
    first: int,
    supplied: Supplied = NOTHING_SUPPLIED,
    labels: DocumentLabels | None = None,
) -> list[Statement]:
    """The document with exactly these passages and tables, whatever it had before; its labels stay. `first`
    is the first of as many numbers as it has passages, which nobody else has. `labels` say where it is from.
    """
    source_id = source.id_in(workspace_id)
    return [
        touched(workspace_id),
        (
            "INSERT INTO memory_sources (workspace_id, id, kind, name, location, added_at)"
            " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (workspace_id, id) DO NOTHING",
            (workspace_id, source_id, source.kind, source.name, source.location, record.ingested_at),
        ),
        *underived(workspace_id, record.id),
        *(
            (sql, (workspace_id, record.id))
            for sql in (
                "DELETE FROM memory_chunks WHERE workspace_id = $1 AND document = $2",
                "DELETE FROM memory_tables WHERE workspace_id = $1 AND document = $2",
            )
        ),
        _document(workspace_id, record, source_id, supplied),
        *_chunks(_document_of(workspace_id, record, source, labels, supplied), record, first),
        *inserts(
            "memory_tables",
            ("workspace_id", "document", "format", "table_name"),
            [(workspace_id, record.id, record.table_format, name) for name in record.tables],
        ),
        noted(workspace_id, record.id, "stored"),
    ]


def _document(workspace_id: str, record: DocumentRecord, source_id: str, supplied: Supplied) -> Statement:
    stamp = record.stamp
    row = (
        *(workspace_id, record.id, source_id, stamp.path, record.source, record.title, record.language),
        *(record.effective, record.version, json.dumps(record.replaces), record.dated or record.effective),
        *("[]", "{}", stamp.content_hash, stamp.size, stamp.mtime_ns, PIPELINE, supplied.derived),
        *(record.text, json.dumps(record.lines), json.dumps(record.pages), len(record.chunks)),
        *(record.ingested_at, as_kept(record.links)),
    )
    news = ", ".join(f"{name} = excluded.{name}" for name in _DOCUMENT if name not in _KEPT)
    dated = "dated = CASE WHEN excluded.dated = '' THEN memory_documents.dated ELSE excluded.dated END"
    (statement,) = inserts(
        "memory_documents", _DOCUMENT, [row], f"ON CONFLICT (workspace_id, id) DO UPDATE SET {news}, {dated}"
    )
    return statement


def _document_of(
    workspace_id: str,
    record: DocumentRecord,
    source: SourceRow,
    labels: DocumentLabels | None,
    supplied: Supplied,
) -> Document:
    metadata = json.dumps(dict(labels.metadata)) if labels else ""
    return Document(
        workspace_id=workspace_id,
        id=record.id,
        title=record.title,
        is_table=bool(record.tables),
        base=base_of(record.stamp.path, (source.kind, source.location), metadata),
        gazetteer=supplied.gazetteer,
    )


def _chunks(document: Document, record: DocumentRecord, first: int) -> Iterator[Statement]:
    workspace_id, links = document.workspace_id, sorted(record.links[:MOST_LINKS])
    seen: Counter[str] = Counter()
    rows: list[tuple[object, ...]] = []
    numbered: list[Numbered] = []
    for number, chunk in enumerate(record.chunks, first):
        text = record.text[chunk.start : chunk.end]
        seen[text] += 1
        rows.append((
            *(workspace_id, number, chunk_id(record.id, text, seen[text]), record.id, chunk.start, chunk.end),
            *(*(chunk.lines or (None, None)), chunk.page, chunk.heading, chunk.language, len(chunk.terms)),
        ))  # fmt: skip
        numbered.append(_numbered(number, text, chunk, within(links, chunk.start, chunk.end)))
    yield from inserts("memory_chunks", _CHUNK, rows)
    yield from derived_rows(document, numbered)
    vectors = {n: c.vector for n, c in enumerate(record.chunks, first) if c.vector is not None}
    if vectors:
        yield from with_vectors(
            workspace_id, record.embedder, [(n, record.id, v) for n, v in vectors.items()]
        )
        yield (
            "UPDATE memory_workspaces SET embedder = $2 WHERE workspace_id = $1 AND NOT EXISTS (SELECT 1"
            " FROM memory_vectors v WHERE v.workspace_id = $1 AND v.embedder = memory_workspaces.embedder)",
            (workspace_id, record.embedder),
        )


def _numbered(number: int, text: str, chunk: ChunkRecord, links: tuple[str, ...]) -> Numbered:
    return Numbered(
        number=number,
        text=text,
        heading=chunk.heading,
        language=chunk.language,
        terms=chunk.terms,
        near_keys=chunk.near_keys,
        links=links,
    )


def with_vectors(
    workspace_id: str, embedder_id: str, vectors: Sequence[tuple[int, str, bytes]]
) -> Iterator[Statement]:
    """Of passages by number, with their document."""
    return inserts(
        "memory_vectors",
        ("workspace_id", "chunk", "embedder", "document", "vector"),
        [(workspace_id, number, embedder_id, document, vector) for number, document, vector in vectors],
        "ON CONFLICT (workspace_id, chunk, embedder) DO UPDATE SET vector = excluded.vector",
    )


def erased(workspace_id: str, document_id: str) -> list[Statement]:
    """With all that came of it (foreign keys); nothing happens when it is gone."""
    return [
        touched(workspace_id),
        *underived(workspace_id, document_id),
        ("DELETE FROM memory_documents WHERE workspace_id = $1 AND id = $2", (workspace_id, document_id)),
        (
            "DELETE FROM memory_sources WHERE workspace_id = $1 AND NOT EXISTS (SELECT 1"
            " FROM memory_documents d WHERE d.workspace_id = $1 AND d.source_id = memory_sources.id)",
            (workspace_id,),
        ),
        noted(workspace_id, document_id, "deleted"),
    ]


def restamped(workspace_id: str, document_id: str, source: str, stamp: Stamp) -> list[Statement]:
    """The same content at a new path, under a new name, or with a new time. What its links lead to depends on
    the path: that is to be derived again."""
    return [
        touched(workspace_id),
        (
            "UPDATE memory_documents SET path = $3, source = $4, size = $5, mtime_ns = $6, derived ="
            " CASE WHEN path = $3 OR links IN ('', '[]') THEN derived ELSE '' END"
            " WHERE workspace_id = $1 AND id = $2",
            (workspace_id, document_id, stamp.path, source, stamp.size, stamp.mtime_ns),
        ),
        noted(workspace_id, document_id, "stored"),
    ]


def linked(workspace_id: str, record: DocumentRecord) -> Statement:
    """A document that is stored already gets its links; what comes of them is to be derived."""
    return (
        "UPDATE memory_documents SET links = $3, derived = '' WHERE workspace_id = $1 AND id = $2",
        (workspace_id, record.id, as_kept(record.links)),
    )


def labelled_like(workspace_id: str, document_id: str, outer_id: str) -> list[Statement]:
    """The labels of the document that it is a part of, whatever it had before."""
    both = (workspace_id, document_id, outer_id)
    return [
        (
            "UPDATE memory_documents SET (tags, metadata) ="
            " (SELECT o.tags, o.metadata FROM memory_documents o WHERE o.workspace_id = $1 AND o.id = $3)"
            " WHERE workspace_id = $1 AND id = $2",
            both,
        ),
        ("DELETE FROM memory_acl WHERE workspace_id = $1 AND document = $2", both[:2]),
        (
            "INSERT INTO memory_acl (workspace_id, document, principal) SELECT workspace_id, $2, principal"
            " FROM memory_acl WHERE workspace_id = $1 AND document = $3",
            both,
        ),
    ]


def labelled(workspace_id: str, document_id: str, labels: DocumentLabels) -> list[Statement]:
    """Exactly these labels, whatever it had before."""
    return [
        touched(workspace_id),
        (
            "UPDATE memory_documents SET tags = $3, metadata = $4, dated = CASE WHEN $5 = '' THEN dated"
            " ELSE $5 END WHERE workspace_id = $1 AND id = $2",
            (
                *(workspace_id, document_id, json.dumps(sorted(set(labels.tags)))),
                *(json.dumps(dict(labels.metadata), sort_keys=True), labels.dated),
            ),
        ),
        ("DELETE FROM memory_acl WHERE workspace_id = $1 AND document = $2", (workspace_id, document_id)),
        *inserts(
            "memory_acl",
            ("workspace_id", "document", "principal"),
            [(workspace_id, document_id, principal) for principal in sorted(set(labels.acl))],
        ),
        noted(workspace_id, document_id, "stored"),
    ]
