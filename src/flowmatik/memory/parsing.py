"""What a parser makes of a file: the extracted text and the blocks that it consists of.

Passages are cut from this text, so every offset in memory is an offset into `Document.text`.
"""

import time
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from flowmatik.contracts.memory import Notice
from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.encodings import text_of
from flowmatik.memory.limits import IngestLimits

BlockKind = Literal["heading", "text", "lines"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """`text[start:end]` of the document. "text" may be cut between sentences, "lines" (tables,
    lists, code) between lines; a "heading" has a `level`."""

    kind: BlockKind
    start: int
    end: int
    level: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """`text[start:end]` leads to `target`: an address as it is written, "[[Page]]" for the page of a wiki."""

    start: int
    end: int
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file inside a file, a document of its own: `name` is its own name, as in `mail.eml/terms.pdf`."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """`lines` maps offsets to line numbers of the source file, () when it has no lines to speak
    of (rows of a sheet count as lines); `pages` are the offsets where pages or slides begin, () when there
    are none. `tables` names the tables inside a data file ("" for a file that is one table). `notices` is
    what is odd about it; `parts` are the files in it that are documents of their own; `links` leads to
    others, in the order of the text."""

    text: str
    blocks: tuple[Block, ...] = ()
    title: str = ""
    lines: tuple[tuple[int, int], ...] = ()
    pages: tuple[int, ...] = ()
    language: str = ""
    table_format: Literal["", "csv", "parquet", "sqlite"] = ""
    tables: tuple[str, ...] = ()
    notices: tuple[Notice, ...] = ()
    parts: tuple[Part, ...] = ()
    links: tuple[Link, ...] = ()

    def line_at(self, offset: int) -> int | None:
        index = bisect_right(self.lines, (offset, 1 << 60)) - 1
        return self.lines[index][1] if index >= 0 else None

    def page_at(self, offset: int) -> int | None:
        return bisect_right(self.pages, offset) or None if self.pages else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file to parse: its bytes (only the first ones for a data file) and its path for the
    formats whose libraries insist on one. `notes` collects what is odd about it on the way."""

    name: str
    data: bytes
    path: str
    deadline: float = field(default=float("inf"))
    limits: IngestLimits = field(default_factory=IngestLimits)
    notes: list[Notice] = field(default_factory=list[Notice])

    def check_time(self) -> None:
        """Raises DocumentError when this file has had its time; parsers call it as they go,
        because a thread cannot be stopped from outside."""
        if time.monotonic() > self.deadline:
            raise DocumentError(
                f"{self.name}: reading took longer than {self.limits.parse_seconds:g} s; "
                "split the file or simplify it",
                code="document.timeout",
            )


class Parser(Protocol):
    """Blocking; runs in a thread. Raises DocumentError with a stable code."""

    def parse(self, source: Source) -> Document: ...


class TextBuilder:
    """Collects blocks into one text, a blank line between them."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._parts: list[str] = []
        self._length = 0
        self.blocks: list[Block] = []

    def add(self, text: str, kind: BlockKind, level: int = 0) -> int:
        """Append a block and return where it starts."""
        self._source.check_time()
        if self._parts:
            self._parts.append("\n\n")
            self._length += 2
        start = self._length
        self._parts.append(text)
        self._length += len(text)
        check_length(self._source, self._length)
        self.blocks.append(Block(kind=kind, start=start, end=self._length, level=level))
        return start

    @property
    def position(self) -> int:
        """Where the next block will begin."""
        return self._length + 2 if self._parts else 0

    def text(self) -> str:
        return "".join(self._parts)


def check_length(source: Source, length: int) -> None:
    """Raises DocumentError (document.too_large) when the extracted text is too long."""
    if length > source.limits.max_text_chars:
        raise DocumentError(
            f"{source.name}: more than {source.limits.max_text_chars} characters of text; split the file",
            code="document.too_large",
        )


def clean(text: str) -> str:
    """NUL and lone surrogates, which no store takes, become spaces and "?"; offsets stay."""
    return text.replace("\x00", " ").encode("utf-8", "replace").decode("utf-8")


def line_starts(text: str) -> tuple[tuple[int, int], ...]:
    """(offset, line number) of each line of `text`, for formats whose text is the file."""
    starts = [(0, 1)]
    position = text.find("\n")
    while position >= 0:
        starts.append((position + 1, len(starts) + 1))
        position = text.find("\n", position + 1)
    return tuple(starts)


def decode(source: Source) -> str:
    """The file's text with "\\n" line ends (see `encodings`); what is odd about it is noted in
    `source.notes`. Raises DocumentError (document.binary) for what is no text."""
    found = text_of(source.data, source.name)
    if found is None:
        raise DocumentError(
            f"{source.name}: this is not text (binary data or an unknown encoding); save it as UTF-8",
            code="document.binary",
        )
    text, notices = found
    source.notes.extend(notices)
    return text


def paragraphs(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Runs of lines that are not blank within text[start:end]."""
    found: list[tuple[int, int]] = []
    position, first = start, -1
    while position < end:
        stop = text.find("\n", position, end)
        stop = end if stop < 0 else stop
        if text[position:stop].strip():
            first = position if first < 0 else first
        elif first >= 0:
            found.append((first, position - 1))
            first = -1
        position = stop + 1
    if first >= 0:
        found.append((first, end))
    return [(a, _rstrip(text, a, b)) for a, b in found]


def _rstrip(text: str, start: int, end: int) -> int:
    while end > start and text[end - 1].isspace():
        end -= 1
    return end


def table_text(rows: Sequence[Sequence[str]]) -> str:
    """Rows as readable text, one line each, cells between bars."""
    return "\n".join("| " + " | ".join(" ".join(cell.split()) for cell in row) + " |" for row in rows)
