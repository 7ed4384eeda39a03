"""One process that drives runs: `python -m tests.integration.core.paying.member '{"dsn": …}'`.

Engine, money and journal are the real ones, and those of calls outside of runs. The model is not: it answers
here, with a usage that the seed and the call's key say, for a server would only add to the time. Begins runs,
and cancels some, until SIGUSR1, and drives what there is until SIGTERM.
"""

import asyncio
import contextlib
import json
import random
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.models import ModelReply, ModelRequest, Usage
from flowmatik.contracts.paid_calls import Spender
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun
from flowmatik.core.build import EngineHandle, build_engine
from flowmatik.core.journal.port import Journal
from flowmatik.core.ledger import Bookkeeper, LedgerStore
from flowmatik.core.outside import (
    OutsideBooks,
    OutsideCalls,
    OutsideParts,
    OutsideStore,
    calls,
    outside_chores,
)
from flowmatik.core.services import EngineServices
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import BudgetExhausted, Conflict, ModelUnavailable, Unavailable
from flowmatik.stores.postgres import PostgresDatabase, open_pool
from flowmatik.testing.agents import GivenAgents
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTools
from tests.integration.core.paying.witness import witness

WORST = 100
TASKS = 20  # calls of a run that goes well, all at once
RICH, POOR = "rich", "poor"
AT_ONCE = 12  # runs that a process has begun
OUTSIDE_AT_ONCE = 3  # calls outside of runs
BUDGET = 8 * WORST
MODEL = "paid/model"
AGENTS = tuple(
    AgentVersion(name=name, version="0" * 12, role=name, summary="", instructions="Answer.", model=MODEL)
    for name in ("clerk", "scribe")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """`refusals` is the file of what caps looked like when calls were refused; `broken` names a sabotage."""

    dsn: str
    seed: int
    refusals: str
    concurrency: int = 64
    broken: str = ""
    name: str = ""


class Models(ScriptedModels):
    """Of fifty calls one is cut off, one fails at no cost, and three do not say what they used; the others
    cost what they may or less. Some take their time, so that processes die in the middle of them."""

    def __init__(self, seed: int) -> None:
        super().__init__(self._answer, model=MODEL, worst_micros=WORST)
        self._seed = seed

    async def _answer(self, request: ModelRequest) -> ModelReply:
        self.requests.clear()
        chance = random.Random(f"{self._seed} {request.idempotency_key}")
        await asyncio.sleep(0.3 if chance.random() < 0.05 else 0)
        kind = chance.randrange(50)
        if kind == 0:
            raise ModelUnavailable("the stream was cut")
        if kind == 1:
            raise ModelUnavailable("busy", context={"status": 429})
        usage = Usage(input_tokens=1, output_tokens=1, known=kind > 4)
        return ModelReply(text="done", usage=usage, cost_micros=chance.randint(0, WORST), model=MODEL)


def outside_of(
    handle: EngineHandle, journal: Journal, database: PostgresDatabase, clock: SystemClock
) -> OutsideCalls:
    """Whoever makes such a call is taken for dead after a few seconds, for many are killed."""
    calls.GRACE_SECONDS, calls.WAIT_SECONDS = 2.0, 3.0
    store = OutsideStore(database)
    for chore in outside_chores(OutsideBooks(journal, store, LedgerStore(database), clock)):
        handle.housekeeper.add(chore)
    models, purse = handle.purse.models, handle.purse
    return OutsideCalls(OutsideParts(models=models, journal=journal, store=store, purse=purse, clock=clock))


@asynccontextmanager
async def engine_at(place: Place) -> AsyncGenerator[tuple[EngineHandle, OutsideCalls]]:
    clock = SystemClock()
    pool = await open_pool(place.dsn, role="flowmatik_engine")
    database = PostgresDatabase(pool)
    journal = witness(place.broken)(database, clock, pool, place.refusals)
    handle = build_engine(
        EngineServices(
            journal=journal,
            models=Models(place.seed),
            tools=FunctionTools({}),
            catalogue=GivenAgents(AGENTS),
            loop=ReducerLoop(),
            clock=clock,
            concurrency=place.concurrency,
        )
    )
    keeper = Bookkeeper(journal, LedgerStore(database), clock)
    keeper.subscribe(handle.bus)
    outside = outside_of(handle, journal, database, clock)
    await handle.start(recover_all=True)
    try:
        yield handle, outside
    finally:
        await outside.close()
        await handle.stop(grace_seconds=0.5)
        await journal.close()
        await pool.close()


class Feeder:
    """Begins runs. Of twelve one is cancelled and one cancelled at once; of six one has a budget that may not
    do, and of eight one is of the workspace whose caps will not."""

    def __init__(self, handle: EngineHandle, outside: OutsideCalls, place: Place) -> None:
        self._handle = handle
        self._outside = outside
        self._chance = random.Random(f"{place.seed} {place.name}")
        self.enough = asyncio.Event()

    async def feed(self) -> None:
        runs = (self._one_after_another(n) for n in range(AT_ONCE))
        await asyncio.gather(*runs, *(self._outside_of_runs() for _ in range(OUTSIDE_AT_ONCE)))

    async def _outside_of_runs(self) -> None:
        """Of twelve calls one is left by its caller."""
        chance = self._chance
        while not self.enough.is_set():
            spender = Spender(workspace_id=POOR if chance.randrange(8) == 0 else RICH)
            request = ModelRequest(
                model=MODEL, messages=(), timeout=5.0, idempotency_key=str(chance.random())
            )
            calling = asyncio.create_task(self._outside.complete(spender, request, "api"))
            if chance.randrange(12) == 0:
                await asyncio.sleep(chance.uniform(0, 0.05))
                calling.cancel()
            with contextlib.suppress(ModelUnavailable, BudgetExhausted, Unavailable, asyncio.CancelledError):
                await calling
            await asyncio.sleep(chance.uniform(0, 0.1))

    async def _one_after_another(self, n: int) -> None:
        while not self.enough.is_set():
            chance = self._chance
            workspace = POOR if chance.randrange(8) == 0 else RICH
            agent = chance.choice(AGENTS).name
            new = NewRun(
                goal=f"{agent} {n}",
                plan=tuple(
                    PlanTask(id=f"t{k}", objective="o", agent=agent, criteria=()) for k in range(TASKS)
                ),
                budget_micros=BUDGET if chance.randrange(6) == 0 else None,
            )
            run_id = await self._handle.runs.create(workspace, new)
            await self._maybe_cancel(workspace, run_id, chance.randrange(12))
            await self._handle.runs.wait(workspace, run_id)

    async def _maybe_cancel(self, workspace: str, run_id: str, kind: int) -> None:
        if kind > 1:
            return
        await asyncio.sleep(self._chance.uniform(0, 0.4))
        with contextlib.suppress(Conflict):  # it has ended
            if kind:
                await self._handle.runs.cancel(workspace, run_id)
            else:
                await self._handle.control.cancel_hard(workspace, run_id)


async def live(place: Place) -> None:
    over = asyncio.Event()
    async with engine_at(place) as (handle, outside):
        feeder = Feeder(handle, outside, place)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, over.set)
        loop.add_signal_handler(signal.SIGUSR1, feeder.enough.set)
        print(handle.lease.owner, flush=True)
        feeding = asyncio.create_task(feeder.feed())
        await over.wait()
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(live(Place(**json.loads(sys.argv[1]))))
