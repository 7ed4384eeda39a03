"""The router's state over real stores, and a run that learns, is judged by people, and is undone."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flowmatik.agents import ReducerLoop
from flowmatik.app.routing import Routing, routing_of
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.criteria import Policy
from flowmatik.contracts.database import Database
from flowmatik.contracts.models import ModelReply, ModelRequest, Usage
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.routing import ROUTES, Feedback, RouterView
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.core.build import EngineHandle, build_engine
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.services import EngineServices
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import Conflict, InvalidInput, NotFound
from flowmatik.learning.routing import store as stores
from flowmatik.learning.routing.store import Entry, LearnedStore
from flowmatik.memory import load_embedder
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.postgres import PostgresDatabase, open_pool
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore
from flowmatik.testing.agents import GivenAgents
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTools
from tests.unit.core.engines import eventually

WS = "w"
CLERK = AgentVersion(
    name="clerk", version="1" * 12, role="support", summary="Parcels, deliveries and shipping.",
    instructions="Answer.", skills=("support",),
)  # fmt: skip
CASHIER = AgentVersion(
    name="cashier", version="2" * 12, role="support", summary="Invoices, prices and payments.",
    instructions="Answer.", skills=("support",),
)  # fmt: skip


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    return tmp_path / "journal.db" if request.param == "sqlite" else request.getfixturevalue("pg_migrated")


@pytest.fixture
async def database(address: Path | str) -> AsyncIterator[Database]:
    """As the API's role has it."""
    await upgrade(address)
    if isinstance(address, Path):
        store = SqliteStore(address)
        yield SqliteDatabase(store)
        await store.close()
        return
    pool = await open_pool(address, role="flowmatik_api")
    yield PostgresDatabase(pool)
    await pool.close()


def outcome(n: int, *, good: bool = True, agent: str = "clerk") -> Entry:
    body = {
        "agent": agent,
        "type": "support",
        "skill": "support",
        "good": good,
        "cost_micros": 10,
        "seconds": 1.0,
    }
    return Entry(id=f"run_{n}:5", kind="outcome", body=body)


async def test_what_is_delivered_again_is_learned_once_and_workspaces_are_apart(database: Database) -> None:
    store = LearnedStore(database, SystemClock())
    assert await store.add(WS, [outcome(1), outcome(2, good=False)]) == 2
    assert await store.add(WS, [outcome(1), outcome(3)]) == 3
    tally = (await LearnedStore(database, SystemClock()).current(WS)).state.tallies["clerk", "support"]
    assert (round(tally.good, 2), round(tally.bad, 2)) == (1.96, 0.98)
    assert (await store.current("other")).version == 0


async def test_two_writers_at_once_lose_nothing(database: Database) -> None:
    one, two = LearnedStore(database, SystemClock()), LearnedStore(database, SystemClock())
    await asyncio.gather(
        *(one.add(WS, [outcome(n)]) for n in range(0, 8, 2)),
        *(two.add(WS, [outcome(n)]) for n in range(1, 8, 2)),
    )
    assert (await one.current(WS)).version == (await two.current(WS)).version == 8


async def test_old_versions_are_forgotten_and_later_ones_can_be_had(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "EVERY", 4)
    monkeypatch.setattr(stores, "KEPT", 2)
    store = LearnedStore(database, SystemClock())
    for n in range(20):
        await store.add(WS, [outcome(n)])
    oldest = await store.oldest(WS)
    assert 0 < oldest <= 12
    fresh = LearnedStore(database, SystemClock())
    assert (await fresh.current(WS)).version == 20
    assert (await fresh.as_of(WS, oldest)).tallies["clerk", "support"].bad == 0
    with pytest.raises(NotFound) as gone:
        await fresh.as_of(WS, oldest - 1)
    assert gone.value.code == "not_found.router_version"


