"""A run that lives is paused, goes on, and is given another budget, deadline or priority."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from flowmatik.contracts.control import RunChange
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus, RunView
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core.build import EngineHandle
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import Conflict, InvalidInput, NotFound
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import eventually, running_engine
from tests.unit.core.paid import COST, WORST, Paid, in_virtual_time, paying_engine, task

WS = "default"
STEPS = tuple(
    PlanTask(id=f"s{n}", objective="", tool="step", needs=(f"s{n - 1}",) if n else (), arguments={"n": n})
    for n in range(3)
)


@dataclass
class Stage:
    """Steps that wait until they are let go, one after the other."""

    began: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    go: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    done: list[int] = field(default_factory=lambda: [])

    async def step(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        self.began.release()
        await self.go.acquire()
        self.done.append(arguments["n"])
        return {"n": arguments["n"]}

    def tools(self, effect: Effect = Effect.READ) -> FunctionTools:
        return FunctionTools({"step": FunctionTool(function=self.step, effect=effect, timeout=60)})


@asynccontextmanager
async def under_way(
    stage: Stage, journal: InMemoryJournal | None = None, **asked: Any
) -> AsyncGenerator[tuple[EngineHandle, str]]:
    """A run whose first step has begun."""
    async with running_engine(tools=stage.tools(), journal=journal) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=STEPS, **asked))
        await stage.began.acquire()
        yield engine, run_id


async def rested(engine: EngineHandle, run_id: str) -> RunView:
    view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    assert (await engine.runs.replay(WS, run_id)).differences == ()
    return view


async def test_a_paused_run_finishes_what_is_under_way_and_begins_nothing_new() -> None:
    stage = Stage()
    async with under_way(stage) as (engine, run_id):
        await engine.control.pause(WS, run_id, by="ana", reason="lunch")
        stage.go.release()
        view = await rested(engine, run_id)
        assert (view.status, view.waiting_for) == (RunStatus.WAITING, "unpause")
        assert (stage.done, view.tasks[0].output) == ([0], {"n": 0})
        for _ in STEPS:
            stage.go.release()
        await engine.runs.resume(WS, run_id)
        assert (await rested(engine, run_id)).status is RunStatus.SUCCEEDED
    assert stage.done == [0, 1, 2]


async def test_a_run_is_paused_again_after_it_went_on_and_asking_twice_is_asking_once() -> None:
    stage, journal = Stage(), InMemoryJournal(SystemClock())
    async with under_way(stage, journal) as (engine, run_id):
        for step in range(2):
            for _ in range(2):
                await engine.control.pause(WS, run_id)
            stage.go.release()
            assert (await rested(engine, run_id)).waiting_for == "unpause"
            assert stage.done == list(range(step + 1))
            for _ in range(2):
                await engine.runs.resume(WS, run_id)
            await stage.began.acquire()
        stage.go.release()
        assert (await rested(engine, run_id)).status is RunStatus.SUCCEEDED
        kinds = [event.type for event in await journal.read(run_id)]
    assert (kinds.count("RunPaused"), kinds.count("RunUnpaused")) == (2, 2)


async def test_a_paused_run_can_be_cancelled() -> None:
    stage = Stage()
    async with under_way(stage) as (engine, run_id):
        await engine.control.pause(WS, run_id)
        stage.go.release()
        await rested(engine, run_id)
        await engine.runs.cancel(WS, run_id)
        assert (await rested(engine, run_id)).status is RunStatus.CANCELLED


async def test_the_deadline_of_a_paused_run_passes() -> None:
    stage = Stage()
    async with under_way(stage, deadline_seconds=0.5) as (engine, run_id):
        await engine.control.pause(WS, run_id)
        stage.go.release()
        await eventually(lambda: has_ended(engine, run_id))
        view = await rested(engine, run_id)
    assert (view.status, view.error_code) == (RunStatus.FAILED, "run.deadline")


async def has_ended(engine: EngineHandle, run_id: str) -> bool:
    return (await engine.runs.get(WS, run_id)).status.ended


async def test_a_paused_run_stays_paused_in_another_engine() -> None:
    stage, journal = Stage(), InMemoryJournal(SystemClock())
    async with under_way(stage, journal) as (engine, run_id):
        await engine.control.pause(WS, run_id)
        await eventually(lambda: recorded(journal, run_id, "RunPaused"))
    async with running_engine(tools=stage.tools(), journal=journal) as engine:
        for _ in STEPS:
            stage.go.release()
        view = await rested(engine, run_id)
        assert (view.waiting_for, view.tasks[1].status.value) == ("unpause", "pending")
        await engine.runs.resume(WS, run_id)
        assert (await rested(engine, run_id)).status is RunStatus.SUCCEEDED


async def recorded(journal: InMemoryJournal, run_id: str, kind: str) -> bool:
    return kind in [event.type for event in await journal.read(run_id)]


@pytest.mark.parametrize("action", ["pause", "change", "cancel_hard"])
async def test_an_ended_run_and_one_of_another_workspace_cannot_be_steered(action: str) -> None:
    def asked(engine: EngineHandle, workspace: str, run_id: str) -> Any:
        more = (RunChange(priority=1),) if action == "change" else ()
        return getattr(engine.control, action)(workspace, run_id, *more)

    async with running_engine() as engine:
        plan = (PlanTask(id="s", objective="", tool="echo"),)
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=plan))
        await engine.runs.wait(WS, run_id)
        with pytest.raises(Conflict) as ended:
            await asked(engine, WS, run_id)
        with pytest.raises(NotFound):
            await asked(engine, "other", run_id)
    assert ended.value.code == "conflict.run_ended"


async def test_a_deadline_is_put_off_and_the_old_one_means_nothing_any_more() -> None:
    stage, journal = Stage(), InMemoryJournal(SystemClock())
    async with under_way(stage, journal, deadline_seconds=0.3) as (engine, run_id):
        await engine.control.change(WS, run_id, RunChange(deadline_seconds=60))
        await eventually(lambda: timer_fired(journal, run_id))
        for _ in STEPS:
            stage.go.release()
        view = await rested(engine, run_id)
    assert view.status is RunStatus.SUCCEEDED
    assert view.deadline_at


async def timer_fired(journal: InMemoryJournal, run_id: str) -> bool:
    return "timer:deadline" in [item.input_id for item in await journal.inbox(run_id, after=0)]


class WithoutTimers(InMemoryJournal):
    """As if nobody polled."""

    async def fire_due_timers(self, limit: int) -> list[str]:
        return []


async def test_whoever_drives_a_run_hears_of_its_new_deadline_by_itself() -> None:
    stage, journal = Stage(), WithoutTimers(SystemClock())
    async with under_way(stage, journal, deadline_seconds=1000) as (engine, run_id):
        await engine.control.change(WS, run_id, RunChange(deadline_seconds=0.1))
        await eventually(lambda: has_ended(engine, run_id))


@pytest.mark.parametrize("parked", [False, True], ids=["while it is driven", "while it is parked"])
async def test_a_deadline_that_is_brought_forward_passes(parked: bool) -> None:
    stage = Stage()
    async with under_way(stage, deadline_seconds=1000) as (engine, run_id):
        if parked:
            await engine.control.pause(WS, run_id)
            stage.go.release()
            await rested(engine, run_id)
        await engine.control.change(WS, run_id, RunChange(deadline_seconds=0.2))
        await eventually(lambda: has_ended(engine, run_id))
        view = await rested(engine, run_id)
    assert (view.status, view.error_code) == (RunStatus.FAILED, "run.deadline")


async def test_the_priority_of_a_run_is_changed_in_its_head_row() -> None:
    stage, journal = Stage(), InMemoryJournal(SystemClock())
    async with under_way(stage, journal) as (engine, run_id):
        await engine.control.change(WS, run_id, RunChange(priority=7))
        await eventually(lambda: recorded(journal, run_id, "RunChanged"))
        assert (await journal.head(WS, run_id)).priority == 7
        await engine.control.change(WS, run_id, RunChange(budget_micros=5_000_000))
        for _ in STEPS:
            stage.go.release()
        view = await rested(engine, run_id)
        assert (await journal.head(WS, run_id)).priority == 7
    assert view.budget_micros == 5_000_000


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (RunChange(), "input.change"),
        (RunChange(budget_micros=-1), "input.amount"),
        (RunChange(deadline_seconds=0), "input.deadline"),
        (RunChange(priority=11), "input.priority"),
    ],
)
async def test_what_a_run_cannot_be_changed_to_is_refused(change: RunChange, code: str) -> None:
    async with running_engine() as engine:
        with pytest.raises(InvalidInput) as refused:
            await engine.control.change(WS, "run_1", change)
    assert refused.value.code == code


def test_a_run_that_waits_for_money_goes_on_when_it_is_given_more() -> None:
    async def life() -> None:
        models = Paid(seconds=50.0)
        async with paying_engine(models) as engine:
            plan = (task("a"), task("b"))
            run_id = await engine.runs.create(WS, NewRun(goal="x", plan=plan, budget_micros=WORST + 1))
            await asyncio.sleep(5)
            assert len(models.requests) == 1
            await engine.control.change(WS, run_id, RunChange(budget_micros=3 * WORST))
            await asyncio.sleep(1)
            assert len(models.requests) == 2
            assert (await engine.runs.wait(WS, run_id)).status is RunStatus.SUCCEEDED
            assert (await engine.runs.replay(WS, run_id)).differences == ()

    in_virtual_time(life)


def test_a_paused_run_that_waits_for_money_asks_for_none() -> None:
    async def life() -> None:
        models = Paid(seconds=50.0)
        async with paying_engine(models) as engine:
            plan = (task("a"), task("b"))
            run_id = await engine.runs.create(WS, NewRun(goal="x", plan=plan, budget_micros=WORST + COST))
            await asyncio.sleep(5)
            await engine.control.pause(WS, run_id)
            await asyncio.sleep(60)
            assert (await engine.runs.get(WS, run_id)).waiting_for == "unpause"
            await engine.runs.resume(WS, run_id)
            await engine.runs.wait(WS, run_id)
        assert len(models.requests) == 2

    in_virtual_time(life)
