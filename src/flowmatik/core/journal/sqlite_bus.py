"""The bus between processes over SQLite. There is one engine to a file; the contract is the same."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from flowmatik.contracts.database import Row, SqliteWriter
from flowmatik.core.journal.records import Behind, OutboxEntry
from flowmatik.core.journal.sql_bus import SqlBus, behind_of, spans_of


class SqliteBus(SqlBus):
    _sql: Mapping[str, str]
    _store: SqliteWriter

    @abstractmethod
    async def _fetch(self, query: str, *params: Any) -> list[Row]:
        """The rows of a named statement that only reads."""

    @abstractmethod
    def _seconds(self) -> float:
        """Now, as leases count."""

    async def fall_behind(self, limit: int) -> list[OutboxEntry]:
        if not await self._fetch("first_pointers", 1):
            return []  # an idle look must not cost a write transaction

        def work(db: Any) -> list[OutboxEntry]:
            spans = spans_of(db.execute(self._sql["first_pointers"], (limit,)).fetchall())
            for span in spans:
                db.execute(self._sql["drop_pointers"], (span.run_id,))
                marks = (span.run_id, span.workspace_id, span.from_seq, span.to_seq)
                db.execute(self._sql["all_behind"], marks)
            return spans

        return await self._store.write(work)

    async def take_behind(self, subscriber: str, owner: str, *, limit: int, run_id: str = "") -> list[Behind]:
        asked = (subscriber, owner, limit, run_id, self._seconds())
        if not await self._fetch("takeable", *asked):
            return []

        def work(db: Any) -> list[Behind]:
            found = [behind_of(row) for row in db.execute(self._sql["takeable"], asked).fetchall()]
            taken = [one for one in found if not one.tries] or found[:1]
            for one in taken:
                db.execute(self._sql["take"], (subscriber, one.run_id, owner, one.tries))
            return taken

        return await self._store.write(work)
