"""Plain text: paragraphs between blank lines; a short line alone that is numbered, in capitals
or underlined is a heading."""

import re

from flowmatik.memory.linking import MOST_LINKS
from flowmatik.memory.parsers.text.links import links_of
from flowmatik.memory.parsing import Block, Document, Source, clean, decode, line_starts, paragraphs

_NUMBERED = re.compile(r"^(\d{1,2}(?:\.\d{1,2})*)[.)]?\s+[^\W\d_].{0,78}$")
_RULE = re.compile(r"^\s*([=\-~*^\"#+])\1{2,}\s*$")
_LIST = re.compile(r"^\s*([-*•·]|\d{1,3}[.)])\s+\S")


def build(settings: object) -> "TextParser":
    return TextParser()


class TextParser:
    def parse(self, source: Source) -> Document:
        text = clean(decode(source))
        blocks: list[Block] = []
        for start, end in paragraphs(text, 0, len(text)):
            source.check_time()
            blocks.extend(_blocks(text, start, end, first=not blocks))
        title = text[blocks[0].start : blocks[0].end] if blocks and blocks[0].kind == "heading" else ""
        links = links_of(text, MOST_LINKS) if source.path.lower().endswith(".rst") else ()
        return Document(
            text=text,
            blocks=tuple(blocks),
            title=title.strip(),
            lines=line_starts(text),
            links=tuple(links),
        )


def _blocks(text: str, start: int, end: int, *, first: bool) -> list[Block]:
    lines = text[start:end].split("\n")
    if len(lines) >= 2 and _RULE.match(lines[1]) and len(lines[0]) <= 100:
        heading = Block(kind="heading", start=start, end=start + len(lines[0]), level=_rule_level(lines[1]))
        body = start + len(lines[0]) + 1 + len(lines[1]) + 1
        return [heading, *([_body(text, body, end)] if body < end else [])]
    if len(lines) >= 3 and _RULE.match(lines[0]) and lines[2].strip() == lines[0].strip():
        begin = start + len(lines[0]) + 1
        heading = Block(kind="heading", start=begin, end=begin + len(lines[1]), level=1)
        body = begin + len(lines[1]) + 1 + len(lines[2]) + 1
        return [heading, *([_body(text, body, end)] if body < end else [])]
    if len(lines) == 1 and (level := heading_level(lines[0], first=first)):
        return [Block(kind="heading", start=start, end=end, level=level)]
    return [_body(text, start, end)]


def _rule_level(rule: str) -> int:
    return 1 if rule.strip()[0] == "=" else 2


def heading_level(line: str, *, first: bool = False) -> int:
    """1 for a title in capitals on top, 2 and deeper for the rest, 0 for no heading."""
    stripped = line.strip()
    if not stripped or len(stripped) > 90 or stripped[-1] in ".,;:":
        return 0
    if match := _NUMBERED.match(stripped):
        return 2 + match[1].count(".") if len(stripped.split()) <= 12 else 0
    if stripped.isupper() and len(stripped) >= 4:
        return 1 if first else 2
    return 1 if first and len(stripped.split()) <= 12 else 0


def _body(text: str, start: int, end: int) -> Block:
    lines = [line for line in text[start:end].split("\n") if line.strip()]
    rows = sum(bool(_LIST.match(line)) or "\t" in line.strip() or "  " in line.strip() for line in lines)
    return Block(kind="lines" if rows * 2 > len(lines) else "text", start=start, end=end)
