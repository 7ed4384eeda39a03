"""Runs within runs: a task that is a run of its own."""

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest

from flowmatik.contracts.plans import PlanTask, SubRunSpec
from flowmatik.contracts.runs import NewRun, RunStatus, TaskStatus
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core import events as ev
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import PlanInvalid, ToolError
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import eventually, running_engine

WS = "default"


def step(task_id: str = "s", tool: str = "echo", **arguments: Any) -> PlanTask:
    return PlanTask(id=task_id, objective="", tool=tool, arguments=arguments)


def sub(task_id: str, *plan: PlanTask, needs: tuple[str, ...] = (), **spec: Any) -> PlanTask:
    run = SubRunSpec(goal=f"the goal of {task_id}", plan=plan, **spec)
    return PlanTask(id=task_id, objective="", run=run, needs=needs)


def failing(code: str = "tool.empty") -> FunctionTools:
    async def fail(arguments: dict[str, Any], context: ToolContext) -> Any:
        raise ToolError("the shelf is empty", code=code)

    return FunctionTools({"echo": FunctionTool(function=fail)})


class Gate:
    """A tool that waits until it is opened."""

    def __init__(self, effect: Effect = Effect.READ) -> None:
        self.open = asyncio.Event()
        self.inside = 0
        self.tools = FunctionTools({"echo": FunctionTool(function=self._pass, effect=effect)})

    async def _pass(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        self.inside += 1
        await self.open.wait()
        return {"passed": True}


async def test_a_task_that_is_a_run_gives_what_that_run_gave() -> None:
    async with running_engine() as engine:
        plan = (sub("inner", step(n=1)), step("after", n=2))
        run_id = await engine.runs.create(WS, NewRun(goal="outer", plan=plan, traceparent=""))
        view = await engine.runs.wait(WS, run_id)
        page = await engine.runs.list(WS)
        child = await engine.runs.get(WS, page.items[0].id)
        reports = [await engine.runs.replay(WS, run.id) for run in page.items]
    assert view.status is RunStatus.SUCCEEDED, view
    assert view.tasks[0].output == {"echo": {"n": 1}}
    assert [run.goal for run in page.items] == ["the goal of inner", "outer"]
    assert child.parent == run_id
    assert view.tasks[0].sub_runs is not None
    assert [(one.id, one.status) for one in view.tasks[0].sub_runs.first] == [(child.id, RunStatus.SUCCEEDED)]
    assert [report.differences for report in reports] == [(), ()]


async def test_a_sub_run_that_fails_fails_its_task_with_its_words() -> None:
    async with running_engine(tools=failing()) as engine:
        plan = (sub("inner", step()), sub("next", step(), needs=("inner",)))
        run_id = await engine.runs.create(WS, NewRun(goal="outer", plan=plan))
        view = await engine.runs.wait(WS, run_id)
    assert (view.status, view.error_code) == (RunStatus.FAILED, "tool.empty")
    assert [task.status for task in view.tasks] == [TaskStatus.FAILED, TaskStatus.SKIPPED]


async def test_a_run_that_waits_for_its_sub_runs_holds_neither_a_slot_nor_a_driver() -> None:
    gate = Gate()
    async with running_engine(tools=gate.tools, concurrency=1) as engine:
        nested = sub("outer", sub("middle", sub("inner", step())))
        run_id = await engine.runs.create(WS, NewRun(goal="nested", plan=(nested,)))

        async def waits() -> bool:
            return gate.inside == 1 and not engine.engine.drives(run_id)

        await eventually(waits)
        during = await engine.runs.get(WS, run_id)
        gate.open.set()
        view = await engine.runs.wait(WS, run_id)
    assert (during.status, during.waiting_for) == (RunStatus.RUNNING, "subruns")
    assert view.status is RunStatus.SUCCEEDED


async def test_a_cancel_reaches_every_run_below_before_the_run_itself_has_ended() -> None:
    gate = Gate()
    async with running_engine(tools=gate.tools) as engine:
        plan = (sub("a", sub("b", step())), sub("c", step()))
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=plan))
        await eventually(lambda: _is(gate.inside == 2))
        await engine.runs.cancel(WS, run_id, reason="no more")
        view = await engine.runs.wait(WS, run_id)
        runs = (await engine.runs.list(WS)).items
    assert view.status is RunStatus.CANCELLED
    assert {run.status for run in runs} == {RunStatus.CANCELLED}
    assert len(runs) == 4


