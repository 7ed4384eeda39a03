"""The entries of a workspace's router in the database, and its state as of any version."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowmatik.contracts.database import Database
from flowmatik.contracts.routing import RouterChange
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Conflict, NotFound
from flowmatik.learning.routing.state import LearnedState, from_json, to_json

EVERY = 256  # versions from one state that is kept to the next
KEPT = 40  # states; older versions are forgotten
TRIES = 8
CACHED = 64  # workspaces

_ENTRIES = (
    "SELECT version, kind, body FROM router_entries WHERE workspace_id = $1 AND version > $2"
    " AND version <= $3 ORDER BY version"
)
_INSERT = (
    "INSERT INTO router_entries (workspace_id, version, id, kind, body, at) VALUES ($1, $2, $3, $4, $5, $6)"
)
_KEEP = (
    "INSERT INTO router_states (workspace_id, version, body) VALUES ($1, $2, $3)"
    " ON CONFLICT (workspace_id, version) DO NOTHING"
)
NEWEST = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`id` is given once: an entry that there is already is not made again."""

    id: str
    kind: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    version: int
    state: LearnedState  # shared: to be read, never changed


class LearnedStore:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: OrderedDict[str, Learned] = OrderedDict()

    async def current(self, workspace_id: str) -> Learned:
        """As of now; what was learned elsewhere since the last time is read."""
        before = self._known.get(workspace_id) or await self._kept(workspace_id, NEWEST)
        now = await self._forward(workspace_id, before, NEWEST)
        self._known[workspace_id] = now
        self._known.move_to_end(workspace_id)
        while len(self._known) > CACHED:
            self._known.popitem(last=False)
        return now

    async def as_of(self, workspace_id: str, version: int) -> LearnedState:
        """Raises NotFound (`not_found.router_version`)."""
        now, oldest = await self.current(workspace_id), await self.oldest(workspace_id)
        if not oldest <= version <= now.version:
            raise NotFound(
                f"the router has no version {version}; there are {oldest} to {now.version}",
                code="not_found.router_version",
                context={"version": version, "oldest": oldest, "newest": now.version},
            )
        kept = await self._kept(workspace_id, version)
        return (await self._forward(workspace_id, kept, version)).state

    async def oldest(self, workspace_id: str) -> int:
        """The first version that can still be had: 0, until so many came that the first are forgotten."""
        rows = await self._database.within(workspace_id).fetch(
            "SELECT min(version) FROM router_entries WHERE workspace_id = $1", workspace_id
        )
        first = rows[0][0]
        return 0 if first is None else int(first) - 1

    async def add(
        self, workspace_id: str, entries: Sequence[Entry], *more: tuple[str, tuple[Any, ...]]
    ) -> int:
        """The version that these make; `more` statements go down with them. Entries that there are already
        are left out, and so is all when none is new. Whoever is slower than another writer comes after it."""
        for _ in range(TRIES - 1):
            try:
                return await self._added(workspace_id, entries, more)
            except Conflict:
                continue  # somebody else made that version
        return await self._added(workspace_id, entries, more)

    async def recent(self, workspace_id: str, limit: int = 20) -> tuple[RouterChange, ...]:
        rows = await self._database.within(workspace_id).fetch(
            "SELECT version, kind, at FROM router_entries WHERE workspace_id = $1"
            " ORDER BY version DESC LIMIT $2",
            workspace_id,
            limit,
        )
        return tuple(RouterChange(version=int(row[0]), kind=str(row[1]), at=str(row[2])) for row in rows)

    async def _added(
        self, workspace_id: str, entries: Sequence[Entry], more: Sequence[tuple[str, tuple[Any, ...]]]
    ) -> int:
        now = await self.current(workspace_id)
        new = [entry for entry in entries if not await self._has(workspace_id, entry.id)]
        if not new:
            return now.version
        at = self._clock.now().isoformat()
        statements = [
            (_INSERT, (workspace_id, version, one.id, one.kind, canonical.dumps(dict(one.body)), at))
            for version, one in enumerate(new, now.version + 1)
        ]
        await self._database.within(workspace_id).transaction([*statements, *more])
        after = await self.current(workspace_id)
        if after.version // EVERY > now.version // EVERY:
            await self._keep(workspace_id, after)
        return after.version

    async def _has(self, workspace_id: str, entry_id: str) -> bool:
        rows = await self._database.within(workspace_id).fetch(
            "SELECT 1 FROM router_entries WHERE workspace_id = $1 AND id = $2", workspace_id, entry_id
        )
        return bool(rows)

    async def _kept(self, workspace_id: str, upto: int) -> Learned:
        rows = await self._database.within(workspace_id).fetch(
            "SELECT version, body FROM router_states WHERE workspace_id = $1 AND version <= $2"
            " ORDER BY version DESC LIMIT 1",
            workspace_id,
            upto,
        )
        if not rows:
            return Learned(version=0, state=LearnedState())
        return Learned(version=int(rows[0][0]), state=from_json(canonical.loads(str(rows[0][1]))))

    async def _forward(self, workspace_id: str, before: Learned, upto: int) -> Learned:
        rows = await self._database.within(workspace_id).fetch(_ENTRIES, workspace_id, before.version, upto)
        if not rows:
            return before
        state = before.state.copied()
        for _, kind, body in rows:
            state.apply(str(kind), canonical.loads(str(body)))
        return Learned(version=int(rows[-1][0]), state=state)

    async def _keep(self, workspace_id: str, now: Learned) -> None:
        """Write the state down, and forget what lies too far back."""
        last = now.version - EVERY * KEPT
        await self._database.within(workspace_id).transaction(
            [
                (_KEEP, (workspace_id, now.version, canonical.dumps(to_json(now.state)))),
                (
                    "DELETE FROM router_entries WHERE workspace_id = $1 AND version <= (SELECT coalesce("
                    "max(s.version), 0) FROM router_states s WHERE s.workspace_id = $1 AND s.version <= $2)",
                    (workspace_id, last),
                ),
                (
                    "DELETE FROM router_states WHERE workspace_id = $1 AND version < (SELECT coalesce("
                    "max(s.version), 0) FROM router_states s WHERE s.workspace_id = $1 AND s.version <= $2)",
                    (workspace_id, last),
                ),
            ]
        )
