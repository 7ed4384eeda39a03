"""What engines are told of a passage and asked of it, as plain values that each of them can compare.

A condition becomes membership in a list, because every engine has that and means the same by it, while
prefixes, absent values and case differ: a document's name is the list of the folders that it lies in, and of
itself; who may see it is the list of principals, `everybody` where it is empty; its date is a whole number.

Each text becomes a key of 32 hexadecimal digits. So none is too long for an engine, or needs escaping in a
query, and what engines outside hold names neither documents nor people (whoever guesses a name can still find
out that it is there). The id of a passage stands in each row beside its key.
"""

import hashlib
import re
from dataclasses import dataclass

import numpy as np

from flowmatik.contracts.vector_indexes import Vector, VectorRow, Where
from flowmatik.kernel.errors import InvalidInput
from flowmatik.memory.vector_indexes.faults import refused

EVERYBODY = "everybody"  # no key is
UNDATED = 0
LATEST = 99_999_999
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`Where` in these values. None: not asked. `tags` must all be there, of the others one."""

    under: tuple[str, ...] | None
    acl: tuple[str, ...] | None
    tags: tuple[str, ...]
    days: tuple[int, int] | None


def key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def under(source: str) -> list[str]:
    """`a/b/c.md` lies under `a`, `a/b` and itself."""
    parts = source.split("/")
    return [key("/".join(parts[: n + 1])) for n in range(len(parts))]


def seen_by(acl: tuple[str, ...]) -> list[str]:
    return keys(acl) or [EVERYBODY]


def keys(texts: tuple[str, ...]) -> list[str]:
    return sorted({key(text) for text in texts})


def day(dated: str) -> int:
    """20261128 for 2026-11-28…, 0 for what is no date."""
    found = _DATE.match(dated)
    return int("".join(found.groups())) if found else UNDATED


def asked(where: Where) -> Asked:
    days = None
    if where.since or where.until:
        days = (_bound(where.since, UNDATED + 1), _bound(where.until, LATEST))
    return Asked(
        under=tuple(key(name.rstrip("/")) for name in where.sources) or None,
        acl=None if where.on_behalf is None else (EVERYBODY, *keys(tuple(where.on_behalf))),
        tags=tuple(keys(where.tags)),
        days=days,
    )


def _bound(said: str, default: int) -> int:
    if not said:
        return default
    found = day(said)
    if not found:
        raise InvalidInput(
            f"{said!r} is no date; write it as 2026-11-28", code="input.date", context={"value": said}
        )
    return found


def matches(row: VectorRow, question: Asked) -> bool:
    """Whether the row fulfils it: what every engine must answer."""
    if question.under is not None and not set(question.under) & set(under(row.source)):
        return False
    if question.acl is not None and not set(question.acl) & set(seen_by(row.acl)):
        return False
    if not set(question.tags) <= set(keys(row.tags)):
        return False
    return question.days is None or question.days[0] <= day(row.dated) <= question.days[1]


def unit(vector: Vector) -> Vector:
    """Of length 1; zeros stay zeros."""
    row = np.asarray(vector, dtype=np.float32)
    length = float(np.linalg.norm(row))
    return row / np.float32(length) if length > 0 else row


def check_length(vector: Vector, dimension: int, index: str) -> None:
    if not np.isfinite(vector).all():
        raise refused(index, "a number that is not finite")
    found = int(np.asarray(vector).shape[-1])
    if found != dimension:
        raise InvalidInput(
            f"the vector index {index!r} holds vectors of {dimension} numbers, this one has {found}; run"
            f" `flowmatik memory reembed`, or rebuild the index",
            code="input.vector_dimension",
            context={"index": index, "found": found, "expected": dimension},
        )
