"""The rows of sources, their documents and their syncs. Every question names the workspace."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from flowmatik.contracts.database import Database, Statement
from flowmatik.contracts.sources import FailedDocument, Source, SyncReport
from flowmatik.kernel.errors import FlowmatikError, NotFound
from flowmatik.memory.syncing.rows import (
    Definition,
    Fault,
    Kept,
    Outcome,
    as_json,
    definition_of,
    kept_of,
    report_of,
)

LEASE_SECONDS = 60
_COUNT = "UPDATE source_syncs SET :outcome = :outcome + 1 WHERE workspace_id = $1 AND id = $2"
_DEFINITION = (
    "SELECT id, name, kind, settings, acl, tags, cron, timezone, next_at, hook, cursor_at, sync, again,"
    " owner, beat_at, created_at, created_by, workspace_id FROM source_definitions"
)
_SYNC = (
    "SELECT id, source_id, cause, status, started_at, ended_at, total, added, updated, moved, unchanged,"
    " deleted, failed, code, reason, details FROM source_syncs"
)


class SourceRows:
    def __init__(self, database: Database, workspace_id: str) -> None:
        self._database = database.within(workspace_id)
        self._workspace_id = workspace_id

    async def definition(self, ref: str) -> Definition:
        rows = await self._database.fetch(
            f"{_DEFINITION} WHERE workspace_id = $1 AND (id = $2 OR name = $2)", self._workspace_id, ref
        )
        if not rows:
            raise NotFound(
                f"there is no source {ref[:200]!r}; `flowmatik memory sources list` shows all",
                code="not_found.source",
                context={"source": ref[:200]},
            )
        return definition_of(rows[0])

    async def definitions(self) -> list[Definition]:
        sql = f"{_DEFINITION} WHERE workspace_id = $1 ORDER BY name"
        return [definition_of(row) for row in await self._database.fetch(sql, self._workspace_id)]

    async def add(self, one: Definition) -> None:
        """Raises Conflict when the name is taken."""
        await self._database.transaction([(
            "INSERT INTO source_definitions (workspace_id, id, name, kind, settings, acl, tags, cron,"
            " timezone, next_at, hook, created_at, created_by)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            (
                *(self._workspace_id, one.id, one.name, one.kind, as_json(one.settings), as_json(one.acl)),
                *(as_json(one.tags), one.cron, one.timezone, one.next_at, one.hook, one.created_at),
                one.created_by,
            ),
        )])  # fmt: skip

    async def remove(self, source_id: str) -> None:
        await self._change("DELETE FROM source_definitions WHERE workspace_id = $1 AND id = $2", source_id)

    async def renew_hook(self, source_id: str, hook: str) -> None:
        await self._change(
            "UPDATE source_definitions SET hook = $3 WHERE workspace_id = $1 AND id = $2", source_id, hook
        )

    async def ask_again(self, source_id: str, why: int) -> None:
        await self._change(
            "UPDATE source_definitions SET again = $3 WHERE workspace_id = $1 AND id = $2", source_id, why
        )

    async def schedule(self, source_id: str, due: int, following: int | None) -> bool:
        """Whether it was us who moved the clock on from `due`."""
        sql = (
            "UPDATE source_definitions SET next_at = $4, again = 1 WHERE workspace_id = $1 AND id = $2"
            " AND next_at = $3"
        )
        return await self._change(sql, source_id, due, following) > 0

    async def claim(self, one: Definition, owner: str, now: int, new: SyncReport | None) -> bool:
        """The source is this owner's, unless somebody else has claimed it; with the row of a new sync."""
        ours: Statement = (
            "UPDATE source_definitions SET owner = $3, beat_at = $4, sync = $5, again = 0"
            " WHERE workspace_id = $1 AND id = $2 AND owner = $6 AND sync = $7",
            (self._workspace_id, one.id, owner, now, new.id if new else one.sync, one.owner, one.sync),
        )
        if new is None:
            (claimed,) = await self._database.transaction([ours])
            return claimed > 0
        begun: Statement = (
            "INSERT INTO source_syncs (workspace_id, source_id, id, cause, status, started_at)"
            " SELECT workspace_id, id, sync, $4, $5, $6 FROM source_definitions"
            " WHERE workspace_id = $1 AND id = $2 AND owner = $3",
            (self._workspace_id, one.id, owner, new.cause, new.status, new.started_at),
        )
        claimed, _ = await self._database.transaction([ours, begun])
        return claimed > 0

    async def tell(self, one: Definition, new: SyncReport) -> None:
        """A sync that goes on has a report again, of what it does from now on. The source is held meanwhile,
        so that the sync ends before or after."""
        values = (self._workspace_id, one.id, new.id)
        held = "UPDATE source_definitions SET again = again WHERE workspace_id = $1 AND id = $2 AND sync = $3"
        told = (
            "INSERT INTO source_syncs (workspace_id, source_id, id, cause, status, started_at)"
            " SELECT workspace_id, id, sync, $4, $5, $6 FROM source_definitions"
            " WHERE workspace_id = $1 AND id = $2 AND sync = $3 ON CONFLICT DO NOTHING"
        )
        await self._database.transaction(
            [(held, values), (told, (*values, new.cause, new.status, new.started_at))]
        )

    async def beat(self, source_id: str, owner: str, now: int) -> bool:
        sql = "UPDATE source_definitions SET beat_at = $4 WHERE workspace_id = $1 AND id = $2 AND owner = $3"
        return await self._change(sql, source_id, owner, now) > 0

    async def let_go(self, source_id: str, owner: str) -> None:
        """The sync is not ended; somebody goes on with it."""
        sql = "UPDATE source_definitions SET owner = '' WHERE workspace_id = $1 AND id = $2 AND owner = $3"
        await self._change(sql, source_id, owner)

    async def end(
        self,
        source_id: str,
        owner: str,
        sync_id: str,
        at: str,
        *,
        cursor: str | None,
        fault: FlowmatikError | None,
    ) -> None:
        what = (fault.code, fault.message, as_json(fault.context)) if fault else ("", "", "{}")
        status = "failed" if fault else "done"
        statements: list[Statement] = [
            (
                "UPDATE source_definitions SET owner = '', sync = '', cursor_at = CASE WHEN $4 = 1 THEN $5"
                " ELSE cursor_at END WHERE workspace_id = $1 AND id = $2 AND owner = $3",
                (self._workspace_id, source_id, owner, int(cursor is not None), cursor or ""),
            ),
            (
                "UPDATE source_syncs SET status = $3, ended_at = $4, code = $5, reason = $6, details = $7"
                " WHERE workspace_id = $1 AND id = $2 AND status = 'running'",
                (self._workspace_id, sync_id, status, at, *what),
            ),
        ]
        await self._database.transaction(statements)

    async def kept(self, source_id: str) -> dict[str, Kept]:
        rows = await self._database.fetch(
            "SELECT path, name, version, state, sync, entry, retryable, attempts FROM source_entries"
            " WHERE workspace_id = $1 AND source_id = $2",
            *(self._workspace_id, source_id),
        )
        return {str(row[0]): kept_of(row) for row in rows}

    async def record(
        self, source_id: str, kept: Kept, at: str, outcome: Outcome | None, fault: Fault | None = None
    ) -> None:
        """What has become of a document, counted at once, so that an interrupted sync counts none twice."""
        what = (fault.code, fault.reason, as_json(fault.values)) if fault else ("", "", "{}")
        statements: list[Statement] = [(
            "INSERT INTO source_entries (workspace_id, source_id, path, name, version, state, sync, entry,"
            " code, reason, details, retryable, attempts, changed_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
            " ON CONFLICT (workspace_id, source_id, path) DO UPDATE SET name = excluded.name,"
            " version = excluded.version, state = excluded.state, sync = excluded.sync,"
            " entry = excluded.entry, code = excluded.code, reason = excluded.reason,"
            " details = excluded.details, retryable = excluded.retryable, attempts = excluded.attempts,"
            " changed_at = excluded.changed_at",
            (
                *(self._workspace_id, source_id, kept.path, kept.name, kept.version, kept.state, kept.sync),
                *(kept.said, *what, int(kept.retryable), kept.attempts, at),
            ),
        )]  # fmt: skip
        await self._database.transaction([*statements, *self._counted(kept.sync, outcome)])

    async def forgotten(self, source_id: str, path: str, sync_id: str, outcome: Outcome | None) -> None:
        """The document is gone."""
        sql = "DELETE FROM source_entries WHERE workspace_id = $1 AND source_id = $2 AND path = $3"
        gone: Statement = (sql, (self._workspace_id, source_id, path))
        await self._database.transaction([gone, *self._counted(sync_id, outcome)])

    async def count(self, sync_id: str, total: int, unchanged: int) -> None:
        await self._change(
            "UPDATE source_syncs SET total = $3, unchanged = $4 WHERE workspace_id = $1 AND id = $2",
            *(sync_id, total, unchanged),
        )

    async def has_removed(self, sync_id: str) -> bool:
        """Also where nobody can tell, because its report was forgotten."""
        rows = await self._database.fetch(
            "SELECT deleted FROM source_syncs WHERE workspace_id = $1 AND id = $2",
            self._workspace_id,
            sync_id,
        )
        return not rows or int(rows[0][0]) > 0

    async def make_due(self, source_id: str, paths: Sequence[str]) -> int:
        """Dead letters that are tried again at the next sync; without `paths` all of them."""
        sql = (
            "UPDATE source_entries SET state = 'due' WHERE workspace_id = $1 AND source_id = $2"
            " AND state = 'failed'"
        )
        if not paths:
            return await self._change(sql, source_id)
        changed = 0
        for path in paths:
            changed += await self._change(f"{sql} AND path = $3", source_id, path)
        return changed

    async def failures(self, source_id: str, after: str, limit: int) -> list[FailedDocument]:
        rows = await self._database.fetch(
            "SELECT path, code, reason, details, retryable, attempts, changed_at FROM source_entries"
            " WHERE workspace_id = $1 AND source_id = $2 AND state <> 'taken' AND path > $3"
            " ORDER BY path LIMIT $4",
            *(self._workspace_id, source_id, after, limit),
        )
        return [
            FailedDocument(
                path=row[0],
                code=row[1],
                reason=row[2],
                values=json.loads(row[3]),
                retryable=bool(row[4]),
                attempts=int(row[5]),
                failed_at=row[6],
            )
            for row in rows
        ]

    async def syncs(self, source_id: str, limit: int) -> list[SyncReport]:
        rows = await self._database.fetch(
            f"{_SYNC} WHERE workspace_id = $1 AND source_id = $2 ORDER BY started_at DESC, id DESC LIMIT $3",
            *(self._workspace_id, source_id, limit),
        )
        return [report_of(row) for row in rows]

    async def sync(self, source_id: str, sync_id: str) -> SyncReport:
        rows = await self._database.fetch(
            f"{_SYNC} WHERE workspace_id = $1 AND source_id = $2 AND id = $3",
            *(self._workspace_id, source_id, sync_id),
        )
        if not rows:
            raise NotFound(
                f"the source has no sync {sync_id[:200]!r}; `flowmatik memory sources show` names the latest",
                code="not_found.sync",
                context={"sync": sync_id[:200]},
            )
        return report_of(rows[0])

    async def shown(self, one: Definition) -> Source:
        rows = await self._database.fetch(
            "SELECT count(*), coalesce(sum(CASE WHEN state <> 'taken' THEN 1 ELSE 0 END), 0)"
            " FROM source_entries WHERE workspace_id = $1 AND source_id = $2",
            *(self._workspace_id, one.id),
        )
        all_of_them, failed = int(rows[0][0]), int(rows[0][1])
        due = "" if one.next_at is None else datetime.fromtimestamp(one.next_at, UTC).isoformat()
        return Source(
            id=one.id,
            name=one.name,
            kind=one.kind,
            settings=one.settings,
            acl=one.acl,
            tags=one.tags,
            cron=one.cron,
            timezone=one.timezone,
            created_at=one.created_at,
            created_by=one.created_by,
            next_at=due,
            documents=all_of_them - failed,
            failures=failed,
            last=next(iter(await self.syncs(one.id, 1)), None),
        )

    def _counted(self, sync_id: str, outcome: Outcome | None) -> list[Statement]:
        if outcome is None or outcome == "unchanged":
            return []
        return [(_COUNT.replace(":outcome", outcome), (self._workspace_id, sync_id))]

    async def _change(self, sql: str, *params: Any) -> int:
        (changed,) = await self._database.transaction([(sql, (self._workspace_id, *params))])
        return changed


async def waiting(everywhere: Database, now: int) -> list[Definition]:
    """Those of all workspaces for which the clock, a caller or a dead process has left something to do."""
    rows = await everywhere.fetch(
        f"{_DEFINITION} WHERE next_at <= $1 OR sync <> '' OR again > 0 ORDER BY workspace_id, id LIMIT 200",
        now,
    )
    return [definition_of(row) for row in rows]


async def of_kind(everywhere: Database, kind: str) -> list[Definition]:
    """In all workspaces."""
    rows = await everywhere.fetch(f"{_DEFINITION} WHERE kind = $1 ORDER BY workspace_id, id", kind)
    return [definition_of(row) for row in rows]
