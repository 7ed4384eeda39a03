"""What the SQL journals do alike for a bus between processes."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from flowmatik.contracts.database import Row
from flowmatik.core.journal.records import Behind, OutboxEntry


class SqlBus(ABC):
    """`BusJournal`, but for `fall_behind` and `take_behind`."""

    @abstractmethod
    async def _execute(self, query: str, *params: Any) -> None:
        """A named statement that writes, committed."""

    async def finish_run(self, subscriber: str, run_id: str, *, asked: int) -> None:
        await self._execute("finish_run", subscriber, run_id, asked)

    async def let_go(self, owner: str) -> None:
        await self._execute("let_go", owner)

    async def ask_redrive(self, subscriber: str, run_id: str) -> None:
        await self._execute("ask_redrive", subscriber, run_id)


def behind_of(row: Row) -> Behind:
    run_id, workspace_id, seq, tries, asked = row
    return Behind(run_id=run_id, workspace_id=workspace_id, seq=seq, tries=tries, asked=asked)


def spans_of(rows: Sequence[Row]) -> list[OutboxEntry]:
    return [
        OutboxEntry(run_id=run_id, workspace_id=workspace_id, from_seq=first, to_seq=last)
        for run_id, workspace_id, first, last in rows
    ]
