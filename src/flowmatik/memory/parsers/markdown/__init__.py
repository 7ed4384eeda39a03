"""Markdown: the text is the file itself, so offsets and lines are those of the file."""

import re

from flowmatik.memory.linking import MOST_LINKS
from flowmatik.memory.parsers.markdown.links import links_of
from flowmatik.memory.parsing import Block, BlockKind, Document, Source, clean, decode, line_starts

_HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_UNDERLINE = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_LIST = re.compile(r"^\s*([-*+]|\d{1,9}[.)])\s+")


def build(settings: object) -> "MarkdownParser":
    return MarkdownParser()


class MarkdownParser:
    def parse(self, source: Source) -> Document:
        text = clean(decode(source))
        scanner = _Scanner(text, source)
        blocks = scanner.scan()
        title = next((text[b.start : b.end] for b in blocks if b.kind == "heading"), "")
        return Document(
            text=text,
            blocks=tuple(blocks),
            title=_plain(title),
            lines=line_starts(text),
            links=tuple(links_of(text, scanner.fences, MOST_LINKS)),
        )


def _plain(heading: str) -> str:
    return heading.strip().strip("#").strip()


class _Scanner:
    """One pass over the lines; `_run` is the block being collected. `fences` are the spans of fenced code."""

    def __init__(self, text: str, source: Source) -> None:
        self._text = text
        self._source = source
        self._blocks: list[Block] = []
        self._kind: BlockKind | None = None
        self._start = self._end = 0
        self._fence = ""
        self.fences: list[tuple[int, int]] = []

    def scan(self) -> list[Block]:
        position = _front_matter_end(self._text)
        if position:
            self._blocks.append(Block(kind="lines", start=0, end=len(self._text[:position].rstrip())))
        while position < len(self._text):
            end = self._text.find("\n", position)
            end = len(self._text) if end < 0 else end
            self._line(position, end)
            position = end + 1
        if self._fence:
            self.fences.append((self._start, len(self._text)))
        self._flush()
        self._source.check_time()
        return self._blocks

    def _line(self, start: int, end: int) -> None:
        line = self._text[start:end]
        fence = _FENCE.match(line)
        if self._fence:
            self._extend("lines", start, end)
            if fence and fence[1].startswith(self._fence):
                self._fence = ""
                self.fences.append((self._start, end))
                self._flush()
        elif fence:
            self._flush()
            self._fence = fence[1]
            self._extend("lines", start, end)
        elif not line.strip():
            self._flush()
        elif match := _HEADING.match(line):
            self._flush()
            self._heading(start, end, len(match[1]))
        elif (match := _UNDERLINE.match(line)) and self._kind == "text" and "\n" not in self._run():
            first, last = self._start, self._end
            self._kind = None
            self._heading(first, last, 1 if match[1][0] == "=" else 2)
        else:
            self._body(line, start, end)

    def _body(self, line: str, start: int, end: int) -> None:
        listed = bool(_LIST.match(line)) or line.lstrip().startswith("|")
        if listed and self._kind == "text":
            self._flush()
        self._extend("lines" if listed or self._kind == "lines" else "text", start, end)

    def _run(self) -> str:
        return self._text[self._start : self._end]

    def _extend(self, kind: BlockKind, start: int, end: int) -> None:
        if self._kind is None:
            self._kind, self._start = kind, start
        self._end = end

    def _heading(self, start: int, end: int, level: int) -> None:
        self._blocks.append(Block(kind="heading", start=start, end=end, level=level))

    def _flush(self) -> None:
        if self._kind is not None:
            self._blocks.append(Block(kind=self._kind, start=self._start, end=self._end))
        self._kind = None


def _front_matter_end(text: str) -> int:
    if not text.startswith("---\n"):
        return 0
    end = text.find("\n---\n", 3, 20_000)
    return end + 5 if end >= 0 else 0
