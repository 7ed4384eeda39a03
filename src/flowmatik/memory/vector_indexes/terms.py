"""What engines are told of a passage and asked of it, as plain values that each of them can compare.

A condition becomes membership in a list, because every engine has that and means the same by it, while
prefixes, absent values and case differ: a document's name is the list of the folders that it lies in, and of
itself; who may see it is the list of principals, `everybody` where it is empty; its date is a whole number of
fourteen digits, from the year to the second.

Each text becomes a key of 32 hexadecimal digits. So none is too long for an engine, or needs escaping in a
query, and what engines outside hold names neither documents nor people (whoever guesses a name can still find
out that it is there). The id of a passage stands in each row beside its key.
"""

import hashlib
import re
from dataclasses import dataclass

import numpy as np

from flowmatik.contracts.indexes import Filter, places
from flowmatik.contracts.vector_indexes import Vector
from flowmatik.kernel.errors import InvalidInput
from flowmatik.memory.index_faults import rejected

EVERYBODY = "everybody"  # no key is
UNDATED = 0
LATEST = 99_99_99_99_99_99_99
_DIGITS = 14
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d(:\d\d(:\d\d)?)?)?)?)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A `Filter` in these values. None: not asked; of each list one must be there."""

    under: tuple[str, ...] | None
    acl: tuple[str, ...] | None
    tags: tuple[str, ...] | None
    moments: tuple[int, int] | None


def key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def under(source: str) -> list[str]:
    """`a/b/c.md` lies under `a`, `a/b` and itself."""
    return [key(place) for place in places(source)]


def seen_by(acl: tuple[str, ...]) -> list[str]:
    return keys(acl) or [EVERYBODY]


def keys(texts: tuple[str, ...]) -> list[str]:
    return sorted({key(text) for text in texts})


def moment(dated: str) -> int:
    """20261128000000 for 2026-11-28, 0 for what is no date. Compares as the texts do, down to the second;
    what a text lacks comes before all that it could be."""
    digits = _digits(dated)
    return int(digits.ljust(_DIGITS, "0")) if digits else UNDATED


def asked(where: Filter) -> Asked:
    """Raises InvalidInput for what is no date (`input.date`)."""
    moments = None
    if where.dated_from or where.dated_until:
        moments = (_bound(where.dated_from, UNDATED + 1, "0"), _bound(where.dated_until, LATEST, "9"))
    return Asked(
        under=tuple(key(name.rstrip("/")) for name in where.sources) or None,
        acl=None if where.principals is None else (EVERYBODY, *keys(tuple(where.principals))),
        tags=tuple(keys(where.tags)) or None,
        moments=moments,
    )


def _bound(said: str, default: int, filling: str) -> int:
    if not said:
        return default
    digits = _digits(said)
    if not digits:
        raise InvalidInput(
            f"{said!r} is no date; write it as 2026-11-28", code="input.date", context={"value": said}
        )
    return int(digits.ljust(_DIGITS, filling))


def _digits(dated: str) -> str:
    found = _DATE.match(dated)
    return re.sub(r"\D", "", found.group()) if found else ""


def unit(vector: Vector) -> Vector:
    """Of length 1; zeros stay zeros."""
    row = np.asarray(vector, dtype=np.float32)
    length = float(np.linalg.norm(row))
    return row / np.float32(length) if length > 0 else row


def check_length(vector: Vector, dimension: int, index: str) -> None:
    if not np.isfinite(vector).all():
        raise rejected(index, "a number that is not finite")
    found = int(np.asarray(vector).shape[-1])
    if found != dimension:
        raise InvalidInput(
            f"the vector index {index!r} holds vectors of {dimension} numbers, this one has {found}; run"
            f" `flowmatik memory reembed`, or rebuild the index",
            code="input.vector_dimension",
            context={"index": index, "found": found, "expected": dimension},
        )
