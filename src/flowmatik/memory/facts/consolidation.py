"""What is done to facts while nobody asks for them: duplicates become one, and what has faded is let go
of.

Nothing that a person stated fades: it ends when somebody says so. What agents, models and documents gave is
retracted (not erased) once it counts for next to nothing and nobody was told it for long."""

import logging
from collections.abc import Sequence
from datetime import datetime

from flowmatik.contracts.facts import FactPolicy, Support
from flowmatik.kernel.errors import FlowmatikError
from flowmatik.memory.analysis import terms
from flowmatik.memory.facts.policies import policy_of
from flowmatik.memory.facts.recall import strength
from flowmatik.memory.facts.rows import Stored, StoredSupport
from flowmatik.memory.facts.store import FactStore, Turn
from flowmatik.memory.facts.timeline import Change, Version, ended, stated
from flowmatik.memory.facts.times import EVER, moment_of
from flowmatik.memory.language import detect

log = logging.getLogger(__name__)
FAINT = 0.02  # of a strength of 1
EVERY_SECONDS = 3_600.0
MOST = 5_000  # facts of a workspace that are looked at in one go, the newest
WORKSPACES = "SELECT DISTINCT workspace_id FROM fact_lines ORDER BY workspace_id"


class Consolidation:
    """`store` sees all workspaces."""

    def __init__(self, store: FactStore) -> None:
        self._store = store

    async def sweep(self) -> None:
        """A workspace whose facts cannot be looked after now keeps no other from it."""
        for workspace_id in await self._store.everywhere(WORKSPACES):
            try:
                await self.look_after(workspace_id)
            except FlowmatikError as error:
                log.warning(
                    "facts were not looked after", extra={"workspace": workspace_id, "code": error.code}
                )

    async def look_after(self, workspace_id: str) -> tuple[int, int]:
        """How many duplicates became one with another, and how many facts were let go of."""
        policy = await policy_of(self._store, workspace_id)
        rows = await self._store.as_of(workspace_id, limit=MOST)
        joined = 0
        for kept, doubles in duplicates(rows):
            for double in doubles:
                joined += await self._join(workspace_id, kept, double)
        now = moment_of(self._store.now())
        faded = [one for one in rows if has_faded(one, policy, now)]
        for one in faded:
            await self._retract(workspace_id, one)
        return joined, len(faded)

    async def _join(self, workspace_id: str, kept: Stored, double: Stored) -> bool:
        """What is known of the double is said of the one that is kept, with its supports."""
        supports = _of(double, await self._store.supports(workspace_id, double.line))
        said = double.version

        def decide(turn: Turn) -> Change | None:
            now = next((one for one in turn.current if one.id == kept.fact.id), None)
            if now is None:
                return None
            same = _as(said, now)
            return stated(turn.current, same)

        if not await self._store.change(workspace_id, kept.line, decide, supports):
            return False
        await self._retract(workspace_id, double)
        return True

    async def _retract(self, workspace_id: str, one: Stored) -> None:
        def decide(turn: Turn) -> Change | None:
            there = [v for v in turn.current if (v.id, v.version) == (one.fact.id, one.fact.version)]
            return ended(there, EVER) if there else None

        await self._store.change(workspace_id, one.line, decide)


def duplicates(rows: Sequence[Stored]) -> list[tuple[Stored, list[Stored]]]:
    """Facts on lines of their own that say the same in other words: `el té` and `té`, `short answer` and
    `short answers`. The oldest of each is kept."""
    groups: dict[tuple[object, ...], list[Stored]] = {}
    for one in rows:
        words = frozenset(terms(one.fact.value, one.fact.language or detect(one.fact.value)))
        if one.many and words:
            fact = one.fact
            key = (fact.scope, fact.owner, fact.person, fact.subject.casefold(), fact.predicate, words)
            groups.setdefault(key, []).append(one)
    found: list[tuple[Stored, list[Stored]]] = []
    for group in groups.values():
        oldest, *others = sorted(group, key=lambda one: (one.fact.recorded_at, one.fact.id))
        doubles = [
            one
            for one in others
            if one.line != oldest.line and one.version.overlaps(oldest.version.since, oldest.version.until)
        ]
        if doubles:
            found.append((oldest, doubles))
    return found


def has_faded(one: Stored, policy: FactPolicy, now: datetime) -> bool:
    return one.fact.origin.derived and strength(one.fact, policy, now) < FAINT


def _as(said: Version, now: Version) -> Version:
    """In the words of the one that is kept."""
    return Version(
        id="",
        version=1,
        value=now.value,
        key=now.key,
        since=said.since,
        until=said.until,
        origin=now.origin,
        by=said.by,
        language=now.language,
        confidence=said.confidence,
        importance=said.importance,
    )


def _of(one: Stored, supports: Sequence[StoredSupport]) -> tuple[Support, ...]:
    return tuple(
        row.support for row in supports if row.fact_id == one.fact.id and row.last >= one.fact.version
    )
