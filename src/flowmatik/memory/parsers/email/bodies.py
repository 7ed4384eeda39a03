"""The bodies of a message as blocks."""

from dataclasses import replace

from flowmatik.memory.markup import HtmlParser
from flowmatik.memory.parsing import Source, TextBuilder, clean, paragraphs


def add_plain(builder: TextBuilder, text: str) -> None:
    plain = clean(text.replace("\r\n", "\n").replace("\r", "\n"))
    for start, end in paragraphs(plain, 0, len(plain)):
        quoted = plain[start:end].lstrip().startswith((">", "|", "- ", "* "))
        builder.add(plain[start:end], "lines" if quoted else "text")


def add_html(builder: TextBuilder, source: Source, markup: str) -> None:
    document = HtmlParser().parse(replace(source, data=markup.encode("utf-8", "replace")))
    for block in document.blocks:
        level = block.level + 1 if block.level else 0
        builder.add(document.text[block.start : block.end], block.kind, level)
