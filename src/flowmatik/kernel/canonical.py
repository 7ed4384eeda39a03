"""Canonical JSON text: sorted keys, no spaces, UTF-8; what is hashed, signed and stored."""

import hashlib
from typing import Any

import orjson


def dumps(value: Any) -> str:
    """`value` (JSON types and dataclasses) as canonical JSON text.

    Raises TypeError for a value that JSON cannot carry.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def loads(text: str | bytes) -> Any:
    return orjson.loads(text)


def content_hash(value: Any) -> str:
    """SHA-256 (hex) of the canonical JSON of `value`."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()
