"""Dispatch and limits, as far as SQL stores share them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from flowmatik.contracts.database import Row
from flowmatik.contracts.limits import Limit
from flowmatik.core.journal.dispatch_port import Queue, ReadyRun

MOST_COUNTED = 1_000_000


class SqlDispatch(ABC):
    @abstractmethod
    async def _fetch(self, query: str, *params: Any) -> list[Row]: ...

    @abstractmethod
    async def _execute(self, query: str, *params: Any) -> None: ...

    async def underway(self) -> Mapping[Queue, int]:
        return {(row[0], row[1]): row[2] for row in await self._fetch("underway")}

    async def queued(self, workspace_id: str) -> int:
        return (await self._fetch("queued", workspace_id, MOST_COUNTED))[0][0]

    async def set_limit(self, limit: Limit) -> None:
        await self._execute(
            "set_limit",
            limit.workspace_id,
            limit.scope,
            limit.most,
            limit.weight,
            limit.per_minute,
            limit.burst,
        )

    async def lift_limit(self, workspace_id: str, scope: str) -> None:
        await self._execute("lift_limit", workspace_id, scope)

    async def limits(self) -> list[Limit]:
        return [
            Limit(
                workspace_id=workspace_id,
                scope=scope,
                most=most,
                weight=weight,
                per_minute=per_minute,
                burst=burst,
            )
            for workspace_id, scope, most, weight, per_minute, burst in await self._fetch("limits")
        ]

    async def resign(self, name: str, owner: str) -> None:
        await self._execute("resign", name, owner)


def ready_runs(rows: Sequence[Row]) -> list[ReadyRun]:
    return [
        ReadyRun(
            run_id=run_id,
            workspace_id=workspace_id,
            agent=agent,
            priority=priority,
            created_at=created_at,
            orphan=bool(orphan),
        )
        for run_id, workspace_id, agent, priority, created_at, orphan in rows
    ]
