"""The bus between processes over PostgreSQL: each call one statement."""

from abc import abstractmethod
from typing import Any

from flowmatik.contracts.database import Row
from flowmatik.core.journal.records import Behind, OutboxEntry
from flowmatik.core.journal.sql_bus import SqlBus, behind_of, spans_of


class PostgresBus(SqlBus):
    @abstractmethod
    async def _fetch(self, query: str, *params: Any) -> list[Row]:
        """The rows of a named statement."""

    async def fall_behind(self, limit: int) -> list[OutboxEntry]:
        return spans_of(await self._fetch("fall_behind", limit))

    async def take_behind(self, subscriber: str, owner: str, *, limit: int, run_id: str = "") -> list[Behind]:
        return [behind_of(row) for row in await self._fetch("take_behind", subscriber, owner, limit, run_id)]
