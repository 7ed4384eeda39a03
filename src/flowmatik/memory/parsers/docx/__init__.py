"""Word documents: paragraphs, headings, lists and tables in their order."""

import io
import re
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from flowmatik.memory.packages import check_package, unreadable
from flowmatik.memory.parsing import Document, Link, Source, TextBuilder, clean
from flowmatik.memory.tabular import add_rows

if TYPE_CHECKING:
    from docx.document import Document as Written
    from docx.table import Table
    from docx.text.paragraph import Paragraph

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_HEADING = re.compile(r"^(?:heading|título|titulo|encabezado)\s*(\d)$", re.IGNORECASE)


def build(settings: object) -> "DocxParser":
    return DocxParser()


class DocxParser:
    def parse(self, source: Source) -> Document:
        check_package(source)
        import docx
        from docx.opc.exceptions import OpcError
        from docx.table import Table

        builder, links = TextBuilder(source), list[Link]()
        try:
            document = docx.Document(io.BytesIO(source.data))
            _add_edges(builder, document, "header")
            for item in document.iter_inner_content():
                if isinstance(item, Table):
                    _add_table(builder, item)
                else:
                    links += _add_paragraph(builder, item)
            _add_notes(builder, document)
            _add_edges(builder, document, "footer")
        except (OpcError, SyntaxError, KeyError, ValueError, TypeError, AttributeError, IndexError,
                OSError, zipfile.BadZipFile, RecursionError) as error:  # fmt: skip
            raise unreadable(source, str(error)) from error
        text = builder.text()
        title = next((text[b.start : b.end] for b in builder.blocks if b.kind == "heading"), "")
        return Document(text=text, blocks=tuple(builder.blocks), title=title, links=tuple(links))


def _add_edges(builder: TextBuilder, document: "Written", which: Literal["header", "footer"]) -> None:
    """Running heads or feet, each once: often the version stands nowhere else."""
    seen: set[str] = set()
    for section in document.sections:
        edge = section.header if which == "header" else section.footer
        said = [] if edge.is_linked_to_previous else [clean(one.text).strip() for one in edge.paragraphs]
        for text in said:
            if text and text not in seen:
                seen.add(text)
                builder.add(text, "text")


def _add_notes(builder: TextBuilder, document: "Written") -> None:
    """Footnotes and endnotes after the text, by their numbers."""
    from docx.oxml import parse_xml

    package = document.part.package
    for part in package.iter_parts() if package is not None else ():
        if str(part.partname) not in {"/word/footnotes.xml", "/word/endnotes.xml"}:
            continue
        root: Any = parse_xml(part.blob)
        number = 0
        for note in root:
            words = clean("".join(str(one.text or "") for one in note.iter(f"{_WORD}t"))).strip()
            if words and note.get(f"{_WORD}type") is None:  # others are separators
                number += 1
                builder.add(f"[{number}] {words}", "text")


def _add_paragraph(builder: TextBuilder, paragraph: "Paragraph") -> Iterator[Link]:
    text = clean(paragraph.text).strip()
    if not text:
        return
    style = (paragraph.style.name if paragraph.style is not None else None) or ""
    match = _HEADING.match(style)
    if match or style in {"Title", "Título", "Puesto"}:
        text = " ".join(text.split())
        start = builder.add(text, "heading", 1 + int(match[1]) if match else 1)
    elif style.startswith(("List", "Lista")):
        start = builder.add(f"- {text}", "lines") + 2
    else:
        start = builder.add(text, "text")
    at = 0
    for link in paragraph.hyperlinks:
        words = clean(link.text).strip()
        found = text.find(words, at) if words and link.address else -1
        if found >= 0:
            at = found + len(words)
            yield Link(start=start + found, end=start + at, target=clean(link.address))


def _add_table(builder: TextBuilder, table: "Table") -> None:
    rows: list[list[str]] = []
    for row in table.rows:
        cells: list[str] = []
        seen: set[int] = set()
        for cell in row.cells:  # merged cells come once per column
            if id(cell._tc) not in seen:  # pyright: ignore[reportPrivateUsage]
                seen.add(id(cell._tc))  # pyright: ignore[reportPrivateUsage]
                cells.append(clean(cell.text))
        rows.append(cells)
    add_rows(builder, rows)
