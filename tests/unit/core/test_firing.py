"""Schedules begin one run for each firing, whatever happens in between."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import RunFilter, RunStatus, RunSummary
from flowmatik.contracts.schedules import NewSchedule, Overlap, Schedule, ScheduleChange, ScheduledRun
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core.build import EngineHandle
from flowmatik.core.firing import CLAIM_SECONDS, Scheduler
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.schedules_port import Fired
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import Conflict, InvalidInput, JournalUnavailable, NotFound
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import eventually, running_engine

WS = "w"


class SetClock(SystemClock):
    """Its wall time moves when told; pauses are real."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def pass_by(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Crashing(InMemoryJournal):
    """Away at the moment between the runs of a firing and its end."""

    crashes = 0

    async def settle_schedule(self, schedule_id: str, claim: str, fired: Fired) -> bool:
        if self.crashes:
            self.crashes -= 1
            raise JournalUnavailable("gone")
        return await super().settle_schedule(schedule_id, claim, fired)


@dataclass(slots=True, kw_only=True)
class World:
    clock: SetClock
    journal: Crashing
    engine: EngineHandle
    may_end: asyncio.Event

    async def fire(self, seconds: float = 0.0) -> int:
        self.clock.pass_by(seconds)
        return await self.engine.scheduler.fire_due()

    async def begun(self) -> list[RunSummary]:
        """Oldest first."""
        page = await self.engine.runs.list(WS, RunFilter(tags=("schedule:s",)), limit=200)
        return list(reversed(page.items))

    async def times(self) -> list[str]:
        views = [await self.engine.runs.get(WS, one.id) for one in await self.begun()]
        return sorted(view.scheduled_at[11:19] for view in views)

    async def schedule(self, **more: Any) -> Schedule:
        plan = (PlanTask(id="s0", objective="", tool="hold", arguments={}),)
        new = NewSchedule(
            name="s", cron="* * * * *", run=ScheduledRun(goal="g", plan=plan), principal="usr_1"
        )
        return await self.engine.schedules.create(WS, replace(new, **more))

    async def end_runs(self) -> None:
        self.may_end.set()
        for one in await self.begun():
            await self.engine.runs.wait(WS, one.id)

    async def is_over(self, run_id: str) -> bool:
        return (await self.journal.head(WS, run_id)).ended_at != ""


@pytest.fixture
async def world() -> AsyncIterator[World]:
    clock = SetClock()
    journal = Crashing(clock)
    may_end = asyncio.Event()

    async def hold(arguments: dict[str, Any], context: ToolContext) -> Any:
        await may_end.wait()
        return {}

    tools = FunctionTools({"hold": FunctionTool(function=hold, effect=Effect.READ)})
    async with running_engine(journal=journal, clock=clock, tools=tools, recover_all=False) as engine:
        yield World(clock=clock, journal=journal, engine=engine, may_end=may_end)


async def test_a_firing_begins_a_run_that_knows_its_schedule_and_its_time(world: World) -> None:
    made = await world.schedule()
    assert made.next_at == "2026-01-01T12:01:00Z"
    assert await world.fire(29.0) == 0
    assert await world.fire(1.0) == 1
    assert await world.fire(1.0) == 0
    (run,) = await world.begun()
    view = await world.engine.runs.get(WS, run.id)
    assert (view.schedule, view.scheduled_at) == ("s", "2026-01-01T12:01:00Z")
    assert view.tags == ("schedule:s",)
    there = await world.engine.schedules.get(WS, "s")
    assert (there.last_run_id, there.last_at) == (run.id, "2026-01-01T12:01:00Z")
    assert there.next_at == "2026-01-01T12:02:00Z"


