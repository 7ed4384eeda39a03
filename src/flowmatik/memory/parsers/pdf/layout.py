"""Paragraphs and headings out of the lines of a PDF page, which carry no structure."""

import re
from collections.abc import Set

from flowmatik.memory.parsing import Block

_NUMBERED = re.compile(r"^(\d{1,2}(?:\.\d{1,2})*)[.)]?\s+[^\W\d_a-zà-ÿ].{0,78}$")
_DIGITS = re.compile(r"\d+")
_FULL_LINE = 0.75


def furniture(line: str) -> str:
    """What stays the same of a running head or foot from page to page: all but the numbers."""
    return _DIGITS.sub("#", line.strip())


def page_blocks(page: str, offset: int, running: Set[str]) -> list[Block]:
    """Blocks of one page whose text begins at `offset` of the document, without the lines whose
    `furniture` is in `running`."""
    blocks: list[Block] = []
    width = max((len(line) for line in page.split("\n")), default=0)
    first = last = -1
    position = 0
    for line in page.split("\n"):
        start, end = position, position + len(line.rstrip())
        position += len(line) + 1
        level = _heading_level(line)
        if first >= 0 and (not line.strip() or level or furniture(line) in running):
            blocks.append(Block(kind="text", start=offset + first, end=offset + last))
            first = -1
        if not line.strip() or furniture(line) in running:
            continue
        if level:
            blocks.append(Block(kind="heading", start=offset + start, end=offset + end, level=level))
            continue
        first, last = (start if first < 0 else first), end
        if line.rstrip()[-1] in ".!?:" and len(line.rstrip()) < _FULL_LINE * width:
            blocks.append(Block(kind="text", start=offset + first, end=offset + last))
            first = -1
    if first >= 0:
        blocks.append(Block(kind="text", start=offset + first, end=offset + last))
    return blocks


def _heading_level(line: str) -> int:
    stripped = line.strip()
    if len(stripped) > 80 or not stripped or stripped[-1] in ".,;:" or len(stripped.split()) > 12:
        return 0
    if match := _NUMBERED.match(stripped):
        return 2 + match[1].count(".")
    letters = [c for c in stripped if c.isalpha()]
    return 2 if len(letters) >= 4 and stripped.isupper() and len(stripped.split()) >= 2 else 0
