"""Making again what is derived from the stored texts."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from flowmatik.contracts.database import Database, Row, Statement
from flowmatik.contracts.memory_care import Rebuilt
from flowmatik.kernel.errors import InvalidInput
from flowmatik.memory import analysis, near
from flowmatik.memory.derived import (
    NOTHING_EXTRACTED,
    Document,
    Numbered,
    Supplied,
    derived_rows,
    underived,
)
from flowmatik.memory.extractions import extractions_of
from flowmatik.memory.gazetteers import supplied_to
from flowmatik.memory.linking import as_read, base_of, within
from flowmatik.memory.records import context_of
from flowmatik.memory.writing import noted, touched

_PAGE = 100


async def derive_again(
    database: Database, workspace_id: str, document_id: str, supplied: Supplied
) -> int | None:
    """In one transaction: until then search finds what there was. The number of its passages; None when it
    has gone, or has just been stored anew by somebody else."""
    read = await _read(database, workspace_id, document_id, supplied)
    if read is None:
        return None
    document, rows = read
    statements = await asyncio.to_thread(_statements, document, rows, supplied.derived)
    try:
        await database.transaction(statements)
    except InvalidInput:  # its passages are no longer there
        if await _is_same(database, document, rows):
            raise
        return None
    return len(rows)


async def derive_behind(database: Database, workspace_id: str, path: str, supplied: Supplied) -> None:
    """The document at `path` and its parts, those that have not been derived in this way where they are."""
    rows = await database.fetch(
        "SELECT id FROM memory_documents WHERE workspace_id = $1 AND derived <> $2"
        " AND (path = $3 OR path > $4 AND path < $5) ORDER BY path",
        *(workspace_id, supplied.derived, path, f"{path}/", f"{path}0"),  # 0 comes after /
    )
    for (document_id,) in rows:
        await derive_again(database, workspace_id, str(document_id), supplied)


async def rebuild(database: Database, workspace_id: str) -> AsyncIterator[Rebuilt]:
    """Everything derived of every document; what has been done so far after each page of them."""
    documents, chunks, after = 0, 0, ""
    supplied = await supplied_to(database, workspace_id)
    while True:
        page = await database.fetch(
            "SELECT id FROM memory_documents WHERE workspace_id = $1 AND id > $2 ORDER BY id LIMIT $3",
            *(workspace_id, after, _PAGE),
        )
        for (document_id,) in page:
            count = await derive_again(database, workspace_id, str(document_id), supplied)
            if count is not None:
                documents, chunks = documents + 1, chunks + count
        if page:
            yield Rebuilt(documents=documents, chunks=chunks)
        if len(page) < _PAGE:
            break
        after = str(page[-1][0])
    await database.transaction(_counted_again(workspace_id))


def _counted_again(workspace_id: str) -> list[Statement]:
    """References counted from what there is, whatever the counts were."""
    return [
        touched(workspace_id),
        ("DELETE FROM memory_entities WHERE workspace_id = $1", (workspace_id,)),
        (
            "INSERT INTO memory_entities (workspace_id, key, mentions) SELECT workspace_id, entity, count(*)"
            " FROM memory_mentions WHERE workspace_id = $1 GROUP BY workspace_id, entity",
            (workspace_id,),
        ),
    ]


async def _read(
    database: Database, workspace_id: str, document_id: str, supplied: Supplied
) -> tuple[Document, list[Row]] | None:
    found = await database.fetch(
        "SELECT d.title, (SELECT count(*) FROM memory_tables t WHERE t.workspace_id = d.workspace_id"
        " AND t.document = d.id), d.text, d.links, d.path, d.metadata, coalesce(s.kind, ''),"
        " coalesce(s.location, '') FROM memory_documents d LEFT JOIN memory_sources s"
        " ON s.workspace_id = d.workspace_id AND s.id = d.source_id WHERE d.workspace_id = $1 AND d.id = $2",
        *(workspace_id, document_id),
    )
    if not found:
        return None
    title, tables, text, kept, path, metadata, *source = found[0]
    links = as_read(kept)
    chunks = await _chunks(database, workspace_id, document_id)
    document = Document(
        workspace_id=workspace_id,
        id=document_id,
        title=str(title),
        is_table=bool(tables),
        base=base_of(str(path), (str(source[0]), str(source[1])), str(metadata)),
        gazetteer=supplied.gazetteer,
    )
    read = await extractions_of(database, workspace_id, document_id)
    return document, [
        (
            *(number, text[start:end], heading, code, read.get(int(number), NOTHING_EXTRACTED)),
            within(links, start, end),
        )
        for number, start, end, heading, code in chunks
    ]


async def _chunks(database: Database, workspace_id: str, document_id: str) -> list[Row]:
    return await database.fetch(
        "SELECT number, start_at, end_at, heading, language FROM memory_chunks"
        " WHERE workspace_id = $1 AND document = $2 ORDER BY number",
        *(workspace_id, document_id),
    )


async def _is_same(database: Database, document: Document, rows: Sequence[Row]) -> bool:
    there = await _chunks(database, document.workspace_id, document.id)
    return [row[0] for row in there] == [row[0] for row in rows]


def _statements(document: Document, rows: Sequence[Row], derived: str) -> list[Statement]:
    """Blocking."""
    workspace = document.workspace_id
    chunks = [
        Numbered(
            number=number,
            text=text,
            heading=heading,
            language=code,
            terms=tuple(analysis.terms(context_of(document.title, heading, text), code)),
            near_keys=near.keys(text),
            extracted=extracted,
            links=links,
        )
        for number, text, heading, code, extracted, links in rows
    ]
    return [
        touched(workspace),
        *underived(workspace, document.id),
        *derived_rows(document, chunks),
        *(
            (
                "UPDATE memory_chunks SET terms = $3 WHERE workspace_id = $1 AND number = $2",
                (workspace, chunk.number, len(chunk.terms)),
            )
            for chunk in chunks
        ),
        (
            "UPDATE memory_documents SET derived = $3 WHERE workspace_id = $1 AND id = $2",
            (workspace, document.id, derived),
        ),
        noted(workspace, document.id, "stored"),
    ]
