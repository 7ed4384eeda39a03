"""Checking that a quote stands in a document, and where."""

import json
import re
from dataclasses import replace

from flowmatik.contracts.memory import Passage
from flowmatik.kernel.sqlite import Connection
from flowmatik.memory.parsing import Document


def locate(connection: Connection, workspace_id: str, passage: Passage, quote: str) -> Passage | None:
    """`passage` narrowed to `quote`: first inside the passage, then anywhere in its document.

    Words and signs must be the same; only runs of white space may differ, because a quote is
    often written on one line where the source breaks it. The text returned is the source's own.
    """
    words = quote.split()
    if not words:
        return None
    row = connection.execute(
        "SELECT d.text, d.lines, d.pages FROM chunks c JOIN documents d ON d.id = c.document_id"
        " WHERE c.workspace_id = ? AND c.id = ?",
        (workspace_id, passage.id),
    ).fetchone()
    if row is None:
        return None
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
        heading=passage.heading if inside else _heading_at(connection, workspace_id, passage.id, start),
    )


def _heading_at(connection: Connection, workspace_id: str, passage_id: str, offset: int) -> str:
    row = connection.execute(
        "SELECT n.heading FROM chunks c JOIN chunks n ON n.document_id = c.document_id"
        ' WHERE c.workspace_id = ? AND c.id = ? AND n.start <= ? AND n."end" > ?',
        (workspace_id, passage_id, offset, offset),
    ).fetchone()
    return str(row[0]) if row else ""
