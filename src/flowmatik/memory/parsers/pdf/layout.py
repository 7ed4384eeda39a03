"""Paragraphs and headings out of the lines of a PDF page, which carry no structure."""

import re
from collections.abc import Mapping, Set

from flowmatik.memory.parsing import Block, BlockKind

_NUMBERED = re.compile(r"^(\d{1,2}(?:\.\d{1,2})*)[.)]?\s+[^\W\d_a-zà-ÿ].{0,78}$")
_DIGITS = re.compile(r"\d+")
_FULL_LINE = 0.75


def furniture(line: str) -> str:
    """What stays the same of a running head or foot from page to page: all but the numbers."""
    return _DIGITS.sub("#", line.strip())


def page_blocks(
    page: str, offset: int, running: Set[str], levels: Mapping[int, int] | None = None
) -> list[Block]:
    """Blocks of one page whose text begins at `offset` of the document, without the lines whose
    `furniture` is in `running`. `levels` are those of headings that are known already, by line."""
    open_block = _Open(offset)
    width = max((len(line) for line in page.split("\n")), default=0)
    position = 0
    for number, line in enumerate(page.split("\n")):
        start, end = position, position + len(line.rstrip())
        position += len(line) + 1
        if not line.strip() or furniture(line) in running:
            open_block.close()
        elif level := (levels or {}).get(number) or _heading_level(line):
            open_block.close()
            open_block.blocks.append(
                Block(kind="heading", start=offset + start, end=offset + end, level=level)
            )
        elif line.startswith("| "):
            open_block.extend("lines", start, end)
        else:
            open_block.extend("text", start, end)
            if line.rstrip()[-1] in ".!?:" and len(line.rstrip()) < _FULL_LINE * width:
                open_block.close()
    open_block.close()
    return open_block.blocks


class _Open:
    """The block that is being collected, and those before it."""

    def __init__(self, offset: int) -> None:
        self.blocks: list[Block] = []
        self._offset = offset
        self._kind: BlockKind | None = None
        self._start = self._end = 0

    def extend(self, kind: BlockKind, start: int, end: int) -> None:
        if self._kind != kind:
            self.close()
            self._kind, self._start = kind, start
        self._end = end

    def close(self) -> None:
        if self._kind is not None:
            start, end = self._offset + self._start, self._offset + self._end
            self.blocks.append(Block(kind=self._kind, start=start, end=end))
        self._kind = None


def _heading_level(line: str) -> int:
    stripped = line.strip()
    if len(stripped) > 80 or not stripped or stripped[-1] in ".,;:" or len(stripped.split()) > 12:
        return 0
    if match := _NUMBERED.match(stripped):
        return 2 + match[1].count(".")
    letters = [c for c in stripped if c.isalpha()]
    return 2 if len(letters) >= 4 and stripped.isupper() and len(stripped.split()) >= 2 else 0
