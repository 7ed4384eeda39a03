"""AsciiDoc: the text is the file itself, so offsets and lines are those of the file."""

import re

from flowmatik.memory.linking import MOST_LINKS
from flowmatik.memory.parsers.asciidoc.links import links_of
from flowmatik.memory.parsing import Block, Document, Source, clean, decode, line_starts, paragraphs

_HEADING = re.compile(r"^(={1,6})[ \t]+(\S.*?)[ \t]*$")
_FENCE = re.compile(r"^(-{4,}|\.{4,}|={4,}|\*{4,}|_{4,}|\|===)[ \t]*$", re.MULTILINE)
_ROW = re.compile(r"^\s*([*.-]+|\d+\.)\s+\S")


def build(settings: object) -> "AsciidocParser":
    return AsciidocParser()


class AsciidocParser:
    def parse(self, source: Source) -> Document:
        text = clean(decode(source))
        blocks: list[Block] = []
        position = 0
        fences = _fenced(text)
        for start, end in fences:
            blocks += _plain(text, position, start)
            blocks.append(Block(kind="lines", start=start, end=end))
            position = end
        blocks += _plain(text, position, len(text))
        source.check_time()
        first = next((b for b in blocks if b.kind == "heading"), None)
        title = text[first.start : first.end] if first else ""
        return Document(
            text=text,
            blocks=tuple(blocks),
            title=title,
            lines=line_starts(text),
            links=tuple(links_of(text, fences, MOST_LINKS)),
        )


def _fenced(text: str) -> list[tuple[int, int]]:
    """Listings and tables, from their first fence to the same one again."""
    found: list[tuple[int, int]] = []
    opened: re.Match[str] | None = None
    for match in _FENCE.finditer(text):
        if opened is None:
            opened = match
        elif match[1] == opened[1]:
            found.append((opened.start(), match.end(1)))
            opened = None
    return found


def _plain(text: str, start: int, end: int) -> list[Block]:
    blocks: list[Block] = []
    for first, last in paragraphs(text, start, end):
        position = first
        while position < last and (match := _HEADING.match(_line(text, position, last))):
            begin = position + match.start(2)
            blocks.append(Block(kind="heading", start=begin, end=begin + len(match[2]), level=len(match[1])))
            position = min(last, text.find("\n", position, last) + 1 or last)
        if position < last:
            listed = bool(_ROW.match(_line(text, position, last)))
            blocks.append(Block(kind="lines" if listed else "text", start=position, end=last))
    return blocks


def _line(text: str, start: int, end: int) -> str:
    stop = text.find("\n", start, end)
    return text[start : end if stop < 0 else stop]
