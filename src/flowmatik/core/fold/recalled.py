"""What was recalled before a run is planned, as planners read it: whatever else a tool gave counts as a
failure of that tool, and the run is planned without it."""

from typing import Any, cast

ROWS = {
    "recall": ("passages", ("source", "title", "heading")),
    "recall_tables": ("tables", ("name", "columns")),
}
MALFORMED = {"error": "the tool's result cannot be read"}


def recalled(purpose: str, result: Any) -> Any:
    """The result itself when it can be read."""
    if result is None:
        return result
    key, fields = ROWS[purpose]
    rows: Any = cast("dict[str, Any]", result).get(key) if isinstance(result, dict) else 0
    if not rows and isinstance(result, dict):
        return cast("dict[str, Any]", result)
    sound = isinstance(rows, list) and all(_is_row(row, fields) for row in cast("list[Any]", rows))
    return cast("Any", result) if sound else MALFORMED


def _is_row(row: object, fields: tuple[str, ...]) -> bool:
    if not isinstance(row, dict):
        return False
    known = cast("dict[str, Any]", row)
    if not known.keys() >= set(fields):
        return False
    if not isinstance(known.get("values") or [], list):
        return False
    columns: Any = known["columns"] if "columns" in fields else list[Any]()
    return isinstance(columns, list) and all(_is_row(one, ("name",)) for one in cast("list[Any]", columns))
