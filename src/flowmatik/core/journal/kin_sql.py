"""Runs within runs, as SQL stores have them."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Any

from flowmatik.contracts.database import Row
from flowmatik.core.journal.kin_port import LiveChild
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
