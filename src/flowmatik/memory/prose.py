"""What of a text may be quoted as somebody's words: no front matter, table row, heading or code."""

import re
from collections.abc import Iterator

_FENCE = re.compile(r"\s*(?:```|~~~)")
_OTHER = re.compile(r"\s*(?:>\s*)*(?:\||#{1,6}\s)|.*\s\|\s")  # a row, or a heading
_FIELD = re.compile(r"\s*[\w\"'-][\w\"' .-]{0,40}\s*[:=](?:\s|$)|\s*- |\s{2,}\S|\s*[\]}]|\s*#")
_EDGES = {"---": ("---", "..."), "+++": ("+++",)}


def prose(text: str) -> list[str]:
    """Parts of `text`, word by word."""
    lines = text.split("\n")
    found: list[str] = []
    run: list[str] = []
    inside = False
    for line in lines[_front_matter(lines) :]:
        if _FENCE.match(line):
            inside = not inside
        elif not (inside or _OTHER.match(line)):
            run.append(line)
            continue
        found += _joined(run)
        run = []
    return [*found, *_joined(run)]


def _front_matter(lines: list[str]) -> int:
    """How many lines it has: up to its end, or as far as a passage that was cut has fields of it."""
    ends = _EDGES.get(lines[0].rstrip()) if lines else None
    if ends is None:
        return 0
    for at, line in enumerate(lines[1:], start=1):
        if line.rstrip() in ends:
            return at + 1
        if not _FIELD.match(line):
            return 0 if at == 1 else at
    return len(lines)


def _joined(run: list[str]) -> Iterator[str]:
    text = "\n".join(run)
    if text.strip():
        yield text
