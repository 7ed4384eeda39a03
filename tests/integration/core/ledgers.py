"""A ledger over a real store, beside an engine whose bus tells it what happens."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.database import Database
from flowmatik.contracts.ledger import Booking, CostQuery, Costs, LedgerCheck
from flowmatik.contracts.models import ModelReply, ModelRequest, Usage
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunView
from flowmatik.core.build import EngineHandle
from flowmatik.core.journal.port import Journal
from flowmatik.core.journal.postgres import PostgresJournal
from flowmatik.core.journal.sqlite import SqliteJournal
from flowmatik.core.ledger import Bookkeeper, LedgerStore, StoredLedger
from flowmatik.core.ledger.keeping import SUBSCRIBER
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import ModelError
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.postgres import PostgresDatabase, open_pool
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore
from flowmatik.testing.models import ScriptedModels
from tests.unit.core.engines import eventually, running_engine

WS = "w1"
WORST, COST = 100, 60
MODEL = "paid/model"
ROLES = ("flowmatik_engine", "flowmatik_api", "flowmatik_retention")


def agent(name: str, role: str = "") -> AgentVersion:
    return AgentVersion(
        name=name, version=name[0] * 12, role=role or name, summary="", instructions="Answer.", model=MODEL
    )


CLERK, SCRIBE = agent("clerk"), agent("scribe")


def reply(cost: int | None = COST, *, model: str = MODEL, known: bool = True) -> ModelReply:
    usage = Usage(input_tokens=7, output_tokens=3, known=known)
    return ModelReply(text="done", usage=usage, cost_micros=cost, model=model)


class Models(ScriptedModels):
    """Answers what was said next, again and again the last of it; an error is raised."""

    def __init__(self, *said: ModelReply | ModelError) -> None:
        super().__init__(self._answer, model=MODEL, worst_micros=WORST)
        self.worst: int | None = WORST
        self.says(*(said or (reply(),)))

    def says(self, *said: ModelReply | ModelError) -> None:
        self._said: list[ModelReply | ModelError] = list(said)

    def _answer(self, request: ModelRequest) -> ModelReply:
        one = self._said.pop(0) if len(self._said) > 1 else self._said[0]
        if isinstance(one, ModelError):
            raise one
        return one

    def worst_case_micros(self, request: ModelRequest) -> int | None:
        return self.worst


class Calendar(SystemClock):
    """Goes ahead by so much."""

    ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(slots=True, kw_only=True)
class Place:
    engine: EngineHandle
    journal: Journal
    store: LedgerStore
    keeper: Bookkeeper
    ledger: StoredLedger
    models: Models
    database: Database
    clock: Calendar = field(default_factory=Calendar)

    async def ended(self, *plan: PlanTask, workspace: str = WS, **asked: Any) -> RunView:
        new = NewRun(goal="g", plan=plan or (ask("t"),), **asked)
        run_id = await self.engine.runs.create(workspace, new)
        view = await self.engine.runs.wait(workspace, run_id)
        await self.keeper.book((workspace, run_id))  # sooner than the bus says so
        return view

    async def told(self, *views: RunView) -> None:
        """Until the bus has handed over all of these runs."""

        async def handled() -> bool:
            heads = [await self.journal.head(WS, view.id) for view in views]
            places = [await self.journal.subscriber_seq(SUBSCRIBER, one.run_id) for one in heads]
            return places == [one.head_seq for one in heads]

        await eventually(handled, 120)

    async def booked(self, run: str, workspace: str = WS) -> list[Booking]:
        await self.keeper.book((workspace, run))
        return await self.store.of_run(workspace, run)

    async def check(self, workspace: str = WS) -> LedgerCheck:
        return await self.ledger.check(workspace)

    async def total(self, workspace: str = WS) -> Costs:
        return (await self.ledger.costs(workspace, CostQuery())).total


def ask(name: str, *needs: str, agent: str = "clerk", budget: int | None = None) -> PlanTask:
    return PlanTask(id=name, objective="o", agent=agent, needs=needs, criteria=(), budget_micros=budget)


@asynccontextmanager
async def stores(kind: str, folder: Path, dsn: str) -> AsyncGenerator[tuple[Journal, LedgerStore, Database]]:
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        if kind == "sqlite":
            await upgrade(folder / "journal.db")
            file = SqliteStore(folder / "journal.db")
            stack.push_async_callback(file.close)
            database = SqliteDatabase(file)
            yield SqliteJournal(file, clock), LedgerStore(database), database
            return
        pools: list[PostgresDatabase] = []
        for role in ROLES:
            pool = await open_pool(dsn, role=role, max_size=4)
            stack.push_async_callback(pool.close)
            pools.append(PostgresDatabase(pool))
        engine, api, retention = pools
        store = LedgerStore(engine, seen=api, cleaning=retention)
        yield PostgresJournal(engine, clock, retention=retention), store, engine


@asynccontextmanager
async def ledger_at(kind: str, folder: Path, dsn: str, models: Models) -> AsyncGenerator[Place]:
    async with (
        stores(kind, folder, dsn) as (journal, store, database),
        running_engine(
            journal=journal, models=models, agents=(CLERK, SCRIBE), loop=ReducerLoop(), alone=False
        ) as engine,
    ):
        keeper = Bookkeeper(journal, store, SystemClock())
        keeper.subscribe(engine.bus)
        yield Place(
            engine=engine,
            journal=journal,
            store=store,
            keeper=keeper,
            ledger=StoredLedger(journal, store, keeper),
            models=models,
            database=database,
        )
