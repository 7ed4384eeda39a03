"""Shared caps in SQLite: several statements make one transaction on the one writer."""

from collections.abc import Mapping
from typing import Any

from flowmatik.contracts.database import SqliteWriter
from flowmatik.core.journal.money import checked_amounts
from flowmatik.core.journal.money_records import Kept
from flowmatik.core.journal.sql_money import SqlMoney
from flowmatik.kernel import canonical


class SqliteMoney(SqlMoney):
    _sql: Mapping[str, str]
    _store: SqliteWriter

    async def _place(self, params: tuple[Any, ...], now: str) -> None:
        def work(db: Any) -> None:
            db.execute(self._sql["set_cap"], params)
            db.execute(self._sql["reached"], (*params[:2], now))

        await self._store.write(work)

    async def allot(self, workspace_id: str, run_id: str, n: int, amounts: Mapping[str, int]) -> bool:
        wanted = checked_amounts(amounts)
        return await self._store.write(lambda db: self._allot(db, (workspace_id, run_id, n), wanted))

    async def charge(self, workspace_id: str, run_id: str, n: int, amounts: Mapping[str, int]) -> None:
        wanted = checked_amounts(amounts)
        await self._store.write(lambda db: self._allot(db, (workspace_id, run_id, n), wanted, spent=True))

    def _allot(
        self, db: Any, what: tuple[str, str, int], amounts: Mapping[str, int], *, spent: bool = False
    ) -> bool:
        """`what`: workspace, run, number."""
        workspace_id, run_id, n = what
        first = db.execute(self._sql["allotted"], (run_id, n)).fetchone()
        if first:
            return bool(first[0])
        rooms = db.execute(self._sql["rooms"], (workspace_id, canonical.dumps(list(amounts)))).fetchall()
        room: dict[str, int] = dict(rooms)
        granted = spent or all(room.get(scope, micros) >= micros for scope, micros in amounts.items())
        for scope, micros in amounts.items():
            drawn = micros if granted and scope in room else 0
            if drawn:
                db.execute(self._sql["draw"], (workspace_id, scope, drawn, spent))
                db.execute(self._sql["reached"], (workspace_id, scope, self._now()))
            db.execute(self._sql["allotment"], (run_id, n, scope, workspace_id, granted, drawn))
        if granted:
            db.execute(self._sql["holder"], (run_id, workspace_id))
        return granted

    async def settle(self, run_id: str, *, seq: int, upto: int, kept: Kept) -> None:
        def work(db: Any) -> None:
            rows = db.execute(self._sql["drawn"], (run_id, seq, upto)).fetchall()
            for workspace_id, scope, micros, lowest in rows:
                back = micros - kept.of(scope)
                if back > 0:
                    db.execute(self._sql["give_back"], (workspace_id, scope, back))
                    row = (run_id, min(lowest, 0) - 1, scope, workspace_id, 1, -back)
                    db.execute(self._sql["allotment"], row)
            db.execute(self._sql["settled"], (run_id, seq, kept.spent))

        await self._store.write(work)

    async def settle_call(self, call_id: str, kept: Kept) -> None:
        def work(db: Any) -> None:
            for workspace_id, scope, micros, lowest in db.execute(
                self._sql["drawn_by_call"], (call_id,)
            ).fetchall():
                if (back := micros - kept.of(scope)) > 0:
                    db.execute(self._sql["give_back"], (workspace_id, scope, back))
                    row = (call_id, min(lowest, 0) - 1, scope, workspace_id, 1, -back)
                    db.execute(self._sql["allotment"], row)
            db.execute(self._sql["call_settled"], (call_id,))

        await self._store.write(work)