async def test_a_sub_run_inherits_principal_sources_trace_language_and_the_earlier_deadline() -> None:
    journal = InMemoryJournal(SystemClock())
    async with running_engine(journal=journal) as engine:
        plan = (sub("a", step(), deadline_seconds=3600), sub("b", step(), deadline_seconds=5))
        new = NewRun(
            goal="x",
            plan=plan,
            principal="usr_1",
            language="es",
            deadline_seconds=60,
            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
        run_id = await engine.runs.create(WS, new)
        view = await engine.runs.wait(WS, run_id)
    parent = await _created(journal, run_id)
    ids = [one.id for task in view.tasks for one in (task.sub_runs.first if task.sub_runs else ())]
    a, b = [await _created(journal, child) for child in ids]
    assert a.deadline_at == parent.deadline_at
    assert b.deadline_at < parent.deadline_at
    for child in (a, b):
        assert (child.principal, child.language, child.traceparent) == (
            parent.principal,
            parent.language,
            parent.traceparent,
        )
        assert (child.parent, child.depth) == (run_id, 1)


async def test_what_is_wrong_in_a_nested_plan_is_named_with_its_task() -> None:
    broken = replace(step(), tool="nothing")
    async with running_engine() as engine:
        with pytest.raises(PlanInvalid, match="in task 'a': in task 'b': task 's' calls the tool 'nothing'"):
            await engine.runs.create(WS, NewRun(goal="x", plan=(sub("a", sub("b", broken)),)))


async def test_runs_are_nested_eight_deep_and_no_deeper() -> None:
    def nested(levels: int) -> PlanTask:
        task = step()
        for n in range(levels):
            task = sub(f"t{n}", task)
        return task

    async with running_engine() as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(nested(7),)))
        assert (await engine.runs.wait(WS, run_id)).status is RunStatus.SUCCEEDED
        with pytest.raises(PlanInvalid, match="more than 7 others"):
            await engine.runs.create(WS, NewRun(goal="x", plan=(nested(8),)))


async def test_a_task_is_not_a_run_and_a_tools_call_at_once() -> None:
    both = replace(sub("a", step()), tool="echo")
    async with running_engine() as engine:
        with pytest.raises(PlanInvalid, match="more than one of"):
            await engine.runs.create(WS, NewRun(goal="x", plan=(both,)))


async def test_a_sub_run_that_a_person_cancels_fails_its_task_alone() -> None:
    gate = Gate()
    async with running_engine(tools=gate.tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(sub("a", step()),)))
        await eventually(lambda: _is(gate.inside == 1))
        child = (await engine.runs.list(WS)).items[0]
        await engine.runs.cancel(WS, child.id)
        view = await engine.runs.wait(WS, run_id)
    assert (view.status, view.error_code) == (RunStatus.FAILED, "subrun.cancelled")


async def test_a_child_that_ended_unreported_is_found_by_the_sweep() -> None:
    class Mute(InMemoryJournal):
        deaf = True

        async def report(self, run_id: str, input_id: str, payload: str, *, cost_micros: int) -> str:
            if self.deaf:
                return ""
            return await super().report(run_id, input_id, payload, cost_micros=cost_micros)

    journal = Mute(SystemClock())
    async with running_engine(journal=journal) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(sub("a", step()),)))

        async def ended() -> bool:
            return bool(await journal.unreported(10))

        await eventually(ended)
    journal.deaf = False
    async with running_engine(journal=journal) as engine:
        view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    assert view.status is RunStatus.SUCCEEDED


async def test_a_child_that_lost_its_parent_is_cancelled() -> None:
    gate, journal = Gate(), InMemoryJournal(SystemClock())
    async with running_engine(journal=journal, tools=gate.tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(sub("a", step()),)))
        await eventually(lambda: _is(gate.inside == 1))
        cast("Any", journal)._run(run_id).ended_at = "2026-01-01T00:00:00.000000Z"
    async with running_engine(journal=journal, tools=gate.tools) as engine:
        child = (await engine.runs.list(WS)).items[0]
        view = await asyncio.wait_for(engine.runs.wait(WS, child.id), 120)
    assert view.status is RunStatus.CANCELLED


async def _is(value: bool) -> bool:
    return value


async def _created(journal: InMemoryJournal, run_id: str) -> ev.RunCreated:
    event = ev.decode((await journal.read(run_id, limit=1))[0])
    assert isinstance(event, ev.RunCreated)
    return event
