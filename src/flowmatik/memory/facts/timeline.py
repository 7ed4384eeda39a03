"""The algebra of a line of facts: what a statement, a correction or an end makes of what is recorded now.

Pure. Intervals are half open. Of the versions that are recorded at one moment, those with the same value
never overlap; those with different values overlap only where they contradict each other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from flowmatik.memory.facts.times import FOREVER

# What a version rests on: all that the version before it did, that and what is new, a copy of what another
# fact did, or what is new alone.
Rests = Literal["kept", "added", "copied", "new"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What is recorded now of one fact; `since` and `until` are its valid time."""

    id: str
    version: int
    value: str
    key: str
    since: str
    until: str
    origin: str
    by: str
    language: str = ""
    confidence: int = 1000
    importance: int = 500

    def overlaps(self, since: str, until: str) -> bool:
        return self.since < until and since < self.until

    def covers(self, since: str, until: str) -> bool:
        return self.since <= since and until <= self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A version to record. `of`: the fact whose supports are copied. An id of "" is a new fact's."""

    version: Version
    rests: Rests
    of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """`retracted` versions are not known to be so any more; `supported` is a fact that only gets one more
    support."""

    retracted: tuple[Version, ...] = ()
    written: tuple[Written, ...] = ()
    supported: Version | None = None


def stated(current: Sequence[Version], new: Version, *, overrides: bool = False) -> Change:
    """`new` is said. What has another value for some of the same time is cut where `new` takes its place:
    because it begins later, whoever said the other says this, or `overrides`. Else both stand."""
    same = [one for one in current if one.key == new.key and one.overlaps(new.since, new.until)]
    others = [one for one in current if one.key != new.key and one.overlaps(new.since, new.until)]
    beaten = [one for one in others if overrides or new.since > one.since or new.by == one.by]
    written = [piece for one in beaten for piece in _rest(one, new.since, new.until)]
    covering = next((one for one in same if one.covers(new.since, new.until)), None)
    if covering is not None:
        return Change(retracted=tuple(beaten), written=tuple(written), supported=covering)
    if not same:
        fresh = Written(version=replace(new, id="", version=1), rests="new")
        return Change(retracted=tuple(beaten), written=(*written, fresh))
    joined = replace(
        same[0],
        version=same[0].version + 1,
        since=min(new.since, *(one.since for one in same)),
        until=max(new.until, *(one.until for one in same)),
        confidence=max(new.confidence, same[0].confidence),
        importance=max(new.importance, same[0].importance),
    )
    more = [Written(version=joined, rests="added")]
    return Change(retracted=(*beaten, *same), written=(*written, *more))


def corrected(current: Sequence[Version], wrong: Version, right: Version) -> Change:
    """`right` stands in the place of `wrong`, which never held, and of whatever else is said of its time."""
    others = [one for one in current if one.id != wrong.id and one.overlaps(right.since, right.until)]
    pieces = [piece for one in others for piece in _rest(one, right.since, right.until)]
    instead = replace(right, id=wrong.id, version=wrong.version + 1)
    return Change(retracted=(wrong, *others), written=(*pieces, Written(version=instead, rests="new")))


def ended(ending: Sequence[Version], at: str) -> Change:
    """These hold until `at` and no longer; one that begins later is retracted."""
    cut = [one for one in ending if one.until > at]
    pieces = [piece for one in cut for piece in _rest(one, at, FOREVER)]
    return Change(retracted=tuple(cut), written=tuple(pieces))


def contradictions(current: Sequence[Version]) -> set[tuple[str, str]]:
    """Pairs of facts with different values for some of the same time."""
    return {
        (one.id, other.id)
        for one in current
        for other in current
        if one.key != other.key and one.overlaps(other.since, other.until)
    }


def _rest(one: Version, since: str, until: str) -> Iterator[Written]:
    """What is left of it outside of [since, until)."""
    before, behind = one.since < since, until < one.until
    if before:
        yield Written(version=replace(one, version=one.version + 1, until=since), rests="kept")
    if behind and before:
        yield Written(version=replace(one, id="", version=1, since=until), rests="copied", of=one.id)
    elif behind:
        yield Written(version=replace(one, version=one.version + 1, since=until), rests="kept")
