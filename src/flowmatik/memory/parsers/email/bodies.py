"""The bodies of a message as blocks."""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.markup import HtmlParser
from flowmatik.memory.parsing import Document, Link, Source, TextBuilder, clean, paragraphs

_MOST_ANCHORS = 500  # of the HTML beside a plain body


def add_plain(builder: TextBuilder, text: str) -> tuple[int, str]:
    """Where it begins, and as it was added."""
    plain = clean(text.replace("\r\n", "\n").replace("\r", "\n"))
    start, added = builder.position, list[str]()
    for first, last in paragraphs(plain, 0, len(plain)):
        added.append(plain[first:last])
        quoted = added[-1].lstrip().startswith((">", "|", "- ", "* "))
        builder.add(added[-1], "lines" if quoted else "text")
    return start, "\n\n".join(added)


def add_html(builder: TextBuilder, source: Source, markup: str) -> Iterator[Link]:
    document = _read(source, markup)
    links = deque(document.links)
    for block in document.blocks:
        level = block.level + 1 if block.level else 0
        moved = builder.add(document.text[block.start : block.end], block.kind, level) - block.start
        while links and links[0].start < block.end:
            link = links.popleft()
            yield Link(start=link.start + moved, end=link.end + moved, target=link.target)


def links_beside(source: Source, markup: str, start: int, text: str) -> Iterator[Link]:
    """Those of a body in HTML by their words in the plain one, which says the same and begins at `start`."""
    try:
        document = _read(source, markup)
    except DocumentError:  # nobody reads it but for them
        return
    at = 0
    for link in document.links[:_MOST_ANCHORS]:
        words = document.text[link.start : link.end].split()
        if found := re.compile(r"\s+".join(map(re.escape, words))).search(text, at):
            at = found.end()
            yield Link(start=start + found.start(), end=start + at, target=link.target)


def _read(source: Source, markup: str) -> Document:
    return HtmlParser().parse(replace(source, data=markup.encode("utf-8", "replace")))
