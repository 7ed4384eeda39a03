"""Messages of a conversation in Markdown, so that each passage of one says who said it and when, and nothing
that one says makes a section of what others say after it."""

import re
from collections.abc import Iterator

from flowmatik.memory.chunking import MAX_WORDS, sentences

_MOST_WORDS = MAX_WORDS - 40  # the mark stands before them, and amounts count as several
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_SECTION = re.compile(r"( {0,3})(#{1,6}(?=\s|$)|=+[ \t]*$|-+[ \t]*$)")
_BLOCK = re.compile(r"\s*(?:`{3}|~{3}|[|>#]|[-*+]\s|\d{1,9}[.)]\s)")


def message(author: str, at: str, text: str) -> str:
    """`at`: ISO time."""
    mark = f"**{author}** ({at[:16].replace('T', ' ')}):"
    pieces = _pieces(text.strip("\n"))
    return "\n\n".join(f"{mark}{chr(10) if _BLOCK.match(piece) else ' '}{piece}" for piece in pieces)


def _pieces(text: str) -> Iterator[str]:
    """No longer than a passage, but for code, and without blank lines, at which passages are cut."""
    held, words = list[str](), 0
    for unit in _units(text):
        count = len(unit.split())
        if held and words + count > _MOST_WORDS:
            yield "\n".join(held)
            held, words = [], 0
        held.append(unit)
        words += count
    yield "\n".join(held)


def _units(text: str) -> Iterator[str]:
    """Paragraphs, sentences of a long one, and code as a whole, which ends with its message."""
    lines, fence = list[str](), ""
    for line in text.split("\n"):
        found = _FENCE.match(line)
        if fence:
            lines.append(line)
            fence = "" if found and found[1].startswith(fence) else fence
        elif found:
            lines.append(line)
            fence = found[1]
        elif line.strip():
            lines.append(_SECTION.sub(r"\1\\\2", line, count=1) if _SECTION.match(line) else line)
        elif lines:
            yield from _short("\n".join(lines))
            lines = []
    if lines:
        yield from _short("\n".join((*lines, fence) if fence else lines))


def _short(unit: str) -> Iterator[str]:
    if len(unit.split()) <= _MOST_WORDS or _FENCE.search(unit):
        yield unit
        return
    start = words = 0
    for first, last in sentences(unit):
        count = len(unit[first:last].split())
        if first > start and words + count > _MOST_WORDS:
            yield unit[start:first].strip()
            start, words = first, 0
        words += count
    yield unit[start:].strip()
