"""CSV: the file is a table source; its header and first rows are one passage, so that a search
for what the table is about finds it."""

import csv
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from flowmatik.contracts.memory import Notice
from flowmatik.memory.parsing import Block, Document, Source, clean, decode, line_starts

FIRST_ROWS = 6
MAX_CHARS = 4000
DELIMITERS = ",;\t|"
MAX_WORDS = 200  # so that it stays one passage, its rows below their header


def build(settings: object) -> "CsvParser":
    return CsvParser()


class CsvParser:
    def parse(self, source: Source) -> Document:
        text = clean(decode(_whole_lines(source)))
        lines = text.split("\n")[: FIRST_ROWS + 1]
        while len(lines) > 1 and sum(len(line.split()) for line in lines) > MAX_WORDS:
            lines.pop()
        head = "\n".join(lines)[:MAX_CHARS].rstrip()
        blocks = (Block(kind="lines", start=0, end=len(head)),) if head else ()
        return Document(
            text=head,
            blocks=blocks,
            lines=line_starts(head),
            table_format="csv",
            tables=("",) if head else (),
            notices=_ragged(source.name, text),
        )


def _ragged(name: str, text: str) -> tuple[Notice, ...]:
    """Rows of what is at hand that have another number of cells than the header."""
    for delimiter in DELIMITERS:
        rows = _widths(text, delimiter)
        header = next((n for n, (_, width) in enumerate(rows) if width > 1), len(rows))
        cells = [width for _, width in rows[header:]]
        odd = [line for line, width in rows[header + 1 :] if width != cells[0]]
        if odd and any(width > 1 for width in cells[1:]):  # else one column whose name has a comma
            values: dict[str, object] = {"count": len(odd), "line": odd[0], "cells": cells[0]}
            said = f"{len(odd)} rows have another number of cells than the header's {cells[0]}, first line "
            text = f"{name}: {said}{odd[0]}; as a table it may be refused until it is mended"
            return (Notice(code="document.ragged", text=text, values=values),)
    return ()


def _widths(text: str, delimiter: str) -> Sequence[tuple[int, int]]:
    """The line in which each row ends, and how many cells it has; up to what is no CSV at all."""
    reader, found = csv.reader(text.splitlines(keepends=True), delimiter=delimiter), list[tuple[int, int]]()
    with suppress(csv.Error):
        found.extend((reader.line_num, len(row)) for row in reader if row)
    return found


def _whole_lines(source: Source) -> Source:
    """Only a file's beginning is at hand; cut inside a character it would pass for another encoding."""
    if source.data.count(b"\n") <= FIRST_ROWS or source.data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return source
    return replace(source, data=source.data[: source.data.rindex(b"\n") + 1])
