"""What callers have sent, as SQL stores have it."""

from abc import ABC, abstractmethod
from typing import Any

from flowmatik.contracts.database import Row
from flowmatik.core.journal.sent_port import Signals


class SqlSent(ABC):
    @abstractmethod
    async def _fetch(self, query: str, *params: Any) -> list[Row]:
        """The rows of a named statement that only reads."""

    async def run_of_key(self, workspace_id: str, key: str) -> str:
        rows = await self._fetch("run_by_key", workspace_id, key)
        return rows[0][0] if rows else ""

    async def signals_of(self, run_id: str) -> Signals:
        count, size = (await self._fetch("signals_of", run_id))[0]
        return Signals(count=count, size=size)
