"""Runs that rest until something ends their waits: a clock that can be put on, and short ways to ask."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.plans import PlanTask, WaitSpec
from flowmatik.contracts.runs import NewRun, RunView
from flowmatik.contracts.security import Principal
from flowmatik.core.build import EngineHandle
from flowmatik.core.history import whole
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.replay import replay
from flowmatik.kernel.clock import SystemClock
from tests.unit.core.engines import eventually

WS = "default"


class Ahead(SystemClock):
    """The real time, and what it was put on by."""

    def __init__(self) -> None:
        self.by = timedelta()

    def now(self) -> datetime:
        return super().now() + self.by

    def put_on(self, seconds: float) -> None:
        self.by += timedelta(seconds=seconds)


def waiting(task_id: str, kind: str, *needs: str, **spec: Any) -> PlanTask:
    return PlanTask(id=task_id, objective="", wait=WaitSpec(kind=kind, **spec), needs=needs)


def person(name: str) -> Principal:
    return Principal(id=f"usr_{name}", name=name, workspace_id=WS, scopes=frozenset({"approvals:decide"}))


async def rested(engine: EngineHandle, run_id: str) -> RunView:
    return await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)


async def begun(engine: EngineHandle, *plan: PlanTask, **new: Any) -> str:
    """A run of this plan, at rest for the first time."""
    run_id = await engine.runs.create(WS, NewRun(goal="x", plan=plan, **new))
    await rested(engine, run_id)
    return run_id


async def ended(engine: EngineHandle, run_id: str) -> RunView:

    async def over() -> bool:
        return (await rested(engine, run_id)).status.ended

    await eventually(over)
    return await engine.runs.get(WS, run_id)


async def told(journal: InMemoryJournal, run_id: str) -> list[str]:
    """The types of the run's events; its replay must find no difference."""
    history = await whole(journal, run_id)
    assert replay(run_id, history, ReducerLoop()).differences == ()
    return [event.type for event in history]


def output(view: RunView, task_id: str) -> Any:
    return next(task.output for task in view.tasks if task.id == task_id)
