"""An index: its rows as they were written, and as searches see them since the last refresh."""

from dataclasses import dataclass, field
from typing import Any, cast

Row = dict[str, Any]


class Refused(Exception):
    """An error body of Elasticsearch."""

    def __init__(self, status: int, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.body = {"root_cause": [{"type": kind, "reason": reason}], "type": kind, "reason": reason}


@dataclass(slots=True, kw_only=True)
class Index:
    name: str
    mappings: Row
    aliases: set[str] = field(default_factory=lambda: set[str]())
    rows: dict[str, Row] = field(default_factory=lambda: {})
    seen: dict[str, Row] = field(default_factory=lambda: {})

    def refresh(self) -> None:
        self.seen = dict(self.rows)

    def put(self, key: str, row: Row) -> bool:
        """Whether it is new. Raises Refused for a field that the mapping does not name."""
        if len(key.encode()) > 512:
            raise Refused(400, "illegal_argument_exception", f"id [{key[:20]}…] is too long")
        for name, value in row.items():
            self._fits(name, value)
        new = key not in self.rows
        self.rows[key] = row
        return new

    def kind(self, name: str) -> str:
        properties = cast("Row", self.mappings["properties"])
        return str(properties[name]["type"]) if name in properties else ""

    def _fits(self, name: str, value: object) -> None:
        kind = self.kind(name)
        if not kind:
            reason = f"mapping set to strict, dynamic introduction of [{name}] within [_doc] is not allowed"
            raise Refused(400, "strict_dynamic_mapping_exception", reason)
        wanted: type = int if kind == "long" else str
        values = cast("list[object]", value) if isinstance(value, list) else [value]
        if not all(isinstance(one, wanted) for one in values):
            raise Refused(
                400, "document_parsing_exception", f"failed to parse field [{name}] of type [{kind}]"
            )

    def source(self, row: Row) -> Row:
        hidden = set(cast("Row", self.mappings.get("_source", {})).get("excludes", []))
        return {key: value for key, value in row.items() if key not in hidden}


def values_of(row: Row, name: str) -> list[Any]:
    if name not in row:
        return []
    value = row[name]
    return cast("list[Any]", value) if isinstance(value, list) else [value]
