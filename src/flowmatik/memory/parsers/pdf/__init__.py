"""PDF: the text layer, page by page, columns in the order in which they are read, tables as rows. Lines that
repeat on most pages (running heads and feet) stay in the text but in no passage."""

import threading
import unicodedata
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.parsers.pdf.geometry import Line, Piece, lines_of, turned
from flowmatik.memory.parsers.pdf.layout import furniture, page_blocks
from flowmatik.memory.parsers.pdf.links import Anchor, anchors_of, links_of
from flowmatik.memory.parsers.pdf.pages import Page, page_of, usual_height
from flowmatik.memory.parsing import Block, Document, Link, Source, check_length, clean

_LIBRARY = threading.Lock()  # PDFium has one state for all threads
_ILLEGIBLE = 0.3  # share of characters that mean nothing, above which the text is no text
_PASSWORD = 4  # FPDF_ERR_PASSWORD of fpdfview.h


def build(settings: object) -> "PdfParser":
    return PdfParser()


class PdfParser:
    def parse(self, source: Source) -> Document:
        with _LIBRARY, _opened(source) as document:
            lines, anchors = _lines(document, source)
            title = clean(str(document.get_metadata_value("Title") or "")).strip()
        usual = usual_height(lines)
        pages = [page_of(page, usual) for page in lines]
        _check_legible(source, "".join(page.text for page in pages))
        return _document(pages, anchors, title)


@contextmanager
def _opened(source: Source) -> Generator[Any]:
    import pypdfium2

    library = cast("Any", pypdfium2)
    try:
        document = library.PdfDocument(source.data)
    except library.PdfiumError as error:
        if getattr(error, "err_code", None) == _PASSWORD or "password" in str(error).lower():
            raise DocumentError(
                f"{source.name}: the PDF is encrypted; save a copy without a password",
                code="document.encrypted",
            ) from error
        raise _unreadable(source, str(error)) from error
    try:
        yield document
    except (library.PdfiumError, ValueError, IndexError) as error:
        raise _unreadable(source, str(error)) from error
    finally:
        document.close()


def _unreadable(source: Source, why: str) -> DocumentError:
    return DocumentError(
        f"{source.name}: cannot read the PDF: {why}; open it and save it again",
        code="document.unreadable",
        context={"why": why},
    )


def _lines(document: Any, source: Source) -> tuple[list[list[Line]], list[list[Anchor]]]:
    if len(document) > source.limits.max_pages:
        raise DocumentError(
            f"{source.name}: more than {source.limits.max_pages} pages; split the file",
            code="document.too_large",
        )
    pages: list[list[Line]] = []
    anchors: list[list[Anchor]] = []
    length = 0
    for number in range(len(document)):
        source.check_time()
        pieces, found = _pieces(document, number)
        pages.append(lines_of(pieces))
        anchors.append(found)
        length += sum(len(line.text) for line in pages[-1])
        check_length(source, length)
    return pages, anchors


def _pieces(document: Any, number: int) -> tuple[list[Piece], list[Anchor]]:
    """A page that is broken is empty; the others are read."""
    import pypdfium2

    try:
        page = document[number]
    except cast("Any", pypdfium2).PdfiumError:
        return [], []
    try:
        layer = page.get_textpage()
        boxes = [layer.get_rect(index) for index in range(layer.count_rects())]
        pieces = [Piece(str(layer.get_text_bounded(*box)), *map(float, box)) for box in boxes]
        whole = [turned(piece, page.get_rotation()) for piece in pieces]
        return whole, anchors_of(document, page, layer)
    finally:
        page.close()


def _check_legible(source: Source, text: str) -> None:
    """No text layer, or one in a font that does not say which characters its signs are."""
    signs = [c for c in text[:200_000] if not c.isspace()]
    strange = sum(unicodedata.category(c) in {"Cc", "Cn", "Co", "Cs"} or c == "\ufffd" for c in signs)
    if not signs:
        raise DocumentError(
            f"{source.name}: the PDF has no text layer (a scan?); run OCR on it first",
            code="document.no_text",
        )
    if strange > _ILLEGIBLE * len(signs):
        raise DocumentError(
            f"{source.name}: the fonts of the PDF do not say which characters they show; run OCR on it first",
            code="document.no_text",
        )


def _document(pages: list[Page], anchors: list[list[Anchor]], title: str) -> Document:
    running = _running_lines(pages)
    links: list[Link] = []
    starts: list[int] = []
    blocks: list[Block] = []
    offset = 0
    for page, found in zip(pages, anchors, strict=True):
        starts.append(offset)
        links += links_of(found, page.text, offset)
        blocks.extend(page_blocks(page.text, offset, running, page.levels))
        offset += len(page.text) + 2
    return Document(
        text="\n\n".join(page.text for page in pages),
        blocks=tuple(blocks),
        title=title,
        pages=tuple(starts),
        links=tuple(links),
    )


def _running_lines(pages: list[Page]) -> frozenset[str]:
    edges: Counter[str] = Counter()
    for page in pages:
        lines = [line.strip() for line in page.text.split("\n") if line.strip()]
        edges.update(furniture(line) for line in {*lines[:1], *lines[-1:]})
    return frozenset(line for line, count in edges.items() if count >= 2 and count * 2 > len(pages))
