"""Verdicts as tools give them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from flowmatik.contracts.runs import Check


def check_of(given: object) -> object:
    """A check as a verifier gives it: one, or a row (criterion, passed, detail[, code, values])."""
    if not isinstance(given, list | tuple):
        return given
    row = cast("Sequence[Any]", given)
    check = Check(criterion=str(row[0]), passed=bool(row[1]), detail=str(row[2]))
    return replace(check, code=str(row[3]), values=row[4]) if len(row) > 4 else check
