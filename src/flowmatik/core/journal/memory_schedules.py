"""Schedules in memory."""

from dataclasses import replace

from flowmatik.core.journal.memory_runs import Run
from flowmatik.core.journal.schedules_port import Fired, ScheduleRow


class MemorySchedules:
    """Implements `ScheduleStore` beside the runs that the journal keeps."""

    _runs: dict[str, Run]

    def __init__(self) -> None:
        self._schedules: dict[str, ScheduleRow] = {}
        self._claimed_until: dict[str, int] = {}

    async def schedule(self, workspace_id: str, ref: str) -> ScheduleRow | None:
        mine = (row for row in self._schedules.values() if row.workspace_id == workspace_id)
        return next((row for row in mine if ref in (row.id, row.name)), None)

    async def schedules(self, workspace_id: str, *, after: str, limit: int) -> list[ScheduleRow]:
        rows = [r for r in self._schedules.values() if r.workspace_id == workspace_id and r.name > after]
        return sorted(rows, key=lambda row: row.name)[:limit]

    async def add_schedule(self, row: ScheduleRow) -> bool:
        if await self.schedule(row.workspace_id, row.name) is not None:
            return False
        self._schedules[row.id] = row
        return True

    async def change_schedule(self, row: ScheduleRow, *, anew: bool) -> bool:
        there = self._schedules.get(row.id)
        if there is None or (there.workspace_id, there.version) != (row.workspace_id, row.version):
            return False
        changed = replace(
            there,
            cron=row.cron,
            timezone=row.timezone,
            run=row.run,
            overlap=row.overlap,
            catch_up_seconds=row.catch_up_seconds,
            paused=row.paused,
            version=row.version + 1,
        )
        if anew:
            changed = replace(changed, next_at=row.next_at, queued_at=None, seen_at=None, claim="")
            self._claimed_until.pop(row.id, None)
        self._schedules[row.id] = changed
        return True

    async def remove_schedule(self, workspace_id: str, schedule_id: str) -> bool:
        there = self._schedules.get(schedule_id)
        if there is None or there.workspace_id != workspace_id:
            return False
        del self._schedules[schedule_id]
        self._claimed_until.pop(schedule_id, None)
        return True

    async def claim_schedules(self, claim: str, *, now: int, until: int, limit: int) -> list[ScheduleRow]:
        due = sorted(row.id for row in self._schedules.values() if self._is_due(row, now))[:limit]
        for schedule_id in due:
            row = self._schedules[schedule_id]
            seen = now if row.seen_at is None else row.seen_at
            self._schedules[schedule_id] = replace(row, claim=claim, seen_at=seen)
            self._claimed_until[schedule_id] = until
        return [self._schedules[schedule_id] for schedule_id in due]

    def _is_due(self, row: ScheduleRow, now: int) -> bool:
        if row.paused or self._claimed_until.get(row.id, 0) > now:
            return False
        last = self._runs.get(row.last_run_id)
        waits = row.queued_at is not None and (last is None or bool(last.ended_at))
        return waits or (row.next_at is not None and row.next_at <= now)

    async def settle_schedule(self, schedule_id: str, claim: str, fired: Fired) -> bool:
        row = self._schedules.get(schedule_id)
        if row is None or not claim or row.claim != claim:
            return False
        self._claimed_until.pop(schedule_id, None)
        self._schedules[schedule_id] = replace(
            row,
            next_at=fired.next_at,
            queued_at=fired.queued_at,
            last_at=fired.last_at,
            last_run_id=fired.last_run_id,
            error=fired.error,
            seen_at=None,
            claim="",
        )
        return True

    async def note_start(self, schedule_id: str, *, at: int, run_id: str) -> None:
        if row := self._schedules.get(schedule_id):
            self._schedules[schedule_id] = replace(row, last_at=at, last_run_id=run_id, error="")
