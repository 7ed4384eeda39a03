"""Links in Markdown: inline, by reference, in angle brackets, as HTML, and between double brackets as wikis
write them. Pictures and what stands in code are none."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice

from flowmatik.memory.language import fold
from flowmatik.memory.parsing import Link

_ADDRESS = r"<([^<>\n]{1,500})>|([^\s()<>]{1,500}(?:\([^\s()<>]{0,100}\)[^\s()<>]{0,100}){0,3})"
_TITLE = r"""(?:\s{1,9}(?:"[^"]{0,300}"|'[^']{0,300}'))?"""
_INLINE = re.compile(rf"\]\([ \t]{{0,9}}(?:{_ADDRESS}){_TITLE}[ \t]{{0,9}}\)")
_DEFINED = re.compile(rf"^ {{0,3}}\[([^\[\]\n]{{1,200}})\]:[ \t]{{0,9}}(?:{_ADDRESS})", re.MULTILINE)
_REFERRED = re.compile(r"\[([^\[\]\n]{1,200})\](?![(:])(?:\[([^\[\]\n]{0,200})\])?")
_BRACKETED = re.compile(r"<(https?://[^\s<>]{1,500})>", re.IGNORECASE)
_HTML = re.compile(
    r"""<a\s[^<>]{0,300}?href\s{0,9}=\s{0,9}(?:"([^"\n]{1,500})"|'([^'\n]{1,500})')[^<>]{0,300}>""",
    re.IGNORECASE,
)
_WIKI = re.compile(r"(?<!!)\[\[([^\[\]\n|#^]{1,200})(?:[#^][^\[\]\n|]{0,200})?(?:\|[^\[\]\n]{0,300})?\]\]")
_CODE = re.compile(r"(?<!`)(`{1,3})(?!`)[^`\n]{1,1000}\1(?!`)")
_BEHIND = 500  # signs of a link's text
_MOST_DEFINED = 10_000

Spans = Sequence[tuple[int, int]]


def links_of(text: str, fences: Spans, most: int) -> list[Link]:
    """The first ones, in the order of the text; those in code between `fences` are none."""
    code = sorted([*fences, *(match.span() for match in _CODE.finditer(text))])
    starts = [start for start, _ in code]

    def is_code(at: int) -> bool:
        index = bisect_right(starts, at) - 1
        return index >= 0 and at < code[index][1]

    kinds = (_inline(text), _referred(text), _bracketed(text), _wiki(text))
    found = [link for kind in kinds for link in islice((one for one in kind if not is_code(one.start)), most)]
    return sorted(found, key=lambda one: (one.start, one.end))[:most]


def _inline(text: str) -> Iterator[Link]:
    for match in _INLINE.finditer(text):
        start = _opening(text, match.start())
        if start >= 0 and text[start - 1 : start] != "!":
            yield Link(start=start, end=match.end(), target=match[1] or match[2])


def _opening(text: str, closing: int) -> int:
    """Where the bracket that closes there was opened; -1 when that is too far away or nowhere."""
    depth = 0
    for at in range(closing, max(-1, closing - _BEHIND), -1):
        depth += {"]": 1, "[": -1}.get(text[at], 0)
        if not depth:
            return at
    return -1


def _referred(text: str) -> Iterator[Link]:
    defined: dict[str, str] = {}
    for match in islice(_DEFINED.finditer(text), _MOST_DEFINED):
        defined.setdefault(_label(match[1]), match[2] or match[3])
    if not defined:
        return
    for match in _REFERRED.finditer(text):
        target = defined.get(_label(match[2] or match[1]))
        if target and text[match.start() - 1 : match.start()] != "!":
            yield Link(start=match.start(), end=match.end(), target=target)


def _label(text: str) -> str:
    return " ".join(fold(text).split())


def _bracketed(text: str) -> Iterator[Link]:
    for match in _BRACKETED.finditer(text):
        yield Link(start=match.start(), end=match.end(), target=match[1])
    for match in _HTML.finditer(text):
        yield Link(start=match.start(), end=match.end(), target=match[1] or match[2])


def _wiki(text: str) -> Iterator[Link]:
    for match in _WIKI.finditer(text):
        if page := match[1].strip().rstrip("\\"):  # in tables the bar has one before it
            yield Link(start=match.start(), end=match.end(), target=f"[[{page}]]")
