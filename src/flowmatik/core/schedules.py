"""Schedules as callers see them: implements `Schedules` over the journal and the engine's runs."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from typing import Any

from pydantic import TypeAdapter

from flowmatik.contracts.runs import MAX_TAGS, NewRun
from flowmatik.contracts.schedules import (
    MAX_CATCH_UP_SECONDS,
    MAX_NAME_CHARACTERS,
    NewSchedule,
    Overlap,
    Schedule,
    ScheduleChange,
    ScheduledRun,
    SchedulePage,
)
from flowmatik.core.cron import Timetable
from flowmatik.core.guarded_inputs import InputGuard
from flowmatik.core.journal.port import Journal, RunReads
from flowmatik.core.journal.schedules_port import ScheduleRow
from flowmatik.core.journal.times import text_of
from flowmatik.core.pages import check_limit, cursor_of, place_at
from flowmatik.core.service import RunService
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Conflict, InvalidInput, NotFound
from flowmatik.kernel.ids import new_id

MOST_PREVIEWED = 100
_TRIES = 5
_NAME = re.compile(rf"(?!sch_)[A-Za-z0-9][A-Za-z0-9_.:-]{{0,{MAX_NAME_CHARACTERS - 1}}}")


class ScheduleService:
    """Implements `Schedules`."""

    def __init__(
        self,
        journal: Journal,
        seen_from: Callable[[str], RunReads],
        runs: RunService,
        clock: Clock,
        *,
        guard: InputGuard,
        budget_micros: int | None = None,
    ) -> None:
        """`seen_from` gives the store as callers of a workspace see it. `budget_micros` is for runs of
        schedules that name none."""
        self._journal = journal
        self._seen_from = seen_from
        self._runs = runs
        self._clock = clock
        self._guard = guard
        self._budget_micros = budget_micros

    async def create(self, workspace_id: str, new: NewSchedule) -> Schedule:
        _check_name(new.name)
        timetable = Timetable(new.cron, new.timezone)
        row = ScheduleRow(
            id=new_id("sch"),
            workspace_id=workspace_id,
            name=new.name,
            cron=new.cron.strip(),
            timezone=new.timezone,
            run=_recorded(await self._guarded(workspace_id, new.run)),
            overlap=new.overlap.value,
            catch_up_seconds=_checked_catch_up(new.catch_up_seconds),
            paused=new.paused,
            created_by=new.principal,
            created_at=text_of(self._clock.now()),
            next_at=self._next(timetable, new.cron),
        )
        await self._check_run(row)
        if not await self._journal.add_schedule(row):
            raise Conflict(
                f"there is a schedule {new.name!r} already; change that one, or choose another name",
                code="conflict.schedule",
                context={"name": new.name},
            )
        return schedule_of(row)

    async def get(self, workspace_id: str, ref: str) -> Schedule:
        return schedule_of(await self._row(workspace_id, ref))

    async def list(self, workspace_id: str, *, cursor: str = "", limit: int = 50) -> SchedulePage:
        check_limit(limit)
        at = place_at(cursor, str)
        rows = await self._seen_from(workspace_id).schedules(
            workspace_id, after=at[0] if at else "", limit=limit + 1
        )
        shown = rows[:limit]
        more = cursor_of((shown[-1].name,)) if len(rows) > limit else ""
        return SchedulePage(items=tuple(map(schedule_of, shown)), next=more)

    async def _guarded(self, workspace_id: str, run: ScheduledRun) -> ScheduledRun:
        """What its runs would not keep, the schedule does not keep either."""
        return replace(
            run,
            goal=await self._guard.text(workspace_id, run.agent, run.goal),
            parameters=await self._guard.values(workspace_id, run.parameters),
        )

    async def change(self, workspace_id: str, ref: str, change: ScheduleChange) -> Schedule:
        if change.run is not None:
            change = replace(change, run=await self._guarded(workspace_id, change.run))
        for _ in range(_TRIES):
            row = await self._row(workspace_id, ref)
            wanted, anew = self._changed(row, change)
            if change.run is not None:
                await self._check_run(wanted)
            if await self._journal.change_schedule(wanted, anew=anew):
                return await self.get(workspace_id, row.id)
        raise Conflict(
            f"the schedule {ref!r} is being changed by others; try again",
            code="conflict.schedule_changed",
            retryable=True,
            context={"name": ref},
        )

    def _changed(self, row: ScheduleRow, change: ScheduleChange) -> tuple[ScheduleRow, bool]:
        wanted = replace(
            row,
            cron=row.cron if change.cron is None else change.cron.strip(),
            timezone=row.timezone if change.timezone is None else change.timezone,
            run=row.run if change.run is None else _recorded(change.run),
            overlap=row.overlap if change.overlap is None else change.overlap.value,
            catch_up_seconds=row.catch_up_seconds
            if change.catch_up_seconds is None
            else _checked_catch_up(change.catch_up_seconds),
            paused=row.paused if change.paused is None else change.paused,
        )
        anew = (wanted.cron, wanted.timezone) != (row.cron, row.timezone) or row.paused > wanted.paused
        if anew:
            timetable = Timetable(wanted.cron, wanted.timezone)
            wanted = replace(wanted, next_at=self._next(timetable, wanted.cron))
        return wanted, anew

    async def remove(self, workspace_id: str, ref: str) -> None:
        row = await self._row(workspace_id, ref)
        if not await self._journal.remove_schedule(workspace_id, row.id):
            raise _no_schedule(ref)

    async def trigger(self, workspace_id: str, ref: str, *, idempotency_key: str = "") -> str:
        row = await self._row(workspace_id, ref)
        now = self._now()
        key = f"trigger:{row.id}:{idempotency_key}" if idempotency_key else ""
        run_id = await self._runs.create(workspace_id, self.new_run(row, now, key))
        await self._journal.note_start(row.id, at=now, run_id=run_id)
        return run_id

    async def preview(self, workspace_id: str, ref: str, *, count: int = 5) -> tuple[str, ...]:
        if not 1 <= count <= MOST_PREVIEWED:
            raise InvalidInput(
                f"count is {count}; it must be from 1 to {MOST_PREVIEWED}",
                code="input.limit",
                context={"limit": count, "most": MOST_PREVIEWED},
            )
        row = await self._row(workspace_id, ref)
        timetable = Timetable(row.cron, row.timezone)
        return tuple(map(timetable.local, islice(timetable.after(self._now()), count)))

    def new_run(self, row: ScheduleRow, at: int, key: str) -> NewRun:
        """What the schedule asks for when it fires at that moment."""
        asked = scheduled_run(row)
        return NewRun(
            goal=asked.goal,
            agent=asked.agent,
            language=asked.language,
            budget_micros=self._budget_micros if asked.budget_micros is None else asked.budget_micros,
            deadline_seconds=asked.deadline_seconds,
            sources=asked.sources,
            tags=(*asked.tags, f"schedule:{row.name}"),
            priority=asked.priority,
            plan=asked.plan,
            playbook=asked.playbook,
            parameters=asked.parameters,
            principal=row.created_by,
            idempotency_key=key,
            schedule=row.name,
            scheduled_at=moment(at),
        )

    async def _check_run(self, row: ScheduleRow) -> None:
        """Raises what the first firing would fail with."""
        if len(scheduled_run(row).tags) >= MAX_TAGS:
            raise InvalidInput(
                f"there are {len(scheduled_run(row).tags)} tags; a schedule adds its own, so at most "
                f"{MAX_TAGS - 1} are allowed",
                code="input.tags",
                context={"count": len(scheduled_run(row).tags), "limit": MAX_TAGS - 1},
            )
        await self._runs.prepared(row.workspace_id, self.new_run(row, self._now(), ""))

    async def _row(self, workspace_id: str, ref: str) -> ScheduleRow:
        row = await self._seen_from(workspace_id).schedule(workspace_id, ref) if ref.isprintable() else None
        if row is None:
            raise _no_schedule(ref)
        return row

    def _now(self) -> int:
        return int(self._clock.now().timestamp())

    def _next(self, timetable: Timetable, cron: str) -> int:
        at = timetable.next(self._now())
        if at is None:
            raise InvalidInput(
                f"the cron expression {cron!r} names no time that will ever come",
                code="input.cron",
                context={"value": ascii(cron), "said": "never"},
            )
        return at


def moment(seconds: int | None) -> str:
    return (
        datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z") if seconds is not None else ""
    )


def scheduled_run(row: ScheduleRow) -> ScheduledRun:
    return _scheduled().validate_python(canonical.loads(row.run))


def schedule_of(row: ScheduleRow) -> Schedule:
    error: dict[str, Any] = canonical.loads(row.error) if row.error else {}
    return Schedule(
        id=row.id,
        workspace_id=row.workspace_id,
        name=row.name,
        cron=row.cron,
        timezone=row.timezone,
        run=scheduled_run(row),
        overlap=Overlap(row.overlap),
        catch_up_seconds=row.catch_up_seconds,
        paused=row.paused,
        created_by=row.created_by,
        created_at=row.created_at,
        next_at=moment(row.next_at),
        last_at=moment(row.last_at),
        last_run_id=row.last_run_id,
        queued_at=moment(row.queued_at),
        error_code=error.get("code", ""),
        error=error.get("message", ""),
    )


def _recorded(run: ScheduledRun) -> str:
    try:
        return canonical.dumps(run)
    except TypeError as error:
        raise InvalidInput(
            f"the run cannot be kept as JSON: {error}; plans take JSON types and valid text",
            code="input.json",
            context={"said": str(error)},
        ) from error


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"{name[:100]!a} is no name for a schedule; it has 1 to {MAX_NAME_CHARACTERS} letters and "
            "digits of ASCII, _ - . : and begins with a letter or digit, but not with sch_",
            code="input.schedule_name",
            context={"value": ascii(name[:100]), "limit": MAX_NAME_CHARACTERS},
        )


def _checked_catch_up(seconds: int) -> int:
    if not 0 <= seconds <= MAX_CATCH_UP_SECONDS:
        raise InvalidInput(
            f"missed firings cannot be caught up with after {seconds} s; it must be from 0 to "
            f"{MAX_CATCH_UP_SECONDS} s",
            code="input.catch_up",
            context={"value": seconds, "limit": MAX_CATCH_UP_SECONDS},
        )
    return seconds


def _no_schedule(ref: str) -> NotFound:
    return NotFound(
        f"there is no schedule {ref[:100]!r}; list the schedules to see their names",
        code="not_found.schedule",
        context={"name": ref[:100]},
    )


@cache
def _scheduled() -> TypeAdapter[ScheduledRun]:
    return TypeAdapter(ScheduledRun)
