"""Older shapes of events, made new when they are read; nothing that is stored is ever changed.

An event type that gets a field with a default needs none. A field that is renamed, parted or filled otherwise
gets an entry here, by the type, which is given every payload of that type and returns those of today's shape
as they are. A payload of an older shape must stay readable for as long as its decision version is
(`OLDEST_DECISION_VERSION`), and longer where ended runs are kept.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

Payload = dict[str, Any]
Upcaster = Callable[[Payload], Payload]


def upcast(type_: str, payload: Any) -> Any:
    """The payload in today's shape; what is no object is left to whoever validates it."""
    upcaster = UPCASTERS.get(type_)
    if upcaster is None or not isinstance(payload, dict):
        return payload
    return upcaster(cast("Payload", payload))


def _with_checks(name: str) -> Upcaster:
    """Checks of version 1 are rows: criterion, passed, detail; then came a code and values."""

    def upcaster(payload: Payload) -> Payload:
        rows = payload.get(name)
        if not isinstance(rows, list) or all(isinstance(row, dict) for row in cast("list[Any]", rows)):
            return payload
        return {**payload, name: [_check(row) for row in cast("list[Any]", rows)]}

    return upcaster


def _check(row: Any) -> Any:
    if not isinstance(row, list):
        return row
    names = ("criterion", "passed", "detail", "code", "values")
    return dict(zip(names, cast("list[Any]", row), strict=False))


def _without_number(old: str, name: str) -> Upcaster:
    """One number for all caps says nothing of any: the next owner counts before it relies on one."""

    def upcaster(payload: Payload) -> Payload:
        if old not in payload:
            return payload
        kept = {key: value for key, value in payload.items() if key != old}
        return {name: {}, **kept}

    return upcaster


UPCASTERS: Mapping[str, Upcaster] = {
    "TaskVerified": _with_checks("checks"),
    "RunSucceeded": _with_checks("verified"),
    "AllotmentGranted": _without_number("amount_micros", "amounts"),
    "AllotmentCounted": _without_number("held_micros", "held"),
}
