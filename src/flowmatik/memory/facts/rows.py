"""Facts as the store has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from flowmatik.contracts.database import Row
from flowmatik.contracts.facts import Fact, FactErasure, FactScope, Origin, Support, SupportKind
from flowmatik.memory.facts.timeline import Version
from flowmatik.memory.facts.times import FOREVER, shown

_DERIVED = frozenset((Origin.AGENT, Origin.MODEL, Origin.DOCUMENT))
OPEN_VERSION = 2**53  # of a support that the newest version rests on, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One recorded version and its line as they were read; `many`: the line is one of a single value."""

    fact: Fact
    version: Version
    line: str
    head: int
    changed_at: str
    many: bool
    retracted_at: str

    @property
    def current(self) -> bool:
        return self.retracted_at == FOREVER


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSupport:
    fact_id: str
    first: int
    last: int
    support: Support


def stored_of(row: Row) -> Stored:
    fact = Fact(
        id=str(row[0]),
        version=int(row[1]),
        scope=FactScope(str(row[2])),
        owner=str(row[3]),
        person=str(row[4]),
        subject=str(row[5]),
        predicate=str(row[6]),
        value=str(row[7]),
        language=str(row[8]),
        valid_from=shown(str(row[9])),
        valid_until=shown(str(row[10])),
        recorded_at=str(row[11]),
        retracted_at=shown(str(row[12])),
        confidence=int(row[13]) / 1000,
        importance=int(row[14]) / 1000,
        origin=Origin(str(row[15])),
        recorded_by=str(row[16]),
        used=int(row[17]),
        used_at=str(row[18]),
    )
    version = Version(
        id=fact.id,
        version=fact.version,
        value=fact.value,
        key=str(row[20]),
        since=str(row[9]),
        until=str(row[10]),
        origin=fact.origin.value,
        by=fact.recorded_by,
        language=fact.language,
        confidence=int(row[13]),
        importance=int(row[14]),
    )
    return Stored(
        fact=fact,
        version=version,
        line=str(row[19]),
        head=int(row[21]),
        changed_at=str(row[22]),
        many=bool(row[23]),
        retracted_at=str(row[12]),
    )


def support_of(row: Row) -> StoredSupport:
    kind = cast("SupportKind", str(row[1]))
    support = Support(kind=kind, ref=str(row[2]), quote=str(row[3]), at=str(row[4]))
    return StoredSupport(fact_id=str(row[0]), first=int(row[5]), last=int(row[6]), support=support)


def supports_of(fact: Fact, supports: Sequence[StoredSupport]) -> tuple[Support, ...]:
    return tuple(
        one.support for one in supports if one.fact_id == fact.id and one.first <= fact.version <= one.last
    )


def dropped(
    rows: Sequence[Stored], supports: Sequence[StoredSupport], gone: Mapping[SupportKind, Sequence[str]]
) -> set[str]:
    """The facts of a line that would not be there without these sources, as `DROP_UNSUPPORTED` has it."""
    left = [one for one in supports if one.support.ref not in gone.get(one.support.kind, ())]
    stay = {one.fact.id for one in rows if one.fact.origin not in _DERIVED or supports_of(one.fact, left)}
    return {one.fact.id for one in rows} - stay


def erasure_of(row: Row) -> FactErasure:
    what = cast("Literal['fact', 'person', 'thread', 'sources', 'subject']", str(row[3]))
    counts: list[Any] = list(row[4:7])
    return FactErasure(
        id=str(row[0]),
        at=str(row[1]),
        by=str(row[2]),
        what=what,
        facts=int(counts[0]),
        versions=int(counts[1]),
        supports=int(counts[2]),
    )
