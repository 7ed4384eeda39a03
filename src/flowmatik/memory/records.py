"""What memory keeps of a document, before it is rows."""

import hashlib
from dataclasses import dataclass, replace

from flowmatik.memory.linking import Links

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
    """A document as the last sync left it. `embedded`: its passages that have a vector of the embedder asked
    for; `derived`: the version of what was derived from its text; `unlinked`: read before links were."""

    id: str
    source: str
    source_id: str
    title: str
    stamp: Stamp
    pipeline: str
    derived: str
    chunks: int
    embedded: int = 0
    unlinked: bool = False


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
    """`dated` is the time of the document itself, where it or its source says one; `embedder` whose the
    vectors of the chunks are, "" when they have none. `links`: start and end in the text, and the target."""

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
    dated: str = ""
    near_keys: tuple[int, ...] = ()
    links: Links = ()


def context_of(title: str, heading: str, text: str) -> str:
    """A passage with the title and headings under which it is indexed and embedded."""
    under = heading if heading.startswith(title) else f"{title} > {heading}"
    return f"{under.removesuffix(' > ')}\n{text}"


def chunk_id(document_id: str, text: str, occurrence: int) -> str:
    """The same for the same text in the same document, so that a citation survives an edit
    elsewhere in the file."""
    digest = hashlib.sha256(f"{document_id}\x00{occurrence}\x00{text}".encode()).hexdigest()
    return f"chk_{digest[:32]}"


def storable(record: DocumentRecord) -> DocumentRecord:
    """PostgreSQL keeps no NUL in a text; a sign of the same length stands in for it, so that offsets hold."""
    if not any("\x00" in text for text in (record.text, record.title)):
        return record
    chunks = tuple(replace(chunk, heading=chunk.heading.replace("\x00", "\ufffd")) for chunk in record.chunks)
    title, text = record.title.replace("\x00", "\ufffd"), record.text.replace("\x00", "\ufffd")
    return replace(record, title=title, text=text, chunks=chunks)
