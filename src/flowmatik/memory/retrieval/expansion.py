"""What stands around a passage: its section, or its whole document, as one text with exact offsets.

Only the passage's own document is read, which whoever asked may see, for it was found for them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flowmatik.contracts.database import Database
from flowmatik.contracts.memory import Expand, Passage

MOST = 20_000  # signs: of what is longer the passages around the found one are given
_AROUND = (
    "SELECT c.id, c.start_at, c.end_at, c.line_from, c.line_to, c.heading FROM memory_chunks c"
    " WHERE c.workspace_id = $1 AND c.document = (SELECT document FROM memory_chunks"
    " WHERE workspace_id = $1 AND id = $2) ORDER BY c.start_at"
)
_TEXT = (
    "SELECT substr(d.text, CAST($3 AS INTEGER) + 1, CAST($4 AS INTEGER)) FROM memory_documents d"
    " JOIN memory_chunks c ON c.workspace_id = d.workspace_id AND c.document = d.id"
    " WHERE d.workspace_id = $1 AND c.id = $2"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    id: str
    start: int
    end: int
    lines: tuple[int, int] | None
    heading: str


async def expanded(
    database: Database, workspace_id: str, passages: Sequence[Passage], expand: Expand
) -> list[Passage]:
    """Each in what stands around it, under its own id; those that stand in the text of one before them are
    left out. A passage that has gone meanwhile stays as it was found."""
    if expand == "passage":
        return list(passages)
    found: list[Passage] = []
    for passage in passages:
        inside = any(
            one.source == passage.source and one.start <= passage.start and passage.end <= one.end
            for one in found
        )
        if not inside:
            found.append(await _around(database, workspace_id, passage, expand))
    return found


async def _around(database: Database, workspace_id: str, passage: Passage, expand: Expand) -> Passage:
    pieces = [
        _Piece(
            id=row[0],
            start=int(row[1]),
            end=int(row[2]),
            lines=None if row[3] is None else (int(row[3]), int(row[4])),
            heading=row[5],
        )
        for row in await database.fetch(_AROUND, workspace_id, passage.id)
    ]
    at = next((n for n, one in enumerate(pieces) if one.id == passage.id), None)
    if at is None:
        return passage
    first, last = _span(pieces, at, expand)
    start, end = pieces[first].start, pieces[last].end
    rows = await database.fetch(_TEXT, workspace_id, passage.id, start, end - start)
    text = str(rows[0][0]) if rows else ""
    if text[passage.start - start : passage.end - start] != passage.text:
        return passage  # the document has changed since it was found
    lines = [one.lines for one in pieces[first : last + 1] if one.lines is not None]
    return replace(
        passage,
        text=text,
        start=start,
        end=end,
        lines=(min(a for a, _ in lines), max(b for _, b in lines)) if lines else None,
    )


def _span(pieces: Sequence[_Piece], at: int, expand: Expand) -> tuple[int, int]:
    """From which piece to which; grown from the passage to both sides, as far as there is room."""
    first = last = at
    grown = True
    while grown:
        grown = False
        for other in (first - 1, last + 1):
            low, high = min(first, other), max(last, other)
            if not 0 <= low <= high < len(pieces):
                continue
            fits = pieces[high].end - pieces[low].start <= MOST
            if fits and (expand == "document" or _belongs(pieces[other].heading, pieces[at].heading)):
                first, last, grown = low, high, True
    return first, last


def _belongs(heading: str, section: str) -> bool:
    """To the section itself, or below it."""
    return heading == section or (bool(section) and heading.startswith(f"{section} > "))
