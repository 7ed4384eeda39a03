"""A space in HTML: each page without what Confluence writes around it, and its attachments."""

import re
from collections import Counter
from collections.abc import Iterator
from html import escape
from importlib import import_module
from pathlib import PurePosixPath
from typing import Any, cast

from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.source_kinds.confluence.storage import check_depth
from flowmatik.memory.source_parts.archives import Archive, Member
from flowmatik.memory.source_parts.exports import Filed, Piece
from flowmatik.memory.source_parts.made import Made

_html = cast("Any", import_module("lxml.html"))  # it has no types
_etree = cast("Any", import_module("lxml.etree"))
_MOST_PAGE = 10 * 1024 * 1024
_ATTACHED = re.compile(r"(?:.*/)?attachments/(?P<page>[^/]+)/(?P<name>.+)")
_PAGE_ID = re.compile(r"(?:.*_)?(\d+)")


def pages_of(archive: Archive) -> Iterator[Piece]:
    made = [_page(archive, one) for name, one in archive.members.items() if _is_page(name)]
    times = Counter(one.path for one, _ in made)
    places: dict[str, str] = {}
    for piece, page_id in made:
        path = piece.path
        if times[path] > 1:
            path = f"{path.removesuffix('.html')} {page_id}.html"
        places[page_id] = path.removesuffix(".html")
        yield Made(path=path, data=piece.data, metadata=piece.metadata, dated=piece.dated, fault=piece.fault)
    for name, member in archive.members.items():
        if found := _ATTACHED.fullmatch(name):
            place = places.get(found["page"], f"attachments/{found['page']}")
            yield Filed(path=f"{place}/{found['name']}", member=member, metadata={"page_id": found["page"]})


def _is_page(name: str) -> bool:
    pure = PurePosixPath(name)
    return pure.suffix == ".html" and pure.name != "index.html" and not _ATTACHED.fullmatch(name)


def _page(archive: Archive, member: Member) -> tuple[Made, str]:
    """With the id that stands in its file's name."""
    stem = PurePosixPath(member.name).stem
    numbered = _PAGE_ID.fullmatch(stem)
    page_id = numbered[1] if numbered else stem
    parser = _html.HTMLParser(encoding="utf-8", huge_tree=True)
    try:
        root = _html.document_fromstring(archive.read(member, _MOST_PAGE), parser=parser)
        check_depth(root, member.name)
    except DocumentError as fault:
        return Made(path=member.name, fault=fault), page_id
    except (_etree.ParserError, ValueError):
        return Made(path=member.name), page_id  # empty; whoever reads it says so
    crumbs = [_words(one) for one in root.xpath('//*[@id="breadcrumbs"]//a')]
    title = _words(next(iter(root.xpath('//*[@id="title-text"]')), root.find(".//title")))
    title = title.partition(" : ")[2] or title or stem
    said = {
        "title": title,
        "parent": "/".join(crumbs),
        "page_id": page_id,
        "author": _words(
            next(iter(root.xpath('//*[contains(@class, "page-metadata")]//*[@class="author"]')), None)
        ),
    }
    body = next(iter(root.xpath('//*[@id="main-content"]')), root.find("body"))
    inner = (
        _etree.tostring(body, encoding="unicode", method="html", with_tail=False) if body is not None else ""
    )
    shown = escape(title)
    text = f'<html><head><meta charset="utf-8"><title>{shown}</title></head><body><h1>{shown}</h1>{inner}'
    path = "/".join(one.replace("/", "-") for one in (*crumbs, title) if one)
    return (
        Made(
            path=f"{path}.html",
            data=f"{text}</body></html>".encode("utf-8", "replace"),
            metadata={key: value[:1000] for key, value in said.items() if value},
        ),
        page_id,
    )


def _words(element: Any) -> str:
    return "" if element is None else " ".join("".join(element.itertext()).split())[:150]
