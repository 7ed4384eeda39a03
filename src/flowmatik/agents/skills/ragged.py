"""CSV files whose rows do not fit their header.

DuckDB's sniffer makes another table of such a file without a word: one column, or only the rows behind the
odd one. A table that nobody wrote down is worse than none.
"""

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

DELIMITERS = ",;\t|"
_LINES = 100  # in which a header is looked for


class Ragged(ValueError):
    """The file is no table. The message says where."""


def refuse_ragged(path: Path, *, columns: int, skipped: int) -> None:
    """`columns` and `skipped` lines are what the sniffer found in the UTF-8 file; lines before a header and
    lists of one column are sound. Raises Ragged."""
    if columns > 1 and not skipped:
        return  # DuckDB itself refuses every row that does not fit
    for delimiter in DELIMITERS:
        rows = _rows(path, delimiter)
        header = next(((line, cells) for line, cells in islice(rows, _LINES) if cells > 1), None)
        if header is None or (columns > 1 and header[0] > skipped):
            continue
        first, cells = header
        widths = [(line, width) for line, width in rows if width]
        odd = next(((line, width) for line, width in widths if width != cells), None)
        if odd and any(width > 1 for _, width in widths):
            raise Ragged(
                f"line {odd[0]} and the header in line {first} have not the same number of cells "
                f"({odd[1]} and {cells}); mend the file"
            )


def _rows(path: Path, delimiter: str) -> Iterator[tuple[int, int]]:
    """The line in which each row ends, and how many cells it has; up to what is no CSV at all."""
    with path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
        reader = csv.reader(file, delimiter=delimiter)
        try:
            for row in reader:
                yield reader.line_num, len(row)
        except csv.Error:
            return
