"""Word documents: paragraphs, headings, lists and tables in their order."""

import io
import re
import zipfile
from typing import TYPE_CHECKING

from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.parsing import Document, Source, TextBuilder, clean, table_text

if TYPE_CHECKING:
    from docx.table import Table
    from docx.text.paragraph import Paragraph

_HEADING = re.compile(r"^(?:heading|título|titulo|encabezado)\s*(\d)$", re.IGNORECASE)
_OLE = b"\xd0\xcf\x11\xe0"


def build(settings: object) -> "DocxParser":
    return DocxParser()


class DocxParser:
    def parse(self, source: Source) -> Document:
        _check_package(source)
        import docx
        from docx.opc.exceptions import OpcError
        from docx.table import Table

        builder = TextBuilder(source)
        try:
            for item in docx.Document(io.BytesIO(source.data)).iter_inner_content():
                if isinstance(item, Table):
                    _add_table(builder, item)
                else:
                    _add_paragraph(builder, item)
        except (OpcError, SyntaxError, KeyError, ValueError, TypeError, AttributeError, IndexError,
                OSError, zipfile.BadZipFile, RecursionError) as error:  # fmt: skip
            raise _unreadable(source, str(error)) from error
        text = builder.text()
        title = next((text[b.start : b.end] for b in builder.blocks if b.kind == "heading"), "")
        return Document(text=text, blocks=tuple(builder.blocks), title=title)


def _check_package(source: Source) -> None:
    """Before anything is unpacked: what the archive says it unpacks to. Reading stops at the
    declared size (zipfile checks it), so an archive that lies is cut off there."""
    if source.data.startswith(_OLE):
        raise DocumentError(
            f"{source.name}: the document is encrypted, or an old .doc; save it as .docx without a password",
            code="document.encrypted",
        )
    try:
        with zipfile.ZipFile(io.BytesIO(source.data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise _unreadable(source, str(error)) from error
    if any(entry.flag_bits & 1 for entry in entries):
        raise DocumentError(
            f"{source.name}: the document is encrypted; save a copy without a password",
            code="document.encrypted",
        )
    unpacked = sum(entry.file_size for entry in entries)
    limits = source.limits
    worst = max((e.file_size / max(1, e.compress_size) for e in entries if e.file_size > 1 << 20), default=0)
    if unpacked > limits.max_unpacked_bytes or worst > limits.max_ratio or len(entries) > 20_000:
        raise DocumentError(
            f"{source.name}: unpacks to {unpacked} bytes ({worst:.0f} times its size), above the limit of "
            f"{limits.max_unpacked_bytes} bytes or {limits.max_ratio} times; split the document",
            code="document.too_large",
            context={"unpacked": unpacked, "ratio": round(worst)},
        )


def _add_paragraph(builder: TextBuilder, paragraph: "Paragraph") -> None:
    text = clean(paragraph.text).strip()
    if not text:
        return
    style = (paragraph.style.name if paragraph.style is not None else None) or ""
    match = _HEADING.match(style)
    if match or style in {"Title", "Título", "Puesto"}:
        builder.add(" ".join(text.split()), "heading", 1 + int(match[1]) if match else 1)
    elif style.startswith(("List", "Lista")):
        builder.add(f"- {text}", "lines")
    else:
        builder.add(text, "text")


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
    if any(cell.strip() for row in rows for cell in row):
        builder.add(table_text(rows), "lines")


def _unreadable(source: Source, why: str) -> DocumentError:
    return DocumentError(
        f"{source.name}: cannot read the Word document: {why}; open it and save it again",
        code="document.unreadable",
        context={"why": why},
    )
