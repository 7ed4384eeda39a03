"""The lines of a page as its text, and the levels of those lines that are headings by their size."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from flowmatik.memory.parsers.pdf.geometry import Line
from flowmatik.memory.parsing import clean

_HYPHENS = ("\x02", "\ufffe", "\u00ad")  # how PDFium marks a word that the line's end parts
_BIGGER = 1.18
_BIGGEST = 1.6
_PARAGRAPH = 0.9  # heights of a line that are free above a paragraph
_LONG_HEADING = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """`levels`: by the number of a line of `text`, counted from 0."""

    text: str
    levels: dict[int, int] = field(default_factory=dict[int, int])


def page_of(lines: Sequence[Line], usual: float) -> Page:
    """`usual` is the height of the document's common lines."""
    texts: list[str] = []
    levels: dict[int, int] = {}
    before: Line | None = None
    for line in lines:
        level = _level(line, usual)
        parted = before is None or line.gap > _PARAGRAPH or bool(line.cells) != bool(before.cells)
        if texts and (parted or level) and texts[-1]:
            texts.append("")
        text = _whole_words(texts, clean(_plain(line.text)))
        if level:
            levels[len(texts)] = level
        if text:
            texts.append(text)
        if level:
            texts.append("")
        before = line
    return Page(text="\n".join(texts).rstrip("\n"), levels=levels)


def usual_height(pages: Sequence[Sequence[Line]]) -> float:
    """Of the middle character of the document."""
    heights = sorted((line.height, len(line.text)) for page in pages for line in page)
    half, seen = sum(length for _, length in heights) / 2, 0
    for height, length in heights:
        seen += length
        if seen >= half:
            return height
    return median(height for height, _ in heights) if heights else 1.0


def _level(line: Line, usual: float) -> int:
    text = line.text.strip()
    if line.cells or len(text) > _LONG_HEADING or text[-1:] in ".,;" or not any(c.isalpha() for c in text):
        return 0
    if line.height > _BIGGEST * usual:
        return 1
    return 2 if line.height > _BIGGER * usual else 0


def _plain(text: str) -> str:
    ending = text.rstrip(" \r\n")
    kept = "\u00ad" if ending.endswith(_HYPHENS) else ""
    body = ending[:-1] if kept else ending
    for sign in _HYPHENS:
        body = body.replace(sign, "")
    return " ".join(body.split()) + kept


def _whole_words(texts: list[str], text: str) -> str:
    """What is left of `text` when a word that the line before it parted was given its end."""
    if not texts or not texts[-1].endswith("\u00ad"):
        return text
    end, _, rest = text.partition(" ")
    hyphen = "" if end[:1].islower() else "-"
    texts[-1] = texts[-1][:-1] + hyphen + end
    return rest
