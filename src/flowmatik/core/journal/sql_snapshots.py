"""Snapshots in SQL stores."""

from abc import ABC, abstractmethod
from typing import Any

from flowmatik.contracts.database import Row
from flowmatik.core.journal.records import Snapshot


class SqlSnapshotReads(ABC):
    @abstractmethod
    async def _fetch(self, query: str, *params: Any) -> list[Row]:
        """The rows of a named statement that only reads."""

    async def snapshot(self, run_id: str, fold_version: str) -> Snapshot | None:
        rows = await self._fetch("snapshot", run_id, fold_version)
        return snapshot_in(rows[0]) if rows else None


class SqlSnapshots(ABC):
    @abstractmethod
    async def _execute(self, query: str, *params: Any) -> None:
        """A named statement that writes, committed."""

    @abstractmethod
    async def _change(self, query: str, *params: Any) -> list[Row]:
        """The rows that a named statement which writes returns, committed."""

    async def save_snapshot(self, run_id: str, snapshot: Snapshot) -> None:
        await self._execute("save_snapshot", run_id, snapshot.seq, snapshot.fold_version, snapshot.body)

    async def drop_snapshot(self, run_id: str) -> None:
        await self._execute("drop_snapshot", run_id)

    async def drop_snapshots_of_ended(self, limit: int) -> int:
        return len(await self._change("drop_snapshots_of_ended", limit))


def snapshot_in(row: Row) -> Snapshot:
    return Snapshot(seq=row[0], fold_version=row[1], body=row[2])
