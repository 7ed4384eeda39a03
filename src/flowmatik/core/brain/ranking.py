"""Whether a part of a goal asks the tables for the first of a ranking or for one of their rows.

Said as people say it: "the most expensive order", "who spent the most", "the status of order A-0007". It
has to name what a table's rows or columns are; to a question of documents such words are of no use.
"""

import re
from collections.abc import Callable
from typing import Any, cast

RANKS = 4  # the decision version from which such questions go to the tables
_SUPERLATIVE = re.compile(
    r"\b(?:most(?! of\b)|least(?<!at least)|best|worst|biggest|largest|smallest|cheapest|dearest|longest"
    r"|shortest|heaviest|lightest|tallest|mejor(?:es)?|peor(?:es)?"
    r"|(?:mas|menos)(?=\W*$| (?!de\b|que\b|alla\b|tarde\b|temprano\b|informacion\b)[a-z]+))\b"
)
_ASKS = re.compile(r"\b(?:which|what|who|whose|que|cual(?:es)?|quien(?:es)?|top|list|lista|dime)\b")
# A rule says what holds at most; a ranking tells of what was.
_RULE = re.compile(
    r"\b(?:may|must|can|should|allowed|at (?:most|least)|puede[ns]?|debe[ns]?|hay que"
    r"|como (?:maximo|minimo))\b"
)
_CODE = re.compile(
    r"(?<![\w-])(?=[a-z/_-]*\d)(?=[\d/_-]*[a-z])(?:[a-z0-9]+(?:[-/_][a-z0-9]+)+|[a-z0-9]{5,})(?![\w-])"
)


def is_ranking(folded: str, names_table: Callable[[str], bool]) -> bool:
    if not _ASKS.search(folded) or _RULE.search(folded):
        return False
    return _SUPERLATIVE.search(folded) is not None and names_table(folded)


def is_row(folded: str, tables: list[dict[str, Any]], names_table: Callable[[str], bool]) -> bool:
    """By an identifier, or by a value of a column that repeats none beside another column's name."""
    without = _CODE.sub(" ", folded)
    if without != folded and names_table(without):
        return True
    return any(_names_row(folded, table) for table in tables)


def _names_row(folded: str, table: dict[str, Any]) -> bool:
    columns = cast("list[dict[str, Any]]", table["columns"])
    for column in columns:
        values = cast("list[object]", column.get("values") or [])
        if not values or len(values) != table.get("rows") or column.get("nulls"):
            continue
        others = [str(c["name"]).casefold() for c in columns if c is not column]
        named = any(re.search(rf"\b{re.escape(name)}\b", folded) for name in others)
        if named and any(_stands(str(value).casefold(), folded) for value in values if len(str(value)) > 2):
            return True
    return False


def _stands(value: str, folded: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", folded) is not None
