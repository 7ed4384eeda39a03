"""Identifiers: UUIDv7 text with a prefix that says what is named, such as `run_0197…`."""

import hashlib

import uuid_utils

PREFIXES = frozenset(
    {
        "run",
        "tsk",
        "agt",
        "alh",
        "doc",
        "evl",
        "evt",
        "chk",
        "wkr",
        "usr",
        "key",
        "inp",
        "call",
        "sch",
        "thr",
        "fct",
        "era",
        "src",
        "syn",
    }
)


def new_id(prefix: str) -> str:
    """A new identifier `<prefix>_<uuid7 hex>`; sorts by creation time (RFC 9562).

    Raises ValueError for a prefix that is not in `PREFIXES`.
    """
    if prefix not in PREFIXES:
        raise ValueError(f"unknown id prefix {prefix!r}; known: {', '.join(sorted(PREFIXES))}")
    return f"{prefix}_{uuid_utils.uuid7().hex}"


def idempotency_key(run_id: str, call_id: str) -> str:
    """The key that a far side sees for one call, the same on every attempt at it."""
    return hashlib.sha256(f"{run_id}\x00{call_id}".encode()).hexdigest()[:32]
