"""One file into one record: parse, read the header, cut into passages, analyse. Pure but for the
parser; blocking, runs in a worker's process (`isolation`)."""

import hashlib
import time
from collections import Counter
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import PurePath
from typing import Any

from flowmatik.contracts.memory import Notice
from flowmatik.kernel.errors import DocumentError
from flowmatik.memory import analysis, language, near
from flowmatik.memory.chunking import chunks
from flowmatik.memory.formats import Formats
from flowmatik.memory.header import read_header
from flowmatik.memory.limits import IngestLimits
from flowmatik.memory.linking import MOST_LINKS, MOST_TARGET, Links
from flowmatik.memory.parsing import Document, Part, Source, clean
from flowmatik.memory.records import ChunkRecord, DocumentRecord, Stamp, chunk_id, context_of

_MOST_DEPTH = 3  # letters attached to letters


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A file to prepare: its bytes (only the first ones for a data file) and what its record will say.
    `format_id` names the parser."""

    format_id: str
    name: str
    data: bytes
    document_id: str
    stamp: Stamp
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The record without vectors, and the text to embed for each of its chunks. `parts` are the files in it
    that are documents of their own, named `document/part`; one that is bad is in `refused`."""

    record: DocumentRecord
    contexts: list[str]
    notices: tuple[Notice, ...]
    parts: "tuple[Prepared, ...]" = ()
    refused: "tuple[RefusedPart, ...]" = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedPart:
    """A file inside a file that was not taken, and why."""

    name: str
    code: str
    reason: str
    values: dict[str, Any]


def run_job(job: Job, formats: Formats, limits: IngestLimits) -> Prepared:
    """Raises DocumentError, ConfigurationError when the parser's library is not installed."""
    return _run(job, formats, limits, time.monotonic() + limits.parse_seconds, 0)


def _run(job: Job, formats: Formats, limits: IngestLimits, deadline: float, depth: int) -> Prepared:
    source = Source(name=job.name, data=job.data, path=job.stamp.path, deadline=deadline, limits=limits)
    document = formats.parser(job.format_id).parse(source)
    prepared = _prepared(document, source, job)
    parts: list[Prepared] = []
    refused: list[RefusedPart] = []
    for part in document.parts:
        source.check_time()
        try:
            parts.append(_run(_part_job(job, part, formats, depth), formats, limits, deadline, depth + 1))
        except DocumentError as error:
            if error.code == "document.timeout":
                raise
            name = f"{job.name}/{part.name}"
            refused.append(
                RefusedPart(name=name, code=error.code, reason=error.message, values=dict(error.context))
            )
    return replace(prepared, parts=tuple(parts), refused=tuple(refused))


def _part_job(job: Job, part: Part, formats: Formats, depth: int) -> Job:
    """Raises DocumentError for what no parser reads from bytes alone."""
    name, fmt = f"{job.name}/{part.name}", formats.of(PurePath(part.name))
    if fmt is None or fmt.is_table or depth >= _MOST_DEPTH:
        known = " ".join(formats.suffixes())
        raise DocumentError(
            f"{name}: no parser reads this kind of file inside another; known are {known}",
            code="document.unsupported",
            context={"known": known},
        )
    digest = hashlib.sha256(part.data).hexdigest()
    own_id = hashlib.sha256(f"{job.document_id}\x00{part.name}".encode()).hexdigest()
    return Job(
        format_id=fmt.id,
        name=name,
        data=part.data,
        document_id=f"doc_{own_id[:32]}",
        stamp=Stamp(
            path=f"{job.stamp.path}/{part.name}", content_hash=digest, size=len(part.data), mtime_ns=0
        ),
        at=job.at,
    )


def _prepared(document: Document, source: Source, job: Job) -> Prepared:
    name = job.name
    source.check_time()
    code = language.detect(document.text) or document.language
    title = " ".join(clean(document.title).strip().strip("#").split())[:300] or PurePath(name).stem
    header = read_header(document.text, code) if not document.table_format else read_header("", "")
    records, contexts = _cut(document, source, job, title, code)
    record = DocumentRecord(
        id=job.document_id,
        source=name,
        stamp=job.stamp,
        title=title,
        language="" if document.table_format else code,
        effective=header.effective,
        version=header.version,
        replaces=header.replaces,
        embedder="",
        text=document.text,
        lines=document.lines,
        pages=document.pages,
        ingested_at=job.at,
        chunks=records,
        table_format=document.table_format,
        tables=document.tables,
        near_keys=near.keys(document.text),
        links=_links(document),
    )
    notices = (*document.notices, *source.notes)
    if not records and not document.tables:
        notices += (Notice(code="document.empty", text=f"{name}: it holds no text"),)
    return Prepared(record=record, contexts=contexts, notices=notices)


def _links(document: Document) -> Links:
    fitting = (one for one in document.links if len(one.target) <= MOST_TARGET)
    return tuple((one.start, one.end, clean(one.target)) for one in islice(fitting, MOST_LINKS))


def _cut(
    document: Document, source: Source, job: Job, title: str, code: str
) -> tuple[tuple[ChunkRecord, ...], list[str]]:
    """The passages, and each with the title and headings under which it is indexed and embedded."""
    records: list[ChunkRecord] = []
    contexts: list[str] = []
    cut = chunks(document)
    texts = [document.text[chunk.start : chunk.end] for chunk in cut]
    keyed = [near.keys(text) for text in texts]
    ids = _ids(job.document_id, texts)
    for at, (chunk, first) in enumerate(zip(cut, near.firsts(texts, keyed), strict=True)):
        source.check_time()
        text = texts[at]
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
                near_keys=keyed[at],
                near=ids[first] if first != at else "",
            )
        )
        contexts.append(context)
    return tuple(records), contexts


def _ids(document_id: str, texts: list[str]) -> list[str]:
    seen: Counter[str] = Counter()
    ids: list[str] = []
    for text in texts:
        seen[text] += 1
        ids.append(chunk_id(document_id, text, seen[text]))
    return ids


def _lines(document: Document, start: int, end: int) -> tuple[int, int] | None:
    first, last = document.line_at(start), document.line_at(end - 1)
    return (first, last) if first is not None and last is not None else None
