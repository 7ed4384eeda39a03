"""Schedules: runs that begin by the clock."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from flowmatik.contracts.plans import PlanTask

MAX_CATCH_UP_SECONDS = 7 * 86_400
MAX_CAUGHT_UP = 100  # firings that were missed, the newest of them
ON_TIME_SECONDS = 5  # later than that a firing counts as missed
MAX_NAME_CHARACTERS = 50


class Overlap(StrEnum):
    """What a firing does while the schedule's last run has not ended: nothing, wait for its end (one firing
    at most does), begin beside it, or begin and cancel that one."""

    SKIP = "skip"
    QUEUE = "queue"
    ALLOW = "allow"
    CANCEL_RUNNING = "cancel_running"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledRun:
    """What is asked for at every firing; the fields are those of NewRun. A `playbook` that is named without a
    version is the one that is current at that moment."""

    goal: str
    agent: str = ""
    language: str = ""
    budget_micros: int | None = None
    deadline_seconds: float | None = None
    sources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    priority: int = 0
    plan: tuple[PlanTask, ...] = ()
    playbook: str = ""
    parameters: dict[str, Any] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSchedule:
    """`cron`: five fields (minute, hour, day of month, month, day of week), or `@hourly`, `@daily`,
    `@midnight`, `@weekly`, `@monthly`, `@yearly`, `@annually`. `timezone`: IANA. In it, times that a change
    of the clocks leaves out come right after the gap, and those that come twice fire the first time alone;
    with `*` in minute or hour every real hour counts, as in Debian's cron. `catch_up_seconds`: how late a
    firing may still begin, for instance after the scheduler was away (0: ON_TIME_SECONDS). `principal`
    is whose runs they will be."""

    name: str
    cron: str
    run: ScheduledRun
    timezone: str = "UTC"
    overlap: Overlap = Overlap.SKIP
    catch_up_seconds: int = 60
    paused: bool = False
    principal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleChange:
    """None leaves a value as it is. Another `cron` or `timezone`, or the end of a pause, begins anew from
    now on: nothing from before is caught up with."""

    cron: str | None = None
    timezone: str | None = None
    run: ScheduledRun | None = None
    overlap: Overlap | None = None
    catch_up_seconds: int | None = None
    paused: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Times are RFC 3339 UTC, "" for none. `next_at` is the firing that comes next, also in a pause;
    `last_at` the one that began `last_run_id`; `queued_at` one that waits for the end of that run. `error`
    says in English why the last firing began no run (`error_code`), "" when it did."""

    id: str
    workspace_id: str
    name: str
    cron: str
    timezone: str
    run: ScheduledRun
    overlap: Overlap
    catch_up_seconds: int
    paused: bool
    created_by: str
    created_at: str
    next_at: str = ""
    last_at: str = ""
    last_run_id: str = ""
    queued_at: str = ""
    error_code: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePage:
    """`next`: opaque cursor, "" on the last page."""

    items: tuple[Schedule, ...]
    next: str = ""


class Schedules(Protocol):
    """Every method is for one workspace; a schedule of another one is NotFound (`not_found.schedule`).
    `ref` is an id or a name. A firing begins one run and no more, however many processes look after
    schedules and whenever they end; its run has the tag `schedule:<name>`.

    create: Conflict (`conflict.schedule`) for a name that is taken; InvalidInput for a cron expression, time
    zone or name that is none, and for whatever `Runs.create` would refuse.
    """

    async def create(self, workspace_id: str, new: NewSchedule) -> Schedule: ...

    async def get(self, workspace_id: str, ref: str) -> Schedule: ...

    async def list(self, workspace_id: str, *, cursor: str = "", limit: int = 50) -> SchedulePage:
        """By name."""
        ...

    async def change(self, workspace_id: str, ref: str, change: ScheduleChange) -> Schedule: ...

    async def remove(self, workspace_id: str, ref: str) -> None:
        """Runs that it began go on."""
        ...

    async def trigger(self, workspace_id: str, ref: str, *, idempotency_key: str = "") -> str:
        """Begin a run now, whatever the policy of overlap says; its id. The same key, the same run."""
        ...

    async def preview(self, workspace_id: str, ref: str, *, count: int = 5) -> tuple[str, ...]:
        """The next firings, as RFC 3339 in the schedule's time zone."""
        ...
