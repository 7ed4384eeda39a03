"""Verdicts as events keep them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, cast

from pydantic import BeforeValidator

from flowmatik.contracts.runs import Check


def check_of(stored: object) -> object:
    """A check as it stands in the journal: an object, or (criterion, passed, detail) of version 1."""
    if not isinstance(stored, list | tuple):
        return stored
    row = cast("Sequence[Any]", stored)
    check = Check(criterion=str(row[0]), passed=bool(row[1]), detail=str(row[2]))
    return replace(check, code=str(row[3]), values=row[4]) if len(row) > 4 else check


StoredCheck = Annotated[Check, BeforeValidator(check_of)]
