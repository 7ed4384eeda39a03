"""The wall clock of the machine jumps in the middle of a run; deadlines, leases and orders hold."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.contracts.tools import ToolContext
from flowmatik.core.journal.port import Journal
from flowmatik.core.journal.sqlite import SqliteJournal
from flowmatik.kernel.clock import SystemClock
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.sqlite import SqliteStore
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import echo_tools, eventually, running_engine

WS = "default"
STEP = PlanTask(id="s", objective="", tool="echo")


class WallClock(SystemClock):
    """What it tells can be set; its seconds go on as they do."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        return super().now() + self.offset

    def jump(self, hours: float) -> None:
        self.offset += timedelta(hours=hours)


@pytest.fixture
def clock() -> WallClock:
    return WallClock()


@pytest.fixture
async def journal(tmp_path: Path, clock: WallClock) -> AsyncIterator[Journal]:
    await upgrade(tmp_path / "journal.db")
    store = SqliteStore(tmp_path / "journal.db")
    yield SqliteJournal(store, clock)
    await store.close()


def hanging(began: asyncio.Event) -> FunctionTools:
    async def hang(arguments: dict[str, Any], context: ToolContext) -> Any:
        began.set()
        await asyncio.Event().wait()

    return FunctionTools({"echo": FunctionTool(function=hang, timeout=120)})


async def test_a_deadline_is_kept_when_the_clock_is_set_back(journal: Journal, clock: WallClock) -> None:
    began = asyncio.Event()
    async with running_engine(journal=journal, tools=hanging(began), clock=clock) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(STEP,), deadline_seconds=0.5))
        await began.wait()
        clock.jump(-1)
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        assert (await engine.runs.replay(WS, run_id)).differences == ()
    assert (view.status, view.error_code) == (RunStatus.FAILED, "run.deadline")


async def test_a_deadline_that_comes_twice_is_recorded_once(journal: Journal, clock: WallClock) -> None:
    """By the engine's own seconds, and by the timer once the clock has come that far."""
    began = asyncio.Event()
    async with running_engine(journal=journal, tools=hanging(began), clock=clock) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(STEP,), deadline_seconds=0.3))
        await began.wait()
        clock.jump(1)
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        types = [stored.type for stored in await journal.read(run_id)]
    assert view.error_code == "run.deadline"
    assert types.count("DeadlinePassed") == 1


async def test_a_run_within_its_deadline_does_not_notice(journal: Journal, clock: WallClock) -> None:
    async with running_engine(journal=journal, clock=clock) as engine:
        clock.jump(-1)
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(STEP,), deadline_seconds=60))
        clock.jump(-1)
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    assert view.status is RunStatus.SUCCEEDED


async def test_a_run_of_a_dead_owner_is_taken_up_by_the_home_s_next_engine_at_once(
    journal: SqliteJournal, clock: WallClock
) -> None:
    """Its lease ends an hour from now by a clock that was set back; the home's lock says that it is dead."""
    began = asyncio.Event()
    async with running_engine(journal=journal, tools=hanging(began), clock=clock) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(STEP,)))
        await began.wait()
    await journal.register_worker((await journal.head(WS, run_id)).owner, ttl_seconds=3)  # as if killed
    clock.jump(-1)
    await journal.forget_workers()
    async with running_engine(journal=journal, tools=echo_tools(), clock=clock) as engine:
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    assert view.status is RunStatus.SUCCEEDED


async def test_the_engine_keeps_its_lease_when_the_clock_is_set_forward_and_back(
    journal: Journal, clock: WallClock
) -> None:
    """Forward, the stored lease has run out; the engine takes a new one and loses no run."""
    async with running_engine(journal=journal, clock=clock) as engine:
        for hours in (2, -1, -5):
            clock.jump(hours)
            run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(STEP, *_more(5))))
            view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
            assert view.status is RunStatus.SUCCEEDED
            history = await journal.read(run_id)
            assert [stored.seq for stored in history] == list(range(1, len(history) + 1))
            assert [stored.type for stored in history].count("RunClaimed") >= 1


async def test_every_run_is_listed_once_across_a_jump_and_ids_stay_in_order(
    journal: Journal, clock: WallClock
) -> None:
    made: list[str] = []
    async with running_engine(journal=journal, clock=clock) as engine:
        for n in range(6):
            made.append(await engine.runs.create(WS, NewRun(goal=str(n), plan=(STEP,))))
            if n == 2:
                clock.jump(-1)
        found: list[str] = []
        cursor = ""
        while True:
            page = await engine.runs.list(WS, cursor=cursor, limit=2)
            found += [run.id for run in page.items]
            cursor = page.next
            if not cursor:
                break

        async def all_ended() -> bool:
            return all([(await engine.runs.get(WS, one)).status.ended for one in made])

        await eventually(all_ended)
    assert sorted(found) == sorted(made)
    assert sorted(made) == made, "ids are made by a clock of their own"


def _more(count: int) -> tuple[PlanTask, ...]:
    return tuple(
        PlanTask(id=f"t{n}", objective="", tool="echo", needs=("s" if n == 0 else f"t{n - 1}",))
        for n in range(count)
    )
