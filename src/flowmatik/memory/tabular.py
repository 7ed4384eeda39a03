"""Tables into text, whose rows are understood wherever they are cut: the header is said again."""

from collections.abc import Sequence

from flowmatik.memory.parsing import TextBuilder, table_text

_WORDS = 200  # bars count; so that what is added at once stays one passage
_HEADER_WORDS = 60
_MOST_COLUMNS = 512


def add_rows(
    builder: TextBuilder, rows: Sequence[Sequence[str]], lines: Sequence[int] = ()
) -> list[tuple[int, int]]:
    """`rows` with their header first, as blocks of at most a passage, each under the header. Rows without
    any text are left out. What comes back is (offset, line) of each row when `lines` has the line of each."""
    numbered = list(zip(rows, lines or range(1, len(rows) + 1), strict=True))
    kept = [(_trimmed(row), line) for row, line in numbered if any(cell.strip() for cell in row)]
    if not kept:
        return []
    header = table_text([kept[0][0]])
    repeated = header if len(header.split()) <= _HEADER_WORDS else ""
    places: list[tuple[int, int]] = []
    group: list[tuple[str, int]] = []
    words = 0
    for row, line in kept:
        text = table_text([row])
        size = len(text.split())
        if group and words + size > _WORDS:
            places += _add(builder, group)
            group = [(repeated, kept[0][1])] if repeated else []
            words = len(repeated.split())
        group.append((text, line))
        words += size
    places += _add(builder, group)
    return places if lines else []


def _add(builder: TextBuilder, group: list[tuple[str, int]]) -> list[tuple[int, int]]:
    position = builder.add("\n".join(text for text, _ in group), "lines")
    places: list[tuple[int, int]] = []
    for text, line in group:
        places.append((position, line))
        position += len(text) + 1
    return places


def _trimmed(row: Sequence[str]) -> Sequence[str]:
    end = min(len(row), _MOST_COLUMNS)
    while end and not row[end - 1].strip():
        end -= 1
    return row[:end]
