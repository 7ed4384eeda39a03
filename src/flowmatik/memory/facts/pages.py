"""The cursor of a list of facts: the place of the last one shown."""

import base64
import binascii
from typing import Any, cast

from flowmatik.contracts.facts import Fact
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import InvalidInput

MOST_LISTED = 500


def cursor_after(last: Fact) -> str:
    return base64.urlsafe_b64encode(canonical.dumps([last.recorded_at, last.id]).encode()).decode()


def place_of(cursor: str) -> tuple[str, str]:
    """Raises InvalidInput (`input.cursor`)."""
    try:
        place: Any = canonical.loads(base64.urlsafe_b64decode(cursor.encode()).decode())
    except (binascii.Error, ValueError) as error:
        raise _no_cursor(cursor) from error
    parts = cast("list[Any]", place) if isinstance(place, list) else []
    if [type(one) for one in parts] != [str, str] or not all(one.isprintable() for one in parts):
        raise _no_cursor(cursor)
    return parts[0], parts[1]


def _no_cursor(cursor: str) -> InvalidInput:
    return InvalidInput(
        f"{cursor[:100]!r} is no cursor; use `next` of the page before, unchanged", code="input.cursor"
    )
