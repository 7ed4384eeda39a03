"""Pages of a list: how long one may be, and the opaque cursor that leads to the next."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any, cast

from flowmatik.kernel import canonical
from flowmatik.kernel.errors import InvalidInput

MOST_LISTED = 500


def check_limit(limit: int) -> None:
    if not 1 <= limit <= MOST_LISTED:
        raise InvalidInput(
            f"limit is {limit}; it must be from 1 to {MOST_LISTED}",
            code="input.limit",
            context={"limit": limit, "most": MOST_LISTED},
        )


def cursor_of(place: Sequence[str | int]) -> str:
    """Of the last row shown; `place` is what the list is ordered by."""
    return base64.urlsafe_b64encode(canonical.dumps(place).encode()).decode()


def place_at(cursor: str, *kinds: type) -> Sequence[Any] | None:
    """What `cursor_of` was given, of these types; None for "". Raises InvalidInput (`input.cursor`)."""
    if not cursor:
        return None
    try:
        place = canonical.loads(base64.urlsafe_b64decode(cursor.encode()).decode())
    except (binascii.Error, ValueError) as error:
        raise _no_cursor(cursor) from error
    parts = cast("list[Any]", place) if isinstance(place, list) else []
    beyond = any(isinstance(one, int) and one >= 2**63 for one in parts)  # no store could look for it
    if [type(one) for one in parts] != list(kinds) or beyond:
        raise _no_cursor(cursor)
    return parts


def _no_cursor(cursor: str) -> InvalidInput:
    return InvalidInput(
        f"{cursor!r} is no cursor; use `next` of the page before, unchanged", code="input.cursor"
    )
