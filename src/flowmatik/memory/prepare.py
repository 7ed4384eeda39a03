"""One file into one record: parse, read the header, cut into passages, analyse. Pure but for the
parser; blocking, runs in a thread."""

from dataclasses import dataclass
from pathlib import PurePath

from flowmatik.contracts.memory import Notice
from flowmatik.memory import analysis, language
from flowmatik.memory.chunking import chunks
from flowmatik.memory.header import read_header
from flowmatik.memory.parsing import Document, Parser, Source
from flowmatik.memory.records import ChunkRecord, DocumentRecord, Stamp, context_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The record without vectors, and the text to embed for each of its chunks."""

    record: DocumentRecord
    contexts: list[str]
    notices: tuple[Notice, ...]


def prepare(
    parser: Parser, source: Source, *, document_id: str, name: str, stamp: Stamp, at: str
) -> Prepared:
    """Raises DocumentError."""
    document = parser.parse(source)
    source.check_time()
    code = language.detect(document.text) or document.language
    title = " ".join(document.title.strip().strip("#").split())[:300] or PurePath(name).stem
    header = read_header(document.text, code) if not document.table_format else read_header("", "")
    records, contexts = _cut(document, source, title, code)
    record = DocumentRecord(
        id=document_id,
        source=name,
        stamp=stamp,
        title=title,
        language="" if document.table_format else code,
        effective=header.effective,
        version=header.version,
        replaces=header.replaces,
        embedder="",
        text=document.text,
        lines=document.lines,
        pages=document.pages,
        ingested_at=at,
        chunks=records,
        table_format=document.table_format,
        tables=document.tables,
    )
    notices = document.notices
    if not records and not document.tables:
        notices += (Notice(code="document.empty", text=f"{name}: it holds no text"),)
    return Prepared(record=record, contexts=contexts, notices=notices)


def _cut(
    document: Document, source: Source, title: str, code: str
) -> tuple[tuple[ChunkRecord, ...], list[str]]:
    """The passages, and each with the title and headings under which it is indexed and embedded."""
    records: list[ChunkRecord] = []
    contexts: list[str] = []
    for chunk in chunks(document):
        source.check_time()
        text = document.text[chunk.start : chunk.end]
        context = context_of(title, chunk.heading, text)
        own = "" if document.table_format else language.detect(text) or code
        records.append(
            ChunkRecord(
                start=chunk.start,
                end=chunk.end,
                lines=_lines(document, chunk.start, chunk.end),
                page=document.page_at(chunk.start),
                heading=chunk.heading,
                language=own,
                terms=tuple(analysis.terms(context, own)),
                vector=None,
            )
        )
        contexts.append(context)
    return tuple(records), contexts


def _lines(document: Document, start: int, end: int) -> tuple[int, int] | None:
    first, last = document.line_at(start), document.line_at(end - 1)
    return (first, last) if first is not None and last is not None else None
