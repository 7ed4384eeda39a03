"""Retention on PostgreSQL: runs are deleted over sessions of the role flowmatik_retention."""

from collections.abc import Mapping, Sequence
from typing import Any

from flowmatik.contracts.database import Database
from flowmatik.contracts.retention import Hold
from flowmatik.core.journal.sql_blobs import PostgresBlobs
from flowmatik.core.journal.sql_retention import SqlRetention
from flowmatik.core.journal.times import text_of
from flowmatik.kernel.errors import ConfigurationError


class PostgresRetention(SqlRetention, PostgresBlobs):
    _sql: Mapping[str, str]
    _retention: Database | None

    async def _doubted(self, run_id: str) -> bool:
        return bool(await self._fetch("doubted", [run_id]))

    async def hold(self, hold: Hold) -> bool:
        return bool(await self._fetch("hold", hold.workspace_id, hold.run_id, hold.reason, hold.by, hold.at))

    async def release(self, workspace_id: str, run_id: str) -> bool:
        return bool(await self._fetch("release", workspace_id, run_id))

    async def delete_runs(self, run_ids: Sequence[str]) -> list[str]:
        if self._retention is None:
            raise ConfigurationError(
                "this journal has no sessions of the role flowmatik_retention, which alone deletes runs",
                code="config.role.retention",
            )
        statement: Any = self._sql["delete_runs"]
        now = text_of(self._clock.now())
        return [row[0] for row in await self._retention.fetch(statement, list(run_ids), now)]

    async def scrub(self) -> None:
        """The server's own vacuum and its log are for whoever runs it."""
