"""Retention in a SQLite file."""

from collections.abc import Sequence
from typing import Any

from flowmatik.contracts.database import SqliteWriter
from flowmatik.contracts.retention import Hold
from flowmatik.core.journal.sql_blobs import SqliteBlobs
from flowmatik.core.journal.sql_retention import SqlRetention
from flowmatik.core.journal.times import text_of
from flowmatik.kernel import canonical

PARTS = (
    "events",
    "inbox",
    "timers",
    "pointers",
    "places",
    "letters",
    "allotments",
    "holder",
    "asked",
    "tags",
    "feedback",
    "cases",
    "lessons",
    "answers",
    "head",
)


class SqliteRetention(SqlRetention, SqliteBlobs):
    _store: SqliteWriter
    _sql: Any
    _unscrubbed = True  # as far as a process that has just started can know

    async def hold(self, hold: Hold) -> bool:
        row = (hold.workspace_id, hold.run_id, hold.reason, hold.by, hold.at)

        def work(db: Any) -> bool:
            held = db.execute(self._sql["hold"], row).fetchone() is not None
            if held:
                db.execute(self._sql["set_held"], (hold.workspace_id, hold.run_id, 1))
            return held

        return await self._store.write(work)

    async def release(self, workspace_id: str, run_id: str) -> bool:
        def work(db: Any) -> bool:
            db.execute(self._sql["set_held"], (workspace_id, run_id, 0))
            return db.execute(self._sql["release"], (workspace_id, run_id)).fetchone() is not None

        return await self._store.write(work)

    async def _doubted(self, run_id: str) -> bool:
        return bool(await self._fetch("doubted", canonical.dumps([run_id])))

    async def delete_runs(self, run_ids: Sequence[str]) -> list[str]:
        """The store writes over what is deleted; its log keeps old pages until `scrub`."""
        self._unscrubbed = True
        now = text_of(self._clock.now())

        def work(db: Any) -> list[str]:
            return [run_id for run_id in sorted(run_ids) if self._delete(db, run_id, now)]

        return await self._store.write(work)

    def _delete(self, db: Any, run_id: str, now: str) -> bool:
        if db.execute(self._sql["left_over"], (run_id, now)).fetchone() is None:
            return False
        for part in PARTS:
            db.execute(self._sql[f"delete_{part}"], (run_id,))
        db.execute(self._sql["drop_snapshot"], (run_id,))
        self._disown(db, run_id, self._seconds())
        return True

    async def scrub(self) -> None:
        if self._unscrubbed:
            self._unscrubbed = not await self._store.checkpoint()
