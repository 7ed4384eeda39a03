"""On PostgreSQL times are the database's: a worker whose wall clock is wrong neither fails a run before its
deadline nor lets it wait for longer or shorter than it should."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from flowmatik.contracts.plans import PlanTask, WaitSpec
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.core.journal.postgres import PostgresJournal
from flowmatik.kernel.clock import SharedClock
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.postgres import PostgresDatabase, open_pool
from tests.integration.core.test_clock_jumps import WallClock
from tests.unit.core.engines import running_engine

WS = "default"
WAIT_SECONDS = 0.5
PLAN = (
    PlanTask(id="w", objective="", wait=WaitSpec(kind="time", seconds=WAIT_SECONDS)),
    PlanTask(id="s", objective="", tool="echo", needs=("w",)),
)


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_worker_whose_clock_is_wrong_keeps_the_times_of_the_database(
    pg_migrated: str, hours: int
) -> None:
    await upgrade(pg_migrated)
    pool = await open_pool(pg_migrated, role="flowmatik_engine")
    machine = WallClock()
    machine.jump(hours)
    clock = SharedClock(machine)
    journal = PostgresJournal(PostgresDatabase(pool), clock)
    try:
        async with running_engine(journal=journal, clock=clock, alone=False) as engine:
            run_id = await engine.runs.create(WS, NewRun(goal="x", plan=PLAN, deadline_seconds=60))
            async with asyncio.timeout(120):
                view = await engine.runs.wait(WS, run_id)
                while view.status is RunStatus.WAITING:
                    machine.jump(hours)  # in the middle of it, too
                    await asyncio.sleep(0.01)
                    view = await engine.runs.wait(WS, run_id)
            history = await journal.read(run_id)
    finally:
        await pool.close()
    assert view.status is RunStatus.SUCCEEDED, view.error
    at = {event.type: datetime.fromisoformat(event.at) for event in history}
    assert abs(datetime.now(UTC) - at["RunSucceeded"]) < timedelta(minutes=1)
    assert at["WaitEnded"] - at["WaitBegun"] >= timedelta(seconds=WAIT_SECONDS - 0.05)
