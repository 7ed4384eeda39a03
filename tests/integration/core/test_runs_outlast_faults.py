"""A run whose store fails in the middle waits and goes on: nothing is lost, nothing is done twice."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flowmatik.agents.loop import ReducerLoop
from flowmatik.app.patient_runs import PatientRuns, StorePatience
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus, RunView
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core.build import EngineHandle, build_engine
from flowmatik.core.journal.port import Journal
from flowmatik.core.journal.postgres import PostgresJournal
from flowmatik.core.journal.sqlite import SqliteJournal
from flowmatik.core.services import EngineServices
from flowmatik.kernel.clock import SystemClock
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.postgres import PostgresDatabase, open_pool
from flowmatik.stores.sqlite import SqliteStore
from flowmatik.testing.agents import GivenAgents
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.integration.core.own_postgres import OwnPostgres, own_postgres_server
from tests.unit.core.engines import silent

WS = "default"
STEPS = 6
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
Fault = Callable[[], Awaitable[None]]


class Acts:
    """A `once` tool whose third call meets a fault before it returns."""

    def __init__(self, fault: Fault, size: int = 10) -> None:
        self.done: list[int] = []
        self._fault = fault
        self._size = size

    async def __call__(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        self.done.append(arguments["n"])
        if arguments["n"] == 2:
            await self._fault()
        return {"n": arguments["n"], "data": "x" * self._size}


class JumpingClock(SystemClock):
    """Its wall time can be set back; its seconds go on, as they do on a real machine."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        return super().now() + self.offset


@asynccontextmanager
async def engine_over(
    journal: Journal, act: Acts, *, clock: SystemClock | None = None, alone: bool = True
) -> AsyncGenerator[EngineHandle]:
    tools = FunctionTools({"act": FunctionTool(function=act, effect=Effect.ONCE, timeout=60)})
    handle = build_engine(
        EngineServices(
            journal=journal,
            models=ScriptedModels(silent),
            tools=tools,
            catalogue=GivenAgents(),
            loop=ReducerLoop(),
            clock=clock or SystemClock(),
            alone=alone,
        )
    )
    await handle.start(recover_all=True)
    try:
        yield handle
    finally:
        await handle.stop()


async def run_to_its_end(engine: EngineHandle, **limits: Any) -> RunView:
    run_id = await engine.runs.create(WS, NewRun(goal="six acts", plan=PLAN, **limits))
    followed = PatientRuns(engine.runs, StorePatience())  # who waits looks at a store that may be away
    view = await asyncio.wait_for(followed.wait(WS, run_id), 120)
    assert (await engine.runs.replay(WS, run_id)).differences == ()
    return view


class _Heard(logging.Handler):
    def __init__(self, text: str, event: asyncio.Event) -> None:
        super().__init__()
        self._text = text
        self._event = event
        self._loop = asyncio.get_running_loop()

    def emit(self, record: logging.LogRecord) -> None:
        if self._text in record.getMessage():
            self._loop.call_soon_threadsafe(self._event.set)


@contextmanager
def logged(text: str, event: asyncio.Event) -> Generator[None]:
    """Sets `event` once the engine logs that it waits for the store."""
    heard = _Heard(text, event)
    engine = logging.getLogger("flowmatik.core.engine")
    engine.addHandler(heard)
    try:
        yield
    finally:
        engine.removeHandler(heard)


async def mended(repairs: list[asyncio.Task[None]]) -> None:
    """The fault came, the run met it, and it was mended."""
    assert len(repairs) == 1
    await asyncio.wait_for(repairs[0], 120)


@pytest.fixture
def own_postgres() -> Iterator[OwnPostgres]:
    with own_postgres_server() as server:
        yield server


async def test_a_full_disk_holds_a_run_up_until_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    await upgrade(path)
    store = SqliteStore(path)
    journal = SqliteJournal(store, SystemClock())
    refused = asyncio.Event()
    freed: list[asyncio.Task[None]] = []

    async def fill() -> None:
        pages = await store.write(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
        await store.write(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchone())
        freed.append(asyncio.create_task(make_room()))

    async def make_room() -> None:
        await refused.wait()
        await store.write(lambda db: db.execute("PRAGMA max_page_count = 1000000").fetchone())

    act = Acts(fill, size=50_000)
    with logged("the journal is away", refused):
        async with engine_over(journal, act) as engine:
            view = await run_to_its_end(engine)
    assert (view.status, act.done) == (RunStatus.SUCCEEDED, list(range(STEPS)))
    await mended(freed)
    await store.close()


HOLD = """
import sys
from flowmatik.kernel.sqlite import connect
db = connect(sys.argv[1])
db.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
db.execute("ROLLBACK")
"""


async def test_a_file_that_another_program_has_locked_holds_a_run_up(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    await upgrade(path)
    store = SqliteStore(path, busy_timeout_ms=50)
    journal = SqliteJournal(store, SystemClock())
    refused = asyncio.Event()
    freed: list[asyncio.Task[None]] = []

    async def lock() -> None:
        other = await asyncio.to_thread(
            subprocess.Popen,
            [sys.executable, "-c", HOLD, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert other.stdout is not None
        assert await asyncio.to_thread(other.stdout.readline) == "locked\n"
        freed.append(asyncio.create_task(let_go(other)))

    async def let_go(other: "subprocess.Popen[str]") -> None:
        await refused.wait()
        await asyncio.to_thread(other.communicate, "\n")

    act = Acts(lock)
    with logged("the journal is away", refused):
        async with engine_over(journal, act) as engine:
            view = await run_to_its_end(engine)
    assert (view.status, act.done) == (RunStatus.SUCCEEDED, list(range(STEPS)))
    await mended(freed)
    await store.close()


async def test_a_server_that_goes_away_and_comes_back_holds_a_run_up(own_postgres: OwnPostgres) -> None:
    await upgrade(own_postgres.url)
    pool = await open_pool(own_postgres.url, role="flowmatik_engine")
    journal = PostgresJournal(PostgresDatabase(pool), SystemClock())
    refused = asyncio.Event()
    back: list[asyncio.Task[None]] = []

    async def crash() -> None:
        await asyncio.to_thread(own_postgres.stop)
        back.append(asyncio.create_task(come_back()))

    async def come_back() -> None:
        await refused.wait()
        await asyncio.to_thread(own_postgres.start)

    act = Acts(crash)
    with logged("the journal is away", refused):
        async with engine_over(journal, act, alone=False) as engine:
            view = await run_to_its_end(engine)
    assert (view.status, act.done) == (RunStatus.SUCCEEDED, list(range(STEPS)))
    await mended(back)
    await pool.close()


@pytest.mark.parametrize("hours", [-1, -24, 1])
async def test_a_wall_clock_that_jumps_neither_stops_a_run_nor_repeats_an_effect(
    tmp_path: Path, hours: int
) -> None:
    path = tmp_path / "journal.db"
    await upgrade(path)
    clock = JumpingClock()
    store = SqliteStore(path)
    journal = SqliteJournal(store, clock)

    async def jump() -> None:
        clock.offset += timedelta(hours=hours)

    act = Acts(jump)
    async with engine_over(journal, act, clock=clock) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="six acts", plan=PLAN))
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        later = await asyncio.wait_for(run_to_its_end(engine), 120)
        seqs = [stored.seq for stored in await journal.read(run_id)]
    assert (view.status, later.status) == (RunStatus.SUCCEEDED, RunStatus.SUCCEEDED)
    assert act.done == [*range(STEPS), *range(STEPS)]
    assert seqs == list(range(1, view.head_seq + 1))
    assert view.seconds >= 0
    await store.close()
