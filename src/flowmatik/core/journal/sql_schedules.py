"""Schedules in the SQL stores."""

from abc import ABC, abstractmethod
from typing import Any

from flowmatik.contracts.database import Row
from flowmatik.core.journal.schedules_port import Fired, ScheduleRow


class SqlScheduleReads(ABC):
    """Implements `ScheduleReads`."""

    @abstractmethod
    async def _fetch(self, query: str, *params: Any) -> list[Row]:
        """The rows of a named statement that only reads."""

    async def schedule(self, workspace_id: str, ref: str) -> ScheduleRow | None:
        rows = await self._fetch("schedule", workspace_id, ref)
        return schedule_row(rows[0]) if rows else None

    async def schedules(self, workspace_id: str, *, after: str, limit: int) -> list[ScheduleRow]:
        return [schedule_row(row) for row in await self._fetch("schedules", workspace_id, after, limit)]


class SqlSchedules(SqlScheduleReads):
    """Implements `ScheduleStore`."""

    @abstractmethod
    async def _change(self, query: str, *params: Any) -> list[Row]:
        """The rows that a named statement returns which writes, committed."""

    async def add_schedule(self, row: ScheduleRow) -> bool:
        return bool(
            await self._change(
                "add_schedule",
                row.id,
                row.workspace_id,
                row.name,
                row.cron,
                row.timezone,
                row.run,
                row.overlap,
                row.catch_up_seconds,
                int(row.paused),
                row.created_by,
                row.created_at,
                row.next_at,
            )
        )

    async def change_schedule(self, row: ScheduleRow, *, anew: bool) -> bool:
        return bool(
            await self._change(
                "change_schedule",
                row.workspace_id,
                row.id,
                row.version,
                row.cron,
                row.timezone,
                row.run,
                row.overlap,
                row.catch_up_seconds,
                int(row.paused),
                row.next_at,
                int(anew),
            )
        )

    async def remove_schedule(self, workspace_id: str, schedule_id: str) -> bool:
        return bool(await self._change("remove_schedule", workspace_id, schedule_id))

    async def claim_schedules(self, claim: str, *, now: int, until: int, limit: int) -> list[ScheduleRow]:
        return [schedule_row(row) for row in await self._change("claim_schedules", now, claim, until, limit)]

    async def settle_schedule(self, schedule_id: str, claim: str, fired: Fired) -> bool:
        return bool(
            await self._change(
                "settle_schedule",
                schedule_id,
                claim,
                fired.next_at,
                fired.queued_at,
                fired.last_at,
                fired.last_run_id,
                fired.error,
            )
        )

    async def note_start(self, schedule_id: str, *, at: int, run_id: str) -> None:
        await self._change("note_start", schedule_id, at, run_id)


def schedule_row(row: Row) -> ScheduleRow:
    """From the columns in the order of the query `schedule`."""
    return ScheduleRow(
        id=row[0],
        workspace_id=row[1],
        name=row[2],
        cron=row[3],
        timezone=row[4],
        run=row[5],
        overlap=row[6],
        catch_up_seconds=row[7],
        paused=bool(row[8]),
        created_by=row[9],
        created_at=row[10],
        next_at=row[11],
        last_at=row[12],
        last_run_id=row[13],
        queued_at=row[14],
        error=row[15],
        version=row[16],
        seen_at=row[17],
        claim=row[18],
    )
