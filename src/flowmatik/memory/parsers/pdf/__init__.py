"""PDF: the text layer, page by page. Lines that repeat on most pages (running heads and feet)
stay in the text but in no passage."""

import io
import logging
from collections import Counter
from typing import Any

from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.parsers.pdf.layout import furniture, page_blocks
from flowmatik.memory.parsing import Block, Document, Source, check_length, clean

_PDF_LOG = logging.getLogger("pypdf")


def build(settings: object) -> "PdfParser":
    return PdfParser()


class PdfParser:
    def parse(self, source: Source) -> Document:
        import pypdf
        from pypdf.errors import PyPdfError

        _PDF_LOG.setLevel(logging.CRITICAL)  # it warns about every oddity of every file
        try:
            reader = pypdf.PdfReader(io.BytesIO(source.data))
            if reader.is_encrypted:
                raise DocumentError(
                    f"{source.name}: the PDF is encrypted; save a copy without a password",
                    code="document.encrypted",
                )
            pages, title = self._pages(reader, source), self._title(reader)
        except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError,
                OSError, OverflowError, AssertionError, NotImplementedError) as error:  # fmt: skip
            raise DocumentError(
                f"{source.name}: cannot read the PDF: {error}; open it and save it again",
                code="document.unreadable",
                context={"why": str(error)},
            ) from error
        if not any(page.strip() for page in pages):
            raise DocumentError(
                f"{source.name}: the PDF has no text layer (a scan?); run OCR on it first",
                code="document.no_text",
            )
        return _document(pages, title)

    def _pages(self, reader: Any, source: Source) -> list[str]:
        pages: list[str] = []
        length = 0
        for page in reader.pages:
            source.check_time()
            if len(pages) >= source.limits.max_pages:
                raise DocumentError(
                    f"{source.name}: more than {source.limits.max_pages} pages; split the file",
                    code="document.too_large",
                )
            text = clean(page.extract_text())
            pages.append(text)
            length += len(text)
            check_length(source, length)
        return pages

    def _title(self, reader: Any) -> str:
        metadata = reader.metadata
        return str(metadata.title or "").strip() if metadata else ""


def _document(pages: list[str], title: str) -> Document:
    running = _running_lines(pages)
    starts: list[int] = []
    blocks: list[Block] = []
    offset = 0
    for page in pages:
        starts.append(offset)
        blocks.extend(page_blocks(page, offset, running))
        offset += len(page) + 2
    return Document(text="\n\n".join(pages), blocks=tuple(blocks), title=title, pages=tuple(starts))


def _running_lines(pages: list[str]) -> frozenset[str]:
    edges: Counter[str] = Counter()
    for page in pages:
        lines = [line.strip() for line in page.split("\n") if line.strip()]
        edges.update(furniture(line) for line in {*lines[:1], *lines[-1:]})
    return frozenset(line for line, count in edges.items() if count >= 2 and count * 2 > len(pages))
