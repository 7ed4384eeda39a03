"""Canonical JSON text: sorted keys, no spaces, UTF-8; what is hashed, signed and stored."""

import hashlib
from typing import Any, cast

import orjson

DEEPEST = 100  # levels of JSON from outside: those who quote it write at most 254, some readers read 200


def dumps(value: Any) -> str:
    """`value` (JSON types and dataclasses) as canonical JSON text.

    Raises TypeError for a value that JSON cannot carry.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def loads(text: str | bytes) -> Any:
    return orjson.loads(text)


def is_deeper(text: str, levels: int = DEEPEST) -> bool:
    """Whether JSON `text` is nested in more levels than that. Raises ValueError for what is not JSON."""
    if text.count("[") + text.count("{") <= levels:
        return False  # nearly always, and without a look inside
    containers = _containers([loads(text)])
    for _ in range(levels):
        containers = [part for one in containers for part in _containers(one)]
    return bool(containers)


def _containers(value: Any) -> list[Any]:
    """The objects and lists that lie in an object or list."""
    parts = cast("dict[str, Any]", value).values() if isinstance(value, dict) else cast("list[Any]", value)
    return [part for part in parts if isinstance(part, dict | list)]


def content_hash(value: Any) -> str:
    """SHA-256 (hex) of the canonical JSON of `value`."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
