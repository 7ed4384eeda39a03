"""What a model answers where memory asked for lists."""

from collections.abc import Mapping
from typing import Any, cast

from flowmatik.contracts.models import ModelReply
from flowmatik.kernel import canonical


def rows_in(reply: ModelReply, name: str) -> list[Mapping[str, Any]] | None:
    """The objects of the list `name` of a reply in JSON, whatever they hold; None for a reply without it."""
    try:
        whole: Any = canonical.loads(reply.text)
    except ValueError:
        return None
    rows: Any = cast("dict[str, Any]", whole).get(name) if isinstance(whole, dict) else None
    if not isinstance(rows, list):
        return None
    return [cast("dict[str, Any]", row) for row in cast("list[Any]", rows) if isinstance(row, dict)]
