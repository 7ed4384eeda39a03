"""OpenDocument text (ODF 1.3, part 3): paragraphs, headings, lists and tables in their order."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from importlib import import_module
from typing import Any, cast

from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.packages import check_package, unreadable
from flowmatik.memory.parsing import Document, Link, Source, TextBuilder, clean
from flowmatik.memory.tabular import add_rows

_xml = cast("Any", import_module("lxml.etree"))  # it has no types
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_XLINK = "{http://www.w3.org/1999/xlink}"
_UNSAID = frozenset({f"{_TEXT}tracked-changes", f"{_OFFICE}annotation", f"{_TEXT}sequence-decls"})
_DEEPEST = 100
_MOST_REPEATED = 64


def build(settings: object) -> "OdtParser":
    return OdtParser()


class OdtParser:
    def parse(self, source: Source) -> Document:
        check_package(source)
        builder, links = TextBuilder(source), list[Link]()
        try:
            with zipfile.ZipFile(io.BytesIO(source.data)) as archive:
                if b"encryption-data" in archive.read("META-INF/manifest.xml"):
                    raise DocumentError(
                        f"{source.name}: the document is encrypted; save a copy without a password",
                        code="document.encrypted",
                    )
                content = archive.read("content.xml")
            safe = _xml.XMLParser(resolve_entities=False, no_network=True)
            body = _xml.fromstring(content, safe).find(f".//{_OFFICE}text")
        except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, OSError, SyntaxError) as error:
            raise unreadable(source, str(error)) from error
        if body is not None:
            _add(builder, links, body, 0)
        text = builder.text()
        title = next((text[b.start : b.end] for b in builder.blocks if b.kind == "heading"), "")
        return Document(text=text, blocks=tuple(builder.blocks), title=title, links=tuple(links))


def _add(builder: TextBuilder, links: list[Link], parent: Any, depth: int, mark: str = "") -> None:
    for element in parent:
        tag = str(element.tag)
        if tag == f"{_TEXT}h" and (text := _words(element)):
            level = element.get(f"{_TEXT}outline-level") or "1"
            start = builder.add(text, "heading", int(level) if level.isdigit() else 1)
            links += _links(element, text, start)
        elif tag == f"{_TEXT}p" and (text := _words(element)):
            start = builder.add(mark + text, "lines" if mark else "text")
            links += _links(element, text, start + len(mark))
        elif tag == f"{_TABLE}table":
            add_rows(builder, [_cells(row) for row in element.iter(f"{_TABLE}table-row")])
        elif tag not in _UNSAID and depth < _DEEPEST:
            _add(builder, links, element, depth + 1, "- " if tag == f"{_TEXT}list" else mark)


def _links(element: Any, text: str, start: int) -> Iterator[Link]:
    at = 0
    for anchor in element.iter(f"{_TEXT}a"):
        words, target = _words(anchor), clean(str(anchor.get(f"{_XLINK}href") or ""))
        found = text.find(words, at) if words and target else -1
        if found >= 0:
            at = found + len(words)
            # what lies beside the file is above all that lies in it (ODF 1.3, part 2, 3.7)
            yield Link(start=start + found, end=start + at, target=target.removeprefix("../"))


def _cells(row: Any) -> list[str]:
    cells: list[str] = []
    for cell in row.iterchildren(f"{_TABLE}table-cell"):
        again = cell.get(f"{_TABLE}number-columns-repeated") or "1"
        times = min(int(again), _MOST_REPEATED) if again.isdigit() else 1
        cells += [" ".join(filter(None, map(_words, cell.iter(f"{_TEXT}p"))))] * times
    return cells


def _words(element: Any) -> str:
    """Its text; spaces, tabs and breaks are elements."""
    parts: list[str] = []
    for event, node in _xml.iterwalk(element, events=("start", "end")):
        if event == "start":
            if node.tag in {f"{_TEXT}s", f"{_TEXT}tab", f"{_TEXT}line-break"}:
                parts.append(" ")
            parts.append(node.text or "")
        elif node is not element:
            parts.append(node.tail or "")
    return " ".join(clean("".join(parts)).split())
