"""People who were forgotten: pseudonyms stand in the place of their ids, also of those in the names of their
budgets. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from flowmatik.contracts.ledger import Booking

ERASED = "erased_"  # pseudonyms begin with it
_USER = "user:"


def pseudonyms(made: Sequence[Booking], kept: Sequence[Booking]) -> dict[str, str]:
    """By id. `made`: bookings of a run as its journal has them, `kept`: some as they are stored."""
    if not made or not kept:
        return {}
    found = {made[0].user: kept[0].user} if kept[0].user.startswith(ERASED) else {}
    said, stored = _people(made), _people(kept)
    lost = sorted(said - stored - found.keys())
    new = sorted(one for one in stored - set(found.values()) if one.startswith(ERASED))
    return found | (dict(zip(lost, new, strict=True)) if len(lost) == len(new) else {})


def without(people: Mapping[str, str], rows: Iterable[Booking]) -> list[Booking]:
    """`rows` with those pseudonyms."""
    if not people:
        return list(rows)
    return [
        replace(
            row,
            user=people.get(row.user, row.user),
            scopes=tuple(_renamed(people, scope) for scope in row.scopes),
        )
        for row in rows
    ]


def names_people(row: Booking) -> bool:
    return any(scope.startswith(_USER) for scope in row.scopes)


def spellings(user: str) -> tuple[str, str]:
    """How the budgets of a user begin in canonical JSON: that for all time, and those of periods."""
    return f'"{_USER}{user}"', f'"{_USER}{user}/'


def _people(rows: Iterable[Booking]) -> set[str]:
    return {_parts(scope)[0] for row in rows for scope in row.scopes if scope.startswith(_USER)}


def _parts(scope: str) -> tuple[str, str]:
    name, slash, period = scope.removeprefix(_USER).partition("/")
    return name, f"{slash}{period}"


def _renamed(people: Mapping[str, str], scope: str) -> str:
    if not scope.startswith(_USER):
        return scope
    name, period = _parts(scope)
    return f"{_USER}{people.get(name, name)}{period}"
