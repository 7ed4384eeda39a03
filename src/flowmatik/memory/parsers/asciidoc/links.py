"""Links in AsciiDoc: macros (`link:`, `xref:`, addresses with words in brackets) and `<<file#part>>`."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from flowmatik.memory.parsing import Link

_MACRO = re.compile(r"(?<![\w\\])(link|xref):(?!:)([^\s\[\]]{1,500})\[([^\[\]]{0,500})\]")
_ADDRESS = re.compile(r"(?<![\w:\\])(https?://[^\s\[\]<>]{1,500})\[([^\[\]]{0,500})\]")
_CROSS = re.compile(r"(?<!\\)<<([^<>\n,]{1,500})(?:,[^<>]{0,500})?>>")
_CODE = re.compile(r"(?<!`)`[^`\n]{1,1000}`(?!`)")


def links_of(text: str, fences: Sequence[tuple[int, int]], most: int) -> list[Link]:
    """The first ones, in the order of the text; those in listings and code are none."""
    code = sorted([*_listings(text, fences), *(match.span() for match in _CODE.finditer(text))])
    starts = [start for start, _ in code]

    def is_code(at: int) -> bool:
        index = bisect_right(starts, at) - 1
        return index >= 0 and at < code[index][1]

    found = [one for one in _all(text) if not is_code(one.start)]
    return sorted(found, key=lambda one: (one.start, one.end))[:most]


def _listings(text: str, fences: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Examples, quotes, side notes and tables are read like other text."""
    return (span for span in fences if text[span[0]] in "-.")


def _all(text: str) -> Iterator[Link]:
    for match in _MACRO.finditer(text):
        target = match[2] if match[1] == "link" else _file(match[2])
        if target:
            yield Link(start=match.start(), end=match.end(), target=target)
    for match in _ADDRESS.finditer(text):
        yield Link(start=match.start(), end=match.end(), target=match[1])
    for match in _CROSS.finditer(text):
        if target := _file(match[1].strip()):
            yield Link(start=match.start(), end=match.end(), target=target)


def _file(written: str) -> str:
    """The file that is meant; "" for a part of this one. Its suffix may be left out before "#"."""
    path, sign, part = written.partition("#")
    if not path or not (sign or path.endswith((".adoc", ".asciidoc"))):
        return ""
    suffix = "" if "." in path.rpartition("/")[2] else ".adoc"
    return f"{path}{suffix}{sign}{part}"
