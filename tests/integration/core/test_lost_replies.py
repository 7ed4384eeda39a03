"""A run over a line that loses PostgreSQL's replies: what was written is known, nothing is done twice."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core.journal.postgres import PostgresJournal
from flowmatik.kernel.clock import SystemClock
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.postgres import PostgresDatabase, open_pool
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.integration.core.test_postgres_journal_faults import Line
from tests.unit.core.engines import running_engine

WS = "default"
RUNS, STEPS = 6, 8
PLAN = tuple(
    PlanTask(
        id=f"s{n}",
        objective="",
        tool="act",
        arguments={"n": n},
        effect=Effect.ONCE,
        needs=(f"s{n - 1}",) if n else (),
    )
    for n in range(STEPS)
)


@pytest.fixture
async def wire(pg_migrated: str) -> AsyncIterator[tuple[Line, str]]:
    await upgrade(pg_migrated)
    parts = urlsplit(pg_migrated)
    line = Line(parts.hostname or "127.0.0.1", parts.port or 5432)
    port = await line.open()
    yield line, urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}"))
    await line.close()


@pytest.mark.parametrize("seed", range(3))
async def test_runs_over_a_line_that_loses_replies_do_everything_once(
    wire: tuple[Line, str], seed: int
) -> None:
    line, address = wire
    chance = random.Random(seed)
    done: list[tuple[str, int]] = []
    all_made = asyncio.Event()  # whoever creates a run hears of a lost reply, and may ask again

    async def act(arguments: dict[str, Any], context: ToolContext) -> Any:
        await all_made.wait()
        done.append((context.run_id, arguments["n"]))
        if chance.random() < 0.4:
            line.lose_replies = 1  # of whatever statement comes next: an append, a lease, the outbox
        return {"n": arguments["n"]}

    tools = FunctionTools({"act": FunctionTool(function=act, effect=Effect.ONCE, timeout=60)})
    pool = await open_pool(address, role="flowmatik_engine", max_size=4)
    journal = PostgresJournal(PostgresDatabase(pool), SystemClock())
    try:
        async with running_engine(journal=journal, tools=tools, alone=False) as engine:
            made = [await engine.runs.create(WS, NewRun(goal=str(n), plan=PLAN)) for n in range(RUNS)]
            all_made.set()
            views = await asyncio.wait_for(asyncio.gather(*(engine.runs.wait(WS, one) for one in made)), 120)
            line.lose_replies = 0
            assert line.lost > RUNS
            assert {view.status for view in views} == {RunStatus.SUCCEEDED}
            assert sorted(done) == sorted((run_id, n) for run_id in made for n in range(STEPS))
            for run_id in made:
                seqs = [stored.seq for stored in await journal.read(run_id)]
                assert seqs == list(range(1, len(seqs) + 1))
                assert (await engine.runs.replay(WS, run_id)).differences == ()
    finally:
        await pool.close()
