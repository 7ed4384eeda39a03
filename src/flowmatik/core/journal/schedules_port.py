"""Schedules: what every store must promise. Times are whole Unix seconds, None for none."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRow:
    """`run` and `error` (code and message) are JSON; `error` is "" for none. `version` counts the changes
    that people make, which a firing does not touch. `seen_at`: when a firing that is under way was first
    looked at, so that whoever takes it over after a crash sees the same firings; `claim` is who is at it."""

    id: str
    workspace_id: str
    name: str
    cron: str
    timezone: str
    run: str
    overlap: str
    catch_up_seconds: int
    paused: bool
    created_by: str
    created_at: str
    next_at: int | None = None
    last_at: int | None = None
    last_run_id: str = ""
    queued_at: int | None = None
    error: str = ""
    version: int = 1
    seen_at: int | None = None
    claim: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """What a firing leaves behind."""

    next_at: int | None
    queued_at: int | None
    last_at: int | None
    last_run_id: str
    error: str


class ScheduleReads(Protocol):
    async def schedule(self, workspace_id: str, ref: str) -> ScheduleRow | None:
        """By its id or name."""
        ...

    async def schedules(self, workspace_id: str, *, after: str, limit: int) -> list[ScheduleRow]:
        """By name; `after` is the last name seen."""
        ...


class ScheduleStore(ScheduleReads, Protocol):
    async def add_schedule(self, row: ScheduleRow) -> bool:
        """False when the workspace has one of that name."""
        ...

    async def change_schedule(self, row: ScheduleRow, *, anew: bool) -> bool:
        """What people may change, as compare-and-set on `row.version`, which goes up. With `anew` it fires
        next at `row.next_at`, and what was under way or waited does not count any more."""
        ...

    async def remove_schedule(self, workspace_id: str, schedule_id: str) -> bool: ...

    async def claim_schedules(self, claim: str, *, now: int, until: int, limit: int) -> list[ScheduleRow]:
        """Those that are due and that nobody else has a claim on at `now`: a firing has come, or one that
        waits may begin since the last run has ended. The claim holds before `until`."""
        ...

    async def settle_schedule(self, schedule_id: str, claim: str, fired: Fired) -> bool:
        """Compare-and-set on the claim, which ends. False when it is somebody else's by now."""
        ...

    async def note_start(self, schedule_id: str, *, at: int, run_id: str) -> None:
        """A run was begun out of turn; it is the last one."""
        ...
