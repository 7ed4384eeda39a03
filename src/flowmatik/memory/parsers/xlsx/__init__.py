"""Excel workbooks: each visible sheet as tables, whose lines are the sheet's rows. Formulas show the value
that Excel saved with them."""

import io
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, cast

from flowmatik.memory.packages import check_package, unreadable
from flowmatik.memory.parsing import Document, Source, TextBuilder, clean
from flowmatik.memory.tabular import add_rows

_RUN = 2000  # rows that are held at once
_MOST_COLUMNS = 512

Row = tuple[int, list[str]]


def build(settings: object) -> "XlsxParser":
    return XlsxParser()


class XlsxParser:
    def parse(self, source: Source) -> Document:
        import openpyxl

        check_package(source)
        builder = TextBuilder(source)
        lines: list[tuple[int, int]] = []
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it warns about every feature that it does not read
                book = cast("Any", openpyxl).load_workbook(
                    io.BytesIO(source.data), read_only=True, data_only=True, keep_links=False
                )
                for sheet in book.worksheets:
                    if sheet.sheet_state == "visible":
                        lines += _Sheet(builder).read(sheet)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, OSError, SyntaxError,
                zipfile.BadZipFile, zlib.error) as error:  # fmt: skip
            raise unreadable(source, str(error)) from error
        return Document(text=builder.text(), blocks=tuple(builder.blocks), lines=tuple(lines))


class _Sheet:
    """Tables are parted by empty rows; one that begins without a header has that of the one before."""

    def __init__(self, builder: TextBuilder) -> None:
        self._builder = builder
        self._lines: list[tuple[int, int]] = []
        self._header: Row | None = None

    def read(self, sheet: Any) -> list[tuple[int, int]]:
        sheet.reset_dimensions()  # what a file says of its size is often wrong, and may be a million rows
        self._builder.add(" ".join(clean(sheet.title).split()) or "-", "heading", 1)
        run: list[Row] = []
        for row in _rows(sheet):
            if run and (row[0] != run[-1][0] + 1 or len(run) >= _RUN):
                self._table(run)
                run = []
            run.append(row)
        self._table(run)
        return self._lines

    def _table(self, run: list[Row]) -> None:
        while run and sum(bool(cell) for cell in run[0][1]) == 1 and any(len(row[1]) > 1 for row in run[1:]):
            number, cells = run.pop(0)  # a caption
            self._lines.append((self._builder.add(next(filter(None, cells)), "text"), number))
        if not run:
            return
        if _is_header(run[0][1]) or self._header is None:
            self._header = run[0]
        else:
            run = [self._header, *run]
        self._lines += add_rows(self._builder, [cells for _, cells in run], [number for number, _ in run])


def _rows(sheet: Any) -> Iterator[Row]:
    """Those with anything in them. Without a last column the library makes nothing of a gap of rows."""
    for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
        cells = [_shown(value) for value in values[:_MOST_COLUMNS]]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            yield number, cells


def _is_header(cells: list[str]) -> bool:
    said = [cell for cell in cells if cell]
    return all(any(c.isalpha() for c in cell) and not cell[0].isdigit() for cell in said)


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value) if isinstance(value, int | timedelta) else " ".join(clean(str(value)).split())
