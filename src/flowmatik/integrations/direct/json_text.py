"""Finds the JSON in what a model wrote."""

import json
from typing import Any, cast

from flowmatik.kernel import canonical

AROUND = 10  # levels that a reply and its call have of their own
_DECODER = json.JSONDecoder()


def json_object_in(text: str) -> str:
    """The JSON object that `text` is or contains (in a code fence, between sentences), verbatim; the
    longest when there are several. Without any, `text` itself: the caller sees what was said."""
    best = ""
    at = text.find("{")
    while at != -1:
        try:
            value, end = cast("tuple[object, int]", _DECODER.raw_decode(text, at))
        except (ValueError, RecursionError):
            at = text.find("{", at + 1)
            continue
        if isinstance(value, dict) and end - at > len(best):
            best = text[at:end]
        at = text.find("{", end)
    return best or text


def arguments_in(raw: str) -> dict[str, Any] | None:
    """A tool call's arguments; {} for none at all, None when they cannot be read, or could be but nested
    so deeply that the journal would not keep them."""
    if not raw.strip():
        return {}
    try:
        value: object = json.loads(raw)
        if canonical.is_deeper(raw, canonical.DEEPEST - AROUND):
            return None
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None
