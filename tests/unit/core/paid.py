"""Paid models and agents for the tests of money, in time that passes only when nothing is left to do."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import cast

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.models import ModelReply, ModelRequest, Usage
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunView
from flowmatik.core.build import EngineHandle
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.kernel.clock import Clock
from flowmatik.testing.models import ScriptedModels
from tests.simulation.lines import WorldClock
from tests.simulation.virtual_time import run
from tests.unit.core.engines import running_engine

WS = "default"
MODEL = "paid/model"
WORST, COST = 100, 60
MOST_SECONDS = 3000.0
CLERK = AgentVersion(name="clerk", version="0" * 12, role="clerk", summary="", instructions="Answer.")


def in_virtual_time(main: Callable[[], Awaitable[None]]) -> None:
    async def life() -> None:
        async with asyncio.timeout(MOST_SECONDS):
            await main()

    run(life())


def now() -> float:
    return asyncio.get_running_loop().time()


def journal() -> InMemoryJournal:
    return InMemoryJournal(cast("Clock", WorldClock()))


def answered(cost: int = COST, text: str = "done") -> ModelReply:
    return ModelReply(text=text, usage=Usage(input_tokens=1, output_tokens=1), cost_micros=cost)


class Paid(ScriptedModels):
    """Answers after `seconds`, for `cost`; `worst` is the most that a call may cost, by model: one that it
    does not name has no known price."""

    def __init__(
        self, *, cost: int = COST, seconds: float = 1.0, worst: Mapping[str, int] | None = None
    ) -> None:
        super().__init__(self._answer, model=MODEL)
        self.cost = cost
        self.seconds = seconds
        self._worst_of = {MODEL: WORST} if worst is None else worst

    async def _answer(self, request: ModelRequest) -> ModelReply:
        await asyncio.sleep(self.seconds)
        return answered(self.cost)

    def worst_case_micros(self, request: ModelRequest) -> int | None:
        return self._worst_of.get(request.model)


@asynccontextmanager
async def paying_engine(
    models: ScriptedModels, *agents: AgentVersion, over: InMemoryJournal | None = None
) -> AsyncGenerator[EngineHandle]:
    async with running_engine(
        journal=over or journal(),
        models=models,
        agents=agents or (CLERK,),
        loop=ReducerLoop(),
        clock=cast("Clock", WorldClock()),
    ) as engine:
        yield engine


def task(name: str, *needs: str, agent: str = "clerk", budget: int | None = None) -> PlanTask:
    return PlanTask(id=name, objective="o", agent=agent, needs=needs, criteria=(), budget_micros=budget)


async def ended(engine: EngineHandle, plan: Sequence[PlanTask], budget: int | None = None) -> RunView:
    """How a run of this plan ends; decided again it ends the same."""
    run_id = await engine.runs.create(WS, NewRun(goal="x", plan=tuple(plan), budget_micros=budget))
    view = await engine.runs.wait(WS, run_id)
    assert (await engine.runs.replay(WS, run_id)).differences == ()
    return view


async def granted(over: InMemoryJournal) -> int:
    (cap,) = await over.caps(WS)
    return cap.granted_micros
