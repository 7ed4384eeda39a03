"""Links in reStructuredText: in backquotes, by name, and the documents that Sphinx calls by their path."""

import re
from collections.abc import Iterator
from itertools import islice

from flowmatik.memory.language import fold
from flowmatik.memory.parsing import Link

_INLINE = re.compile(r"(?<![\w:`\\])`([^`<>]{0,500}?)<([^`<>\s]{1,500})>`__?(?!\w)")
_NAMED = re.compile(
    r"^[ \t]{0,20}\.\. _(?:`([^`\n]{1,200})`|([^:`\n]{1,200})):[ \t]{1,20}(\S{1,500})[ \t]*$", re.MULTILINE
)
_QUOTED = re.compile(r"(?<![\w:`\\])`([^`<>]{1,300})`_(?![\w_])")
_BARE = re.compile(r"(?<![\w`<_\\])(\w[\w.+-]{0,100}?)_(?![\w`_])")
_SPHINX = re.compile(r":(?:doc|any):`(?:[^`<>]{0,500}?<([^`<>\s]{1,500})>|([^`<>\s]{1,500}))`")
_MOST_NAMED = 10_000


def links_of(text: str, most: int) -> list[Link]:
    """The first ones, in the order of the text."""
    named = {_name(match[1] or match[2]): match[3] for match in islice(_NAMED.finditer(text), _MOST_NAMED)}
    found = sorted(_all(text, named), key=lambda one: (one.start, one.end))
    return found[:most]


def _all(text: str, named: dict[str, str]) -> Iterator[Link]:
    for match in _INLINE.finditer(text):
        target = match[2]
        if target.endswith("_"):  # by the name of another
            target = named.get(_name(target[:-1]), "")
        if target:
            yield Link(start=match.start(), end=match.end(), target=target)
    for pattern in (_QUOTED, _BARE) if named else ():
        for match in pattern.finditer(text):
            if target := named.get(_name(match[1])):
                yield Link(start=match.start(), end=match.end(), target=target)
    for match in _SPHINX.finditer(text):
        path = (match[1] or match[2]).removesuffix(".rst")
        yield Link(start=match.start(), end=match.end(), target=f"{path}.rst")


def _name(text: str) -> str:
    return " ".join(fold(text).split())
