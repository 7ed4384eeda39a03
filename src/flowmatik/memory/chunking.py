"""Documents into passages: sections by headings, some 120 to 220 words each, never a cut inside
a sentence, a table row or a page; small tables and lists stay whole."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from flowmatik.memory.parsing import Block, Document

MIN_WORDS = 120
MAX_WORDS = 220
TAIL_WORDS = 40
_SENTENCE_CHARS = 3000  # what is longer and has no full stop is no sentence

_ABBREVIATION_LIST = """
    mr mrs ms dr prof st vs etc fig no nos art arts approx inc ltd co corp dept eg ie p pp
    vol ed al sr sra srta dra d dña núm num pág págs cap aprox av avda ud uds vd ee uu s l a
    jan feb mar apr jun jul aug sept oct nov dec
"""
_ABBREVIATIONS = frozenset(_ABBREVIATION_LIST.split())
_STOP = re.compile(r"[.!?…]+[\"'”’»)\]*_]*(?=\s)")
_WORD_BEFORE = re.compile(r"([^\W\d_]+)\.$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """`document.text[start:end]` under the heading path `heading`, which ends with the first row of the table
    that the passage is a later part of."""

    start: int
    end: int
    heading: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    start: int
    end: int
    words: int
    block_words: int  # of the whole block on its first unit, else 0
    header: str = ""  # the table's first row, on later ones


def sentences(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Offsets of the sentences of text[start:end], trimmed; every word belongs to one."""
    stop = len(text) if end is None else end
    cuts: list[int] = []
    for match in _STOP.finditer(text, start, stop):
        if match[0][0] == "." and _continues(text, match.start(), match.end(), stop):
            continue
        cuts.append(match.end())
    edges = [start, *cuts, stop]
    spans = [_trim(text, a, b) for a, b in pairwise(edges)]
    return [piece for a, b in spans if a < b for piece in _bounded(text, a, b)]


def _continues(text: str, at: int, after: int, stop: int) -> bool:
    """Whether the full stop at `at` belongs to an abbreviation or a number of a list."""
    following = text[after:stop].lstrip()[:1]
    if following and following.islower():
        return True
    before = _WORD_BEFORE.search(text[max(0, at - 12) : at + 1])
    if before is None:
        line_start = text.rfind("\n", 0, at) + 1
        return text[line_start:at].strip().isdigit()
    word = before[1].casefold()
    return word in _ABBREVIATIONS or (len(word) == 1 and before[1].isupper())


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _bounded(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Text without sentences (a dump, minified code) is cut at white space all the same."""
    while end - start > _SENTENCE_CHARS:
        limit = start + _SENTENCE_CHARS
        cut = max(text.rfind(sign, start + 1, limit) for sign in ("\n", " ", "\t"))
        cut = limit if cut <= start else cut
        piece = _trim(text, start, cut)
        if piece[0] < piece[1]:
            yield piece
        start, _ = _trim(text, cut, end)
    if start < end:
        yield start, end


def chunks(document: Document) -> list[Chunk]:
    """In document order; they do not overlap. A heading with nothing under it is a passage itself."""
    found: list[Chunk] = []
    path: list[tuple[int, str]] = []
    section: list[_Unit] = []
    empty: Block | None = None
    page = document.page_at(0)
    for block in document.blocks:
        if (current := document.page_at(block.start)) != page:
            found.extend(_pack(document, section, path))
            section, page = [], current
        if block.kind != "heading":
            section.extend(_units(document.text, block))
            empty = None
            continue
        found.extend(_pack(document, section, path))
        section = []
        if empty is not None and block.level <= empty.level:
            found.append(Chunk(start=empty.start, end=empty.end, heading=_join(path)))
        path = [entry for entry in path if entry[0] < block.level]
        path.append((block.level, _heading(document.text[block.start : block.end])))
        empty = block
    found.extend(_pack(document, section, path))
    if empty is not None:
        found.append(Chunk(start=empty.start, end=empty.end, heading=_join(path)))
    return found


def _heading(text: str) -> str:
    return " ".join(text.strip().strip("#").split())[:200]


def _row(text: str) -> str:
    return " ".join(text.strip().strip("|").split())[:200]


def _join(path: list[tuple[int, str]]) -> str:
    return " > ".join(title for _, title in path)


def _units(text: str, block: Block) -> list[_Unit]:
    if block.kind == "lines":
        total = len(text[block.start : block.end].split())
        spans = [(block.start, block.end)] if total <= MAX_WORDS else _line_spans(text, block)
    else:
        spans = sentences(text, block.start, block.end)
    counts = [len(text[a:b].split()) for a, b in spans]
    is_table = block.kind == "lines" and len(spans) > 1 and text.startswith("|", spans[0][0])
    header = _row(text[spans[0][0] : spans[0][1]]) if is_table else ""
    return [
        _Unit(start=a, end=b, words=n, block_words=0 if i else sum(counts), header=header if i else "")
        for i, ((a, b), n) in enumerate(zip(spans, counts, strict=True))
    ]


def _line_spans(text: str, block: Block) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    position = block.start
    while position < block.end:
        end = text.find("\n", position, block.end)
        end = block.end if end < 0 else end
        start, stop = _trim(text, position, end)
        spans.extend(_bounded(text, start, stop))
        position = end + 1
    return spans


def _pack(document: Document, units: list[_Unit], path: list[tuple[int, str]]) -> list[Chunk]:
    """Fill passages unit by unit; a paragraph that fits into the next passage is not begun in a
    full one, and a short rest joins its neighbour."""
    groups: list[list[_Unit]] = []
    words = 0
    for unit in units:
        whole = unit.block_words or unit.words
        full = words + unit.words > MAX_WORDS or (
            unit.block_words > 0 and words >= MIN_WORDS and words + whole > MAX_WORDS
        )
        if not groups or full:
            groups.append([])
            words = 0
        groups[-1].append(unit)
        words += unit.words
    if len(groups) > 1:
        rest = sum(unit.words for unit in groups[-1])
        before = sum(unit.words for unit in groups[-2])
        if rest < TAIL_WORDS and rest + before <= MAX_WORDS + TAIL_WORDS:
            groups[-2:] = [groups[-2] + groups[-1]]
    heading = _join(path)
    found: list[Chunk] = []
    for group in groups:
        start, end = _trim(document.text, group[0].start, group[-1].end)
        if start < end:
            under = " > ".join(filter(None, (heading, group[0].header)))
            found.append(Chunk(start=start, end=end, heading=under))
    return found