async def test_a_crash_after_the_run_begins_no_second_one_however_long_it_lasts(world: World) -> None:
    await world.schedule(catch_up_seconds=0)
    world.journal.crashes = 2
    for seconds in (30.0, CLAIM_SECONDS + 1):
        with pytest.raises(JournalUnavailable):
            await world.fire(seconds)
    assert await world.fire(CLAIM_SECONDS + 1) == 1
    assert await world.times() == ["12:01:00"]
    (run,) = await world.begun()
    assert (await world.engine.schedules.get(WS, "s")).last_run_id == run.id


async def test_a_crash_in_the_middle_and_a_change_before_the_next_try_begin_no_second_run(
    world: World,
) -> None:
    await world.schedule()
    world.journal.crashes = 1
    with pytest.raises(JournalUnavailable):
        await world.fire(30.0)
    other = ScheduledRun(goal="other", plan=(PlanTask(id="s0", objective="", tool="hold", arguments={}),))
    await world.engine.schedules.change(WS, "s", ScheduleChange(run=other))
    await world.fire(CLAIM_SECONDS + 1)
    (run,) = await world.begun()
    there = await world.engine.schedules.get(WS, "s")
    assert (there.last_run_id, there.error) == (run.id, "")


async def test_several_schedulers_begin_one_run(world: World) -> None:
    await world.schedule(overlap=Overlap.ALLOW)
    others = [
        Scheduler(world.journal, world.engine.schedules, world.engine.runs, world.clock) for _ in range(3)
    ]
    world.clock.pass_by(30.0)
    await asyncio.gather(world.fire(), *(one.fire_due() for one in others))
    assert await world.times() == ["12:01:00"]


@pytest.mark.parametrize(
    ("catch_up", "away", "expected"),
    [
        (0, 30 + 5, ["12:01:00"]),
        (0, 30 + 6, []),
        (60, 30 + 60, ["12:01:00", "12:02:00"]),
        (60, 30 + 61, ["12:02:00"]),
        (60, 3600 + 29, ["13:00:00"]),
        (150, 3600 + 29, ["12:59:00", "13:00:00"]),
    ],
)
async def test_what_was_missed_is_caught_up_with_as_far_back_as_the_schedule_says(
    world: World, catch_up: int, away: int, expected: list[str]
) -> None:
    await world.schedule(overlap=Overlap.ALLOW, catch_up_seconds=catch_up)
    await world.fire(away)
    assert await world.times() == expected
    assert (await world.engine.schedules.get(WS, "s")).next_at > world.clock.at.isoformat()[:19]


async def test_at_most_a_hundred_missed_firings_begin(world: World) -> None:
    await world.schedule(overlap=Overlap.ALLOW, catch_up_seconds=7 * 86_400)
    await world.fire(2 * 86_400)
    times = await world.times()
    assert len(times) == 100
    assert len(set(times)) == 100


async def test_skip_leaves_out_what_comes_while_the_last_run_goes_on(world: World) -> None:
    await world.schedule(overlap=Overlap.SKIP)
    await world.fire(30.0)
    await world.fire(60.0)
    assert await world.times() == ["12:01:00"]
    await world.end_runs()
    await world.fire(30.0)  # what was left out does not come later
    await world.fire(30.0)
    assert await world.times() == ["12:01:00", "12:03:00"]


async def test_queue_keeps_one_firing_until_the_last_run_has_ended(world: World) -> None:
    await world.schedule(overlap=Overlap.QUEUE)
    for _ in range(3):
        await world.fire(60.0)
    assert await world.times() == ["12:01:00"]
    assert (await world.engine.schedules.get(WS, "s")).queued_at == "2026-01-01T12:02:00Z"
    await world.end_runs()
    await world.fire(1.0)
    assert await world.times() == ["12:01:00", "12:02:00"]
    assert (await world.engine.schedules.get(WS, "s")).queued_at == ""


async def test_allow_begins_beside_the_last_run(world: World) -> None:
    await world.schedule(overlap=Overlap.ALLOW)
    await world.fire(30.0)
    await world.fire(60.0)
    assert [one.status.ended for one in await world.begun()] == [False, False]


