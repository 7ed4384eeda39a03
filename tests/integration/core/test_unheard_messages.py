"""What was said to a run whose money ended before anybody read it is answered by the next run."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flowmatik.agents import ReducerLoop
from flowmatik.app.threads import open_threads, thread_memory
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.database import Database
from flowmatik.contracts.models import ModelReply, ModelRequest, Usage
from flowmatik.contracts.threads import Interrupt, NewThread
from flowmatik.core.build import build_engine
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.services import EngineServices
from flowmatik.core.threads.store import ThreadStore
from flowmatik.kernel.clock import SystemClock
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.postgres import PostgresDatabase, open_pool
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore
from flowmatik.testing.agents import GivenAgents
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTools
from tests.unit.core.engines import eventually

WS = "w"
READER = AgentVersion(
    name="reader", version="0" * 12, role="researcher", summary="", instructions="", skills=("documents",)
)


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    return tmp_path / "journal.db" if request.param == "sqlite" else request.getfixturevalue("pg_migrated")


@pytest.fixture
async def database(address: Path | str) -> AsyncIterator[Database]:
    await upgrade(address)
    if isinstance(address, Path):
        store = SqliteStore(address)
        yield SqliteDatabase(store)
        await store.close()
        return
    pool = await open_pool(address, role="flowmatik_engine")
    yield PostgresDatabase(pool)
    await pool.close()


class Model:
    """Knows who signs; of who pays it speaks only when it is let."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.asked = asyncio.Event()

    async def __call__(self, request: ModelRequest) -> ModelReply:
        text = request.messages[-1].content
        if "Who pays" in text:
            self.asked.set()
            await self.let.wait()
        said = "In euros, then." if "In euros" in text else "Ana."
        return ModelReply(text=said, usage=Usage(input_tokens=1, output_tokens=1), cost_micros=20)


async def test_a_message_that_nobody_read_before_the_money_ended_waits_for_the_next_run(
    database: Database,
) -> None:
    clock, agents, model = SystemClock(), GivenAgents((READER,)), Model()
    store = ThreadStore(database, clock)
    engine = build_engine(
        EngineServices(
            journal=InMemoryJournal(clock), models=ScriptedModels(model, worst_micros=20),
            tools=FunctionTools({}), catalogue=agents, loop=ReducerLoop(), clock=clock, alone=True,
            threads=store, advisers={"thread": thread_memory(store, agents)},
        )
    )  # fmt: skip
    opened = open_threads(store, engine, engine.runs, agents, database, clock)
    opened.hearing.subscribe(engine.bus)
    await engine.start(recover_all=True)
    try:
        new = NewThread(interrupt=Interrupt.STEER, budget_micros=45)
        thread = await opened.threads.create(WS, new)
        await opened.threads.send(WS, thread.id, "Who signs? Who pays?", by="usr_ana")
        await asyncio.wait_for(model.asked.wait(), 120)
        second = await opened.threads.send(WS, thread.id, "In euros, please.", by="usr_ana")

        async def taken_in() -> bool:
            items = (await opened.threads.messages(WS, thread.id)).items
            return bool(next(one for one in items if one.number == second.number).run_id)

        await eventually(taken_in, 120)
        model.let.set()

        async def at_rest() -> bool:
            now = await opened.threads.get(WS, thread.id)
            return now.messages >= 4 and not now.run_id

        await eventually(at_rest, 120)
        said = (await opened.threads.messages(WS, thread.id)).items
        assert [one.role.value for one in said] == ["person", "person", "agent", "agent"]
        assert said[3].text == "In euros, then."
        assert said[1].run_id == said[3].run_id != said[2].run_id
        first = await engine.runs.get(WS, said[2].run_id)
        assert first.answer is not None
        assert [one.code for one in first.answer.missing] == ["budget.exhausted"]
        for run_id in (said[2].run_id, said[3].run_id):
            assert (await engine.runs.replay(WS, run_id)).differences == ()
    finally:
        await engine.stop()
