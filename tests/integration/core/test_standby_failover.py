"""The server of the journal is gone for good, and its synchronous standby takes over: with both in the
address nothing that was acknowledged is lost, and nothing is done twice."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from flowmatik.agents.loop import ReducerLoop
from flowmatik.app.patient_runs import PatientRuns, StorePatience
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus, RunView
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core.build import EngineHandle, build_engine
from flowmatik.core.journal.postgres import PostgresJournal
from flowmatik.core.services import EngineServices
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import Unavailable
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.postgres import PostgresDatabase, connect_once, open_pool
from flowmatik.testing.agents import GivenAgents
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.integration.core.own_postgres import OwnPostgres, own_postgres_server, own_standby_of
from tests.unit.core.engines import eventually, silent

WS = "default"
STEPS, BEFORE, AFTER = 5, 16, 8
PLAN = tuple(
    PlanTask(
        id=f"s{n}",
        objective="",
        tool="act",
        arguments={"n": n},
        needs=(f"s{n - 1}",) if n else (),
        effect=Effect.ONCE,
    )
    for n in range(STEPS)
)


class FarSide:
    """Counts what was done, by run and step."""

    def __init__(self) -> None:
        self.done: Counter[tuple[str, int]] = Counter()
        self._chance = random.Random(7)

    async def act(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        await asyncio.sleep(self._chance.uniform(0.0, 0.1))
        self.done[context.run_id, int(arguments["n"])] += 1
        return {"n": arguments["n"]}


@pytest.fixture
def servers() -> Iterator[tuple[OwnPostgres, OwnPostgres]]:
    with own_postgres_server() as primary, own_standby_of(primary) as standby:
        yield primary, standby


async def asked(server: OwnPostgres, *statements: str) -> Any:
    connection = await connect_once(server.url)
    try:
        found = None
        for statement in statements:
            found = await connection.fetchval(statement)
        return found
    finally:
        await connection.close()


async def wait_for_standby(primary: OwnPostgres) -> None:
    """From then on a commit is acknowledged once both have it."""
    await asked(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")

    async def in_step() -> bool:
        sql = "SELECT EXISTS (SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync')"
        return bool(await asked(primary, sql))

    await eventually(in_step, 60)


@asynccontextmanager
async def worker(url: str, far: FarSide) -> AsyncGenerator[EngineHandle]:
    pool = await open_pool(url, role="flowmatik_engine")
    tool = FunctionTool(function=far.act, effect=Effect.ONCE, timeout=5)
    handle = build_engine(
        EngineServices(
            journal=PostgresJournal(PostgresDatabase(pool), SystemClock()),
            models=ScriptedModels(silent),
            tools=FunctionTools({"act": tool}),
            catalogue=GivenAgents(),
            loop=ReducerLoop(),
            clock=SystemClock(),
            alone=False,
        )
    )
    await handle.start(recover_all=True)
    try:
        yield handle
    finally:
        await handle.stop()
        pool.terminate()


async def acknowledged(engine: EngineHandle, key: str) -> str:
    """Asked again, under the same key, until somebody says yes."""
    while True:
        try:
            return await engine.runs.create(WS, NewRun(goal=key, plan=PLAN, idempotency_key=key))
        except Unavailable:
            await asyncio.sleep(0.1)


async def test_what_was_acknowledged_outlives_the_server_and_is_done_once(
    servers: tuple[OwnPostgres, OwnPostgres],
) -> None:
    primary, standby = servers
    hosts = f"127.0.0.1:{primary.port},127.0.0.1:{standby.port}"
    url = f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write"
    far = FarSide()
    await upgrade(url)
    await wait_for_standby(primary)
    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(worker(url, far)) for _ in range(2)]
        before = [await acknowledged(workers[n % 2], f"before-{n}") for n in range(BEFORE)]
        during = [asyncio.create_task(acknowledged(workers[n % 2], f"after-{n}")) for n in range(AFTER)]

        async def under_way() -> bool:
            return far.done.total() >= BEFORE

        await eventually(under_way, 60)
        assert far.done.total() < BEFORE * STEPS, "it was over before the fault"
        primary.kill()
        await asked(standby, "SELECT pg_promote(true, 60)")
        runs = [*before, *await asyncio.wait_for(asyncio.gather(*during), 120)]
        views = await asyncio.wait_for(asyncio.gather(*(_ended(workers[0], run) for run in runs)), 120)
        assert {view.status for view in views} == {RunStatus.SUCCEEDED}
        assert far.done == Counter({(run, n): 1 for run in runs for n in range(STEPS)})
        for run in runs[:3]:
            assert (await workers[1].runs.replay(WS, run)).differences == ()
    assert await asked(standby, "SELECT count(*) FROM runs") == BEFORE + AFTER


async def _ended(engine: EngineHandle, run_id: str) -> RunView:
    return await PatientRuns(engine.runs, StorePatience()).wait(WS, run_id)
