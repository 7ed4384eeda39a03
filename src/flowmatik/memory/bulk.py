"""Many rows in few statements, and lists in conditions, in SQL that both stores read.

The number of placeholders in a statement takes one of a few values, so that prepared statements are used
again; both stores allow 32,766 at least.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from flowmatik.contracts.database import Statement

LIST = ":list"
_SIZES = (256, 32, 4, 1)
_MOST_LISTED = 1000  # values of one condition


def inserts(
    table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], then: str = ""
) -> Iterator[Statement]:
    """Statements that insert the rows; `then` is what follows VALUES, such as an ON CONFLICT."""
    at = 0
    for size in _SIZES:
        while len(rows) - at >= size:
            part = rows[at : at + size]
            yield _insert(table, columns, size, then), tuple(value for row in part for value in row)
            at += size


def _insert(table: str, columns: Sequence[str], size: int, then: str) -> str:
    width = len(columns)
    groups = ", ".join(f"({_marks(width, 1 + row * width)})" for row in range(size))
    return " ".join(("INSERT INTO", table, f"({', '.join(columns)})", "VALUES", groups, then))


def listed(sql: str, values: Sequence[Any], first: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """`sql` with `IN (:list)` and the values for it, in parts where there are many. The placeholders begin at
    `$first`; the last value is repeated up to a power of two, for fewer different statements."""
    for at in range(0, len(values), _MOST_LISTED):
        part = values[at : at + _MOST_LISTED]
        size = 1 << (len(part) - 1).bit_length()
        yield sql.replace(LIST, _marks(size, first)), (*part, *[part[-1]] * (size - len(part)))


def _marks(count: int, first: int) -> str:
    return ", ".join(f"${first + n}" for n in range(count))