class House:
    """An engine in memory whose router learns in the database."""

    def __init__(
        self,
        database: Database,
        *,
        agents: Sequence[AgentVersion] = (CLERK, CASHIER),
        models: ScriptedModels | None = None,
    ) -> None:
        clock = SystemClock()
        given, models = (
            GivenAgents(tuple(agents)),
            models or ScriptedModels(lambda _: ModelReply(text="Done.")),
        )
        self.routing: Routing = routing_of(database, given, load_embedder(), clock, models)
        self.engine: EngineHandle = build_engine(
            EngineServices(
                journal=InMemoryJournal(clock), models=models,
                tools=FunctionTools({}), catalogue=given, loop=ReducerLoop(), clock=clock, alone=True,
                advisers={ROUTES: self.routing.adviser},
            )
        )  # fmt: skip
        self.router = self.routing.learning_from(self.engine.runs, self.engine.bus)

    async def run(self, objective: str, *, workspace: str = WS, budget: int | None = None) -> Any:
        task = PlanTask(id="t", objective=objective, skill="support", criteria=())
        new = NewRun(goal=objective, plan=(task,), budget_micros=budget)
        run_id = await self.engine.runs.create(workspace, new)
        return await asyncio.wait_for(self.engine.runs.wait(workspace, run_id), 120)

    async def learned(self, version: int) -> None:
        async def there() -> bool:
            return (await self.router.show(WS)).version >= version

        await eventually(there)


async def test_a_run_is_routed_by_its_objective_learned_from_judged_and_undone(database: Database) -> None:
    house = House(database)
    await house.engine.start(recover_all=True)
    try:
        await house.router.explore(WS, on=False)
        view = await house.run("the delivery of my parcel is late")
        assert view.status is RunStatus.SUCCEEDED
        assert view.tasks[0].agent == CLERK.ref()
        assert (view.tasks[0].route.code, view.tasks[0].route.learned) == ("best", 1)
        assert (await house.run("send me the invoice for my payment")).tasks[0].agent == CASHIER.ref()
        await house.learned(3)
        shown = await house.router.show(WS)
        assert {one.agent for one in shown.routes} == {"clerk", "cashier"}
        assert len(shown.task_types) == 2, "parcels and invoices are told apart"

        exported = await house.router.export(WS)
        bad = Feedback(run_id=view.id, good=False, task_id="t", note="wrong", by="ana")
        assert await house.router.feedback(WS, bad) == ("t",)
        assert await house.router.feedback(WS, bad) == ("t",)
        after = await house.router.show(WS)
        assert after.version == 4, "the same word of the same person counts once"
        assert next(one.bad for one in after.routes if one.agent == "clerk") == 3.0
        assert (await house.router.rollback(WS, 3)).routes == shown.routes
        assert (await house.router.reset(WS)).routes == ()
        assert (await house.router.import_state(WS, exported)).routes == shown.routes
        assert (await house.engine.runs.replay(WS, view.id)).differences == ()

        for wrong, code in (
            (Feedback(run_id=view.id, good=True, task_id="zz"), "not_found.task"),
            (Feedback(run_id="run_none", good=True), "not_found.run"),
            (Feedback(run_id=view.id, good=True, note="x" * 3000), "input.note"),
        ):
            with pytest.raises((NotFound, InvalidInput, Conflict)) as refused:
                await house.router.feedback(WS, wrong)
            assert refused.value.code == code
        before = await house.router.show(WS)
        for state in ({}, {"format": 2}, {**exported, "more": 1}, {**exported, "routes": [{"agent": "a"}]}):
            with pytest.raises(InvalidInput) as refused:
                await house.router.import_state(WS, state)
            assert refused.value.code == "input.router_state"
        assert await house.router.show(WS) == before
    finally:
        await house.engine.stop()


DONE = Policy(check="policy", require=("Done",))
MINI, BIG = "x/mini", "x/big"
CHOOSER = replace(CLERK, model=MINI, candidates=(MINI, BIG), criteria=(DONE,))


def _by_price(request: ModelRequest) -> ModelReply:
    """The small model knows nothing of invoices."""
    knows = request.model == BIG or "invoice" not in request.messages[-1].content
    usage = Usage(input_tokens=100, output_tokens=10)
    cost = 110 if request.model == MINI else 11_000
    return ModelReply(text="Done." if knows else "No idea.", usage=usage, cost_micros=cost)


def weights(view: RouterView) -> list[tuple[Any, ...]]:
    return [(one.agent, one.task_type, one.model, one.good, one.bad) for one in view.routes]


