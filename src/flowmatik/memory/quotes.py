"""Checking that a quote stands in a document, and where."""

import json
import re
from dataclasses import replace

from flowmatik.contracts.database import Database
from flowmatik.contracts.memory import Passage
from flowmatik.memory.parsing import Document


async def locate(database: Database, workspace_id: str, passage: Passage, quote: str) -> Passage | None:
    """`passage` narrowed to `quote`: first inside the passage, then anywhere in its document.

    Words and signs must be the same; only runs of white space may differ, because a quote is
    often written on one line where the source breaks it. The text returned is the source's own.
    """
    words = quote.split()
    if not words:
        return None
    rows = await database.fetch(
        "SELECT d.text, d.lines, d.pages FROM memory_chunks c JOIN memory_documents d"
        " ON d.workspace_id = c.workspace_id AND d.id = c.document WHERE c.workspace_id = $1 AND c.id = $2",
        *(workspace_id, passage.id),
    )
    if not rows:
        return None
    row = rows[0]
    pattern = re.compile(r"\s+".join(map(re.escape, words)))
    match = pattern.search(row[0], passage.start, passage.end) or pattern.search(row[0])
    if match is None:
        return None
    start, end = match.span()
    document = Document(
        text=row[0],
        lines=tuple((offset, line) for offset, line in json.loads(row[1])),
        pages=tuple(json.loads(row[2])),
    )
    first, last = document.line_at(start), document.line_at(end - 1)
    inside = passage.start <= start and end <= passage.end
    return replace(
        passage,
        text=match[0],
        start=start,
        end=end,
        lines=(first, last) if first is not None and last is not None else None,
        page=document.page_at(start),
        heading=passage.heading if inside else await _heading_at(database, workspace_id, passage.id, start),
    )


async def _heading_at(database: Database, workspace_id: str, passage_id: str, offset: int) -> str:
    rows = await database.fetch(
        "SELECT n.heading FROM memory_chunks c JOIN memory_chunks n ON n.workspace_id = c.workspace_id"
        " AND n.document = c.document WHERE c.workspace_id = $1 AND c.id = $2 AND n.start_at <= $3"
        " AND n.end_at > $3",
        *(workspace_id, passage_id, offset),
    )
    return str(rows[0][0]) if rows else ""
