"""Retention in SQL stores: what both do alike."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flowmatik.contracts.database import Row
from flowmatik.contracts.retention import Hold
from flowmatik.core.journal.records import Creation, Deletable, RunHead, Tombstone
from flowmatik.core.journal.retention_port import KEY_DAYS
from flowmatik.core.journal.times import text_of
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Conflict, Gone, NotFound


class SqlRetentionReads(ABC):
    @abstractmethod
    async def _fetch(self, query: str, *params: Any) -> list[Row]:
        """The rows of a named statement that only reads."""

    async def tombstone(self, workspace_id: str, run_id: str) -> Tombstone | None:
        rows = await self._fetch("tombstone", run_id)
        found = tombstone_in(rows[0]) if rows else None
        return found if found and found.workspace_id == workspace_id else None

    async def holds(self, workspace_id: str) -> list[Hold]:
        return [_hold(row) for row in await self._fetch("holds", workspace_id)]

    async def retention_days(self, workspace_id: str) -> int | None:
        rows = await self._fetch("retention_days", workspace_id)
        return rows[0][0] if rows else None

    async def missing(self, workspace_id: str | None, run_id: str, otherwise: NotFound) -> NotFound:
        """What to say of a run without a head row."""
        rows = await self._fetch("tombstone", run_id)
        if rows and workspace_id in (None, rows[0][1]):
            return gone_run(run_id, rows[0][5])
        return otherwise


class SqlRetention(SqlRetentionReads):
    _clock: Clock

    @abstractmethod
    async def _execute(self, query: str, *params: Any) -> None:
        """A named statement that writes, committed."""

    @abstractmethod
    async def head(self, workspace_id: str | None, run_id: str) -> RunHead: ...

    @abstractmethod
    async def _doubted(self, run_id: str) -> bool:
        """Whether a call of the run is in doubt."""

    async def in_the_way(self, workspace_id: str, run_id: str) -> list[str]:
        await self.head(workspace_id, run_id)
        found = [row[0] for row in await self._fetch("in_the_way", workspace_id, run_id)]
        return sorted([*found, "in_doubt"]) if await self._doubted(run_id) else found

    async def set_retention_days(self, workspace_id: str, days: int | None) -> None:
        if days is None:
            await self._execute("unset_retention_days", workspace_id)
        else:
            await self._execute("set_retention_days", workspace_id, days)

    async def retention_overrides(self) -> dict[str, int]:
        return {row[0]: row[1] for row in await self._fetch("retention_overrides")}

    async def deletable(self, *, before: str, overrides: Mapping[str, str], limit: int) -> list[Deletable]:
        own = [{"workspace_id": name, "before": time} for name, time in overrides.items()]
        last = max([before, *overrides.values()])
        rows = await self._fetch("deletable", before, canonical.dumps(own), limit, last)
        return [Deletable(run_id=row[0], workspace_id=row[1], events=row[2]) for row in rows]

    async def forget_keys(self, before: str) -> None:
        await self._execute("forget_keys", before)

    def _keys_since(self) -> str:
        """Of runs deleted from then on, the keys are taken."""
        return text_of(self._clock.now() - timedelta(days=KEY_DAYS))


def gone_run(run_id: str, deleted_at: str) -> Gone:
    return Gone(
        f"run {run_id} was deleted on {deleted_at[:10]}; nothing of it is left but that it was there",
        code="gone.run",
        context={"run_id": run_id, "deleted_at": deleted_at[:10]},
    )


def key_of_deleted(creation: Creation, run_id: str, deleted_at: str) -> Conflict:
    """The first run under the key is no more, and a second one would do everything again."""
    return Conflict(
        f"the idempotency key {creation.idempotency_key!r} belongs to run {run_id}, which was deleted on "
        f"{deleted_at[:10]}; use a new key for a new run",
        code="conflict.run_deleted",
        context={"run_id": run_id, "key": creation.idempotency_key, "deleted_at": deleted_at[:10]},
    )


def tombstone_in(row: Row) -> Tombstone:
    run_id, workspace_id, status, created_at, ended_at, deleted_at, cost, unpriced, blobs, size, counted = row
    return Tombstone(
        run_id=run_id,
        workspace_id=workspace_id,
        status=status,
        created_at=created_at,
        ended_at=ended_at,
        deleted_at=deleted_at,
        cost_micros=cost,
        unpriced=bool(unpriced),
        blobs=blobs,
        blob_bytes=size,
        counted=bool(counted),
    )


def _hold(row: Row) -> Hold:
    workspace_id, run_id, reason, by, at = row
    return Hold(workspace_id=workspace_id, run_id=run_id, reason=reason, by=by, at=at)
