"""Checking that a quote stands in a document, and where."""

import asyncio
import json
import re
from dataclasses import replace

from flowmatik.contracts.database import Database
from flowmatik.contracts.memory import Passage
from flowmatik.memory.parsing import Document

_WORD = re.compile(r"\S+")


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
    place = await asyncio.to_thread(place_of, " ".join(words), str(row[0]), (passage.start, passage.end))
    if place is None:
        return None
    start, end = place
    document = Document(
        text=row[0],
        lines=tuple((offset, line) for offset, line in json.loads(row[1])),
        pages=tuple(json.loads(row[2])),
    )
    first, last = document.line_at(start), document.line_at(end - 1)
    inside = passage.start <= start and end <= passage.end
    return replace(
        passage,
        text=row[0][start:end],
        start=start,
        end=end,
        lines=(first, last) if first is not None and last is not None else None,
        page=document.page_at(start),
        heading=passage.heading if inside else await _heading_at(database, workspace_id, passage.id, start),
    )


def place_of(quote: str, text: str, first: tuple[int, int]) -> tuple[int, int] | None:
    """Where it stands, looked for within `first` before anywhere. Blocking; in time linear in the text, for
    whoever wrote it may also choose the quote."""
    start, end = first
    if (found := found_in(quote, text[start:end])) is not None:
        return start + found[0], start + found[1]
    return found_in(quote, text)


def found_in(quote: str, text: str) -> tuple[int, int] | None:
    squeezed = " ".join(text.split())
    at = squeezed.find(quote)
    if at < 0:
        return None
    before = at - squeezed.count(" ", 0, at)  # signs that are no white space
    last = before + len(quote) - quote.count(" ") - 1
    counted, begin = 0, 0
    for word in _WORD.finditer(text):
        size = word.end() - word.start()
        if counted <= before < counted + size:
            begin = word.start() + before - counted
        if counted <= last < counted + size:
            return begin, word.start() + last - counted + 1
        counted += size
    raise AssertionError("unreachable: both have the same signs")


async def _heading_at(database: Database, workspace_id: str, passage_id: str, offset: int) -> str:
    rows = await database.fetch(
        "SELECT n.heading FROM memory_chunks c JOIN memory_chunks n ON n.workspace_id = c.workspace_id"
        " AND n.document = c.document WHERE c.workspace_id = $1 AND c.id = $2 AND n.start_at <= $3"
        " AND n.end_at > $3",
        *(workspace_id, passage_id, offset),
    )
    return str(rows[0][0]) if rows else ""
