"""PowerPoint: slides in order, each a page, with its title, texts, tables and notes."""

import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

from flowmatik.memory.packages import check_package, unreadable
from flowmatik.memory.parsing import Document, Source, TextBuilder, clean
from flowmatik.memory.tabular import add_rows

if TYPE_CHECKING:
    from pptx.slide import Slide

_DEEPEST = 20  # groups in groups


def build(settings: object) -> "PptxParser":
    return PptxParser()


class PptxParser:
    def parse(self, source: Source) -> Document:
        check_package(source)
        import pptx
        from pptx.exc import PythonPptxError

        builder = TextBuilder(source)
        pages: list[int] = []
        try:
            deck = pptx.Presentation(io.BytesIO(source.data))
            for slide in deck.slides:
                pages.append(builder.position)
                if cast("Any", slide).element.get("show") != "0":  # hidden ones are for nobody
                    _add_slide(builder, slide)
        except (PythonPptxError, SyntaxError, KeyError, ValueError, TypeError, AttributeError, IndexError,
                OSError, zipfile.BadZipFile, zlib.error, RecursionError) as error:  # fmt: skip
            raise unreadable(source, str(error)) from error
        text = builder.text()
        title = next((text[b.start : b.end] for b in builder.blocks if b.kind == "heading"), "")
        return Document(text=text, blocks=tuple(builder.blocks), title=title, pages=tuple(pages))


def _add_slide(builder: TextBuilder, slide: "Slide") -> None:
    title = slide.shapes.title
    named = " ".join(clean(title.text_frame.text).split()) if title is not None else ""
    if named:
        builder.add(named, "heading", 1)
    for shape in _in_reading_order(slide.shapes, 0):
        if title is not None and shape.shape_id == title.shape_id:
            continue
        if shape.has_text_frame:
            _add_text(builder, shape.text_frame.text)
        elif shape.has_table:
            add_rows(builder, [[clean(cell.text) for cell in row.cells] for row in shape.table.rows])
    if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None:
        _add_text(builder, notes.text)


def _add_text(builder: TextBuilder, text: str) -> None:
    lines = [" ".join(line.split()) for line in clean(text).replace("\v", "\n").split("\n")]
    said = "\n".join(line for line in lines if line)
    if said:
        builder.add(said, "lines" if "\n" in said else "text")


def _in_reading_order(shapes: Iterable[Any], depth: int) -> Iterator[Any]:
    """From top to bottom, then from left to right; groups from within."""
    for shape in sorted(shapes, key=lambda one: (one.top or 0, one.left or 0)):
        if hasattr(shape, "shapes"):
            if depth < _DEEPEST:
                yield from _in_reading_order(shape.shapes, depth + 1)
        else:
            yield shape
