"""Values as they are compared where it does not matter how a thing is worded."""

import unicodedata
from typing import Any, cast

from flowmatik.kernel import canonical

ENDS = " \t\r\n.,;:!?¡¿\"'`*“”«»()[]"


def normal(value: Any) -> str:
    """Without case, spaces, or punctuation at the ends; of JSON in all of its words."""
    if isinstance(value, str):
        try:
            read = canonical.loads(value)
        except ValueError:
            return _words(value)
        return _words(read) if isinstance(read, str) else canonical.dumps(_plain(read))
    return canonical.dumps(_plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return _words(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(one) for one in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in cast("dict[str, Any]", value).items()}
    return value


def _words(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.split()).strip(ENDS)
