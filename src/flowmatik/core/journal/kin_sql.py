"""Runs within runs, as SQL stores have them."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Any

from flowmatik.contracts.database import Row, SqliteWriter
from flowmatik.core.journal.kin_port import ADDED, TOLD, LiveChild
from flowmatik.kernel import canonical


class SqlKin(ABC):
    @abstractmethod
    async def _fetch(self, query: str, *params: Any) -> list[Row]:
        """The rows of a named statement that only reads."""

    async def born(self, run_ids: Collection[str]) -> set[str]:
        if not run_ids:
            return set()
        return {row[0] for row in await self._fetch("born", canonical.dumps(sorted(run_ids)))}

    async def unreported(self, limit: int) -> list[str]:
        return [row[0] for row in await self._fetch("unreported", limit)]

    async def live_children(self, parent: str, limit: int) -> list[str]:
        return [row[0] for row in await self._fetch("live_children", parent, limit)]

    async def kin(self, *, after: str, limit: int) -> list[LiveChild]:
        rows = await self._fetch("kin", after, limit)
        return [LiveChild(run_id=run_id, orphan=bool(orphan)) for run_id, orphan in rows]


class SqliteKin(ABC):
    """What reporting a child writes, in one transaction of the one writer."""

    _store: SqliteWriter
    _sql: Any

    @abstractmethod
    def _now(self) -> str:
        """The time as text."""

    @abstractmethod
    def _post(self, db: Any, run_id: str, input_id: str, kind: str, payload: str, now: str) -> bool:
        """Put an input in the inbox of a run; False when it was there."""

    async def report(self, run_id: str, input_id: str, payload: str, *, cost_micros: int) -> str:
        now = self._now()

        def work(db: Any) -> str:
            child = db.execute(self._sql["reported"], (run_id, cost_micros)).fetchone()
            if child is None:
                return ""
            parent, reported, cost, unpriced = child
            if reported == ADDED:
                db.execute(self._sql["add_cost"], (parent, cost, unpriced))
            told = reported == TOLD and self._post(db, parent, input_id, "subrun", payload, now)
            return parent if told else ""

        return await self._store.write(work)