async def test_cancel_running_cancels_the_last_run_and_begins_the_newest_firing(world: World) -> None:
    await world.schedule(overlap=Overlap.CANCEL_RUNNING, catch_up_seconds=600)
    await world.fire(30.0)
    await world.fire(180.0)
    old, new = await world.begun()
    await eventually(lambda: world.is_over(old.id))
    assert (await world.engine.runs.get(WS, old.id)).status is RunStatus.CANCELLED
    assert not await world.is_over(new.id)
    assert await world.times() == ["12:01:00", "12:04:00"]


async def test_a_pause_is_not_caught_up_with(world: World) -> None:
    await world.schedule(catch_up_seconds=3600)
    await world.engine.schedules.change(WS, "s", ScheduleChange(paused=True))
    assert await world.fire(300.0) == 0
    resumed = await world.engine.schedules.change(WS, "s", ScheduleChange(paused=False))
    assert resumed.next_at == "2026-01-01T12:06:00Z"
    await world.fire(30.0)
    assert await world.times() == ["12:06:00"]


async def test_a_firing_that_can_begin_no_run_says_why_and_the_next_one_comes(world: World) -> None:
    made = await world.schedule()
    row = await world.journal.schedule(WS, made.id)
    assert row is not None
    await world.journal.change_schedule(replace(row, run='{"goal":" "}'), anew=False)
    await world.fire(30.0)
    there = await world.engine.schedules.get(WS, "s")
    assert (there.error_code, there.next_at) == ("input.goal", "2026-01-01T12:02:00Z")
    assert await world.begun() == []


async def test_triggered_it_begins_at_once_beside_what_goes_on_and_once_for_a_key(world: World) -> None:
    await world.schedule()
    await world.fire(30.0)
    first = await world.engine.schedules.trigger(WS, "s", idempotency_key="k")
    assert await world.engine.schedules.trigger(WS, "s", idempotency_key="k") == first
    assert len(await world.begun()) == 2
    assert (await world.engine.schedules.get(WS, "s")).last_run_id == first


async def test_another_workspace_has_no_part_in_it(world: World) -> None:
    made = await world.schedule()
    schedules = world.engine.schedules
    for refused in (
        schedules.get("other", made.id),
        schedules.change("other", "s", ScheduleChange(paused=True)),
        schedules.remove("other", "s"),
        schedules.trigger("other", made.id),
        schedules.preview("other", "s"),
    ):
        with pytest.raises(NotFound) as caught:
            await refused
        assert caught.value.code == "not_found.schedule"
    assert (await schedules.list("other")).items == ()


async def test_the_next_firings_are_shown_as_the_clocks_of_the_zone_show_them(world: World) -> None:
    await world.schedule(cron="0 9 * * *", timezone="Europe/Madrid")
    times = await world.engine.schedules.preview(WS, "s", count=2)
    assert times == ("2026-01-02T09:00:00+01:00", "2026-01-03T09:00:00+01:00")


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"name": "a b"}, "input.schedule_name"),
        ({"name": "sch_1"}, "input.schedule_name"),
        ({"name": "x" * 51}, "input.schedule_name"),
        ({"cron": "* * *"}, "input.cron"),
        ({"timezone": "Mars"}, "input.timezone"),
        ({"catch_up_seconds": -1}, "input.catch_up"),
        ({"run": ScheduledRun(goal="")}, "input.goal"),
        ({"run": ScheduledRun(goal="g", tags=tuple(map(str, range(20))))}, "input.tags"),
    ],
)
async def test_what_could_never_fire_is_refused(world: World, more: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await world.schedule(**more)
    assert caught.value.code == code


async def test_a_name_is_taken_once(world: World) -> None:
    await world.schedule()
    with pytest.raises(Conflict) as caught:
        await world.schedule()
    assert caught.value.code == "conflict.schedule"
