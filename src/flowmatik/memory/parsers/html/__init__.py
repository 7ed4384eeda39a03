"""HTML files: see `flowmatik.memory.markup`, which letters in HTML are read with too."""

from flowmatik.memory.markup import HtmlParser


def build(settings: object) -> HtmlParser:
    return HtmlParser()
