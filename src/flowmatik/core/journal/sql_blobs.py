"""References to blobs in SQL stores."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from flowmatik.contracts.database import Row, SqliteWriter
from flowmatik.core.journal.blobs_port import SETTLING_SECONDS, STRAY_SECONDS, LeftBlob
from flowmatik.kernel import canonical


class SqlBlobs(ABC):
    @abstractmethod
    async def _fetch(self, query: str, *params: Any) -> list[Row]:
        """The rows of a named statement that only reads."""

    @abstractmethod
    async def _change(self, query: str, *params: Any) -> list[Row]:
        """The rows of a named statement that writes, committed."""

    async def blobs_of(self, run_id: str) -> dict[str, int]:
        return {row[0]: row[1] for row in await self._fetch("blobs_of", run_id)}


class PostgresBlobs(SqlBlobs):
    async def refer(self, run_id: str, workspace_id: str, blobs: Mapping[str, int]) -> list[str]:
        rows = [{"sha256": sha256, "bytes": size} for sha256, size in sorted(blobs.items())]
        return [row[0] for row in await self._change("refer", run_id, workspace_id, canonical.dumps(rows))]

    async def take_left(self, limit: int, *, ttl_seconds: float) -> list[LeftBlob]:
        return _left(await self._change("take_left", limit, ttl_seconds, SETTLING_SECONDS))

    async def forget_left(self, blobs: Sequence[LeftBlob]) -> None:
        rows = [{"workspace_id": one.workspace_id, "sha256": one.sha256} for one in blobs]
        await self._change("forget_left", canonical.dumps(rows))

    async def disown_strays(self) -> int:
        return (await self._change("disown_strays", STRAY_SECONDS))[0][0]


class SqliteBlobs(SqlBlobs):
    """Nothing is under way on the one writer when it leaves a blob: there is nothing to wait for."""

    _store: SqliteWriter
    _sql: Any

    @abstractmethod
    def _seconds(self) -> float:
        """Unix seconds."""

    async def refer(self, run_id: str, workspace_id: str, blobs: Mapping[str, int]) -> list[str]:
        now, sql = self._seconds(), self._sql

        def work(db: Any) -> list[str]:
            busy: list[str] = []
            for sha256, size in sorted(blobs.items()):
                db.execute(sql["drop_left"], (workspace_id, sha256, now))
                if db.execute(sql["is_left"], (workspace_id, sha256)).fetchone():
                    busy.append(sha256)
                else:
                    db.execute(sql["reference"], (run_id, sha256, workspace_id, size, now))
            return busy

        return await self._store.write(work)

    async def take_left(self, limit: int, *, ttl_seconds: float) -> list[LeftBlob]:
        now, sql = self._seconds(), self._sql
        if not await self._fetch("some_left", now):
            return []

        def work(db: Any) -> list[Row]:
            db.execute(sql["keep_left"], (now,))
            return db.execute(sql["take_left"], (limit, now + ttl_seconds, now)).fetchall()

        return _left(await self._store.write(work))

    async def forget_left(self, blobs: Sequence[LeftBlob]) -> None:
        keys = [(one.workspace_id, one.sha256) for one in blobs]

        def work(db: Any) -> None:
            db.executemany(self._sql["forget_left"], keys)

        await self._store.write(work)

    async def disown_strays(self) -> int:
        now = self._seconds()
        strays = await self._fetch("strays", now - STRAY_SECONDS)

        def work(db: Any) -> int:
            for run_id, _ in strays:
                self._disown(db, run_id, now)
            return sum(count for _, count in strays)

        return await self._store.write(work) if strays else 0

    def _disown(self, db: Any, run_id: str, now: float) -> None:
        db.execute(self._sql["leave_blobs"], (run_id, now))
        db.execute(self._sql["delete_blobs"], (run_id,))


def _left(rows: Sequence[Row]) -> list[LeftBlob]:
    return [LeftBlob(workspace_id=row[0], sha256=row[1], bytes=row[2]) for row in rows]