async def test_a_model_is_learned_for_one_kind_of_task_and_not_for_another(database: Database) -> None:
    models = ScriptedModels(_by_price)
    models.prices = {MINI: (1, 1), BIG: (100, 100)}
    house = House(database, agents=(CHOOSER,), models=models)
    await house.engine.start(recover_all=True)
    try:
        await house.router.explore(WS, on=False)
        for n in range(6):
            view = await house.run(f"the delivery of my parcel {n} is late")
            assert (view.status, view.models) == (RunStatus.SUCCEEDED, (MINI,))
            assert view.cascade.saved_micros == 11_000 - 110
        learned = 7
        for n in range(6):
            view = await house.run(f"send me the invoice {n} for my payment")
            assert view.status is RunStatus.SUCCEEDED
            learned += len(view.models)
            await house.learned(learned)
        view = await house.run("send me the invoice for my payment")
        assert view.models == (BIG,), "the small one is not even asked any more"
        learned += 1
        await house.learned(learned)
        assert (await house.run("the delivery of my parcel is late again")).models == (MINI,)
        await house.learned(learned + 1)

        shown = await house.router.show(WS)
        by_model = {(one.task_type, one.model): one for one in shown.routes if one.model}
        assert {model for _, model in by_model} == {MINI, BIG}
        exported = await house.router.export(WS)
        assert (await house.router.reset(WS)).routes == ()
        assert (await house.run("send me the invoice for my payment")).models == (MINI, BIG)
        await house.learned(learned + 4)
        assert weights(await house.router.import_state(WS, exported)) == weights(shown)
        assert (await house.run("send me the invoice for my payment")).models == (BIG,)
        await house.learned(learned + 6)
        assert weights(await house.router.rollback(WS, learned + 1)) == weights(shown)
        assert (await house.engine.runs.replay(WS, view.id)).differences == ()

        other = await house.run("send me the invoice for my payment", workspace="other")
        assert other.models == (MINI, BIG), "what one workspace learned is nobody else's"
    finally:
        await house.engine.stop()


async def test_a_persons_word_counts_for_the_model_that_did_it(database: Database) -> None:
    models = ScriptedModels(_by_price)
    models.prices = {MINI: (1, 1), BIG: (100, 100)}
    house = House(database, agents=(CHOOSER,), models=models)
    await house.engine.start(recover_all=True)
    try:
        await house.router.explore(WS, on=False)
        view = await house.run("the delivery of my parcel is late")
        await house.learned(2)
        for person in ("ana", "bea"):
            await house.router.feedback(WS, Feedback(run_id=view.id, good=False, by=person))
        [arm] = [one for one in (await house.router.show(WS)).routes if one.model]
        assert (arm.model, arm.bad) == (MINI, 6.0)
        assert (await house.run("the delivery of my parcel is late")).models == (BIG,)
    finally:
        await house.engine.stop()


async def test_under_a_budget_that_the_better_model_does_not_fit_the_other_gets_the_task(
    database: Database,
) -> None:
    class Capped(ScriptedModels):
        def worst_case_micros(self, request: ModelRequest) -> int | None:
            return 500 if request.model == MINI else 50_000

    models = Capped(_by_price)
    models.prices = {MINI: (1, 1), BIG: (100, 100)}
    house = House(database, agents=(replace(CHOOSER, criteria=()),), models=models)
    await house.engine.start(recover_all=True)
    try:
        await house.router.explore(WS, on=False)
        view = await house.run("the delivery of my parcel is late")
        await house.learned(2)
        for person in ("ana", "bea"):
            await house.router.feedback(WS, Feedback(run_id=view.id, good=False, by=person))
        assert (await house.run("the delivery of my parcel is late", budget=60_000)).models == (BIG,)
        short = await house.run("the delivery of my parcel is late", budget=40_000)
        assert short.models == (MINI,)
        assert [(one.model, one.barred) for one in short.tasks[0].route.candidates] == [
            (MINI, ""),
            (BIG, "dear"),
        ]
        assert (await house.engine.runs.replay(WS, short.id)).differences == ()
    finally:
        await house.engine.stop()
