"""A new run goes on where a failed or cancelled one ended."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from flowmatik.contracts.plans import Compensation, PlanTask
from flowmatik.contracts.runs import ForkedFrom, NewRun, RunStatus, RunView, TaskStatus
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core.build import EngineHandle
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import Conflict, NotFound, ToolError
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import running_engine
from tests.unit.core.paid import COST, WORST, Paid, in_virtual_time, paying_engine, task

WS = "default"


@dataclass
class Far:
    """A far side that refuses what `broken` names; `done` is what it did, for whom."""

    broken: set[str] = field(default_factory=lambda: set[str]())
    done: list[str] = field(default_factory=lambda: [])
    hangs: str = ""
    began: asyncio.Event = field(default_factory=asyncio.Event)

    async def act(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        name = str(arguments["name"])
        if name == self.hangs:
            self.began.set()
            await asyncio.Event().wait()
        if name in self.broken:
            raise ToolError("not today")
        self.done.append(name)
        return {"did": name}

    async def undo(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        self.done.append(f"undo {arguments['name']}")
        return {}

    def tools(self, *, timeout: float = 60) -> FunctionTools:
        return FunctionTools(
            {
                "act": FunctionTool(function=self.act, effect=Effect.ONCE, timeout=timeout),
                "look": FunctionTool(function=self.act, timeout=timeout),
                "undo": FunctionTool(function=self.undo, effect=Effect.ONCE),
            }
        )


def step(name: str, *needs: str, tool: str = "act", undo: bool = False) -> PlanTask:
    compensation = Compensation(tool="undo", arguments={"name": name}) if undo else None
    return PlanTask(
        id=name,
        objective="",
        tool=tool,
        arguments={"name": name},
        needs=needs,
        compensation=compensation,
    )


PLAN = (step("a"), step("b", "a"), step("c", "b"), step("d", "a"))


async def ended(engine: EngineHandle, run_id: str) -> RunView:
    view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    assert (await engine.runs.replay(WS, run_id)).differences == ()
    return view


async def begun(engine: EngineHandle, *plan: PlanTask, **asked: Any) -> str:
    return await engine.runs.create(WS, NewRun(goal="x", plan=plan, **asked))


def statuses(view: RunView) -> dict[str, str]:
    return {one.id: one.status.value for one in view.tasks}


async def test_what_failed_is_done_again_and_what_succeeded_is_not() -> None:
    far = Far(broken={"b"})
    async with running_engine(tools=far.tools()) as engine:
        first = await begun(engine, *PLAN)
        failed = await ended(engine, first)
        assert statuses(failed) == {"a": "succeeded", "b": "failed", "c": "skipped", "d": "succeeded"}
        far.broken = set()
        again = await engine.control.retry(WS, first)
        view = await ended(engine, again)
        parent = await engine.runs.get(WS, first)
    assert again != first
    assert view.status is RunStatus.SUCCEEDED
    assert sorted(far.done) == ["a", "b", "c", "d"]
    assert view.forked_from == ForkedFrom(run_id=first, seq=failed.head_seq, kind="retry")
    assert parent == failed, "the parent is as it was"


async def test_a_retry_that_fails_is_tried_again() -> None:
    far = Far(broken={"b"})
    async with running_engine(tools=far.tools()) as engine:
        run_id = await begun(engine, *PLAN)
        for _ in range(2):
            assert (await ended(engine, run_id)).status is RunStatus.FAILED
            run_id = await engine.control.retry(WS, run_id)
        await ended(engine, run_id)
        far.broken = set()
        view = await ended(engine, await engine.control.retry(WS, run_id))
    assert view.status is RunStatus.SUCCEEDED
    assert sorted(far.done) == ["a", "b", "c", "d"]


async def test_one_of_several_failed_tasks_is_tried_again_alone() -> None:
    far = Far(broken={"b", "d"})
    async with running_engine(tools=far.tools()) as engine:
        first = await begun(engine, *PLAN)
        await ended(engine, first)
        far.broken = set()
        view = await ended(engine, await engine.control.retry(WS, first, task_id="b"))
    assert statuses(view) == {"a": "succeeded", "b": "succeeded", "c": "succeeded", "d": "failed"}
    assert view.status is RunStatus.FAILED


async def test_a_cancelled_run_goes_on_where_it_was_stopped() -> None:
    far = Far(hangs="b")
    async with running_engine(tools=far.tools()) as engine:
        first = await begun(engine, step("a"), step("b", "a", tool="look"), step("c", "b"))
        await far.began.wait()
        await engine.runs.cancel(WS, first)
        assert (await ended(engine, first)).status is RunStatus.CANCELLED
        far.hangs = ""
        view = await ended(engine, await engine.control.retry(WS, first))
    assert (view.status, far.done) == (RunStatus.SUCCEEDED, ["a", "b", "c"])


async def test_a_run_past_its_deadline_gets_as_much_time_again() -> None:
    far = Far(hangs="b")
    async with running_engine(tools=far.tools()) as engine:
        plan = (step("a"), step("b", "a", tool="look"))
        first = await begun(engine, *plan, deadline_seconds=0.5)
        assert (await ended(engine, first)).error_code == "run.deadline"
        far.hangs = ""
        view = await ended(engine, await engine.control.retry(WS, first))
    assert (view.status, far.done) == (RunStatus.SUCCEEDED, ["a", "b"])
    assert view.deadline_at


async def test_what_was_taken_back_is_done_again() -> None:
    far = Far(broken={"c"})
    async with running_engine(tools=far.tools()) as engine:
        first = await begun(engine, step("a", undo=True), step("b", "a"), step("c", "b"))
        await ended(engine, first)
        assert far.done == ["a", "b", "undo a"]
        far.broken = set()
        view = await ended(engine, await engine.control.retry(WS, first))
    assert view.status is RunStatus.SUCCEEDED
    assert far.done == ["a", "b", "undo a", "a", "c"]


async def test_a_retry_takes_back_what_its_parent_did_when_it_fails_for_good() -> None:
    far = Far(broken={"c"})
    undo = Compensation(tool="undo", arguments={"name": "a"}, when=("cancel",))
    first_step = PlanTask(id="a", objective="", tool="act", arguments={"name": "a"}, compensation=undo)
    async with running_engine(tools=far.tools()) as engine:
        first = await begun(engine, first_step, step("c", "a", tool="look"))
        await ended(engine, first)
        far.hangs = "c"
        again = await engine.control.retry(WS, first)
        await far.began.wait()
        await engine.runs.cancel(WS, again)
        view = await ended(engine, again)
    assert (view.status, far.done) == (RunStatus.CANCELLED, ["a", "undo a"])


async def test_a_run_that_is_in_doubt_at_its_end_is_not_tried_again_blindly() -> None:
    far = Far(hangs="b")
    async with running_engine(tools=far.tools()) as engine:
        first = await begun(engine, step("a"), step("b", "a"))
        await far.began.wait()
        await engine.control.cancel_hard(WS, first)
        with pytest.raises(Conflict) as refused:
            await engine.control.retry(WS, first)
    assert refused.value.code == "conflict.retry_in_doubt"


async def test_only_what_failed_is_tried_again() -> None:
    far = Far(broken={"b"})
    async with running_engine(tools=far.tools()) as engine:
        good, bad = await begun(engine, step("a")), await begun(engine, *PLAN)
        await ended(engine, good)
        await ended(engine, bad)
        with pytest.raises(Conflict) as succeeded:
            await engine.control.retry(WS, good)
        with pytest.raises(Conflict) as done:
            await engine.control.retry(WS, bad, task_id="a")
        with pytest.raises(NotFound) as unknown:
            await engine.control.retry(WS, bad, task_id="z")
        with pytest.raises(NotFound):
            await engine.control.retry("other", bad)
    codes = [one.value.code for one in (succeeded, done, unknown)]
    assert codes == ["conflict.not_failed", "conflict.task_not_failed", "not_found.task"]


async def test_the_same_key_gives_the_same_retry_and_refuses_another_one() -> None:
    far = Far(broken={"b", "d"})
    async with running_engine(tools=far.tools()) as engine:
        first = await begun(engine, *PLAN)
        await ended(engine, first)
        again = [await engine.control.retry(WS, first, idempotency_key="k") for _ in range(2)]
        with pytest.raises(Conflict) as other:
            await engine.control.retry(WS, first, task_id="b", idempotency_key="k")
    assert again[0] == again[1]
    assert other.value.code == "conflict.idempotency_key"


async def test_the_history_of_a_retry_has_no_owner_end_or_stop_of_its_parent() -> None:
    far, journal = Far(hangs="b"), InMemoryJournal(SystemClock())
    async with running_engine(tools=far.tools(), journal=journal) as engine:
        first = await begun(engine, step("a"), step("b", "a", tool="look"))
        await far.began.wait()
        await engine.control.pause(WS, first)
        await engine.runs.cancel(WS, first)
        await ended(engine, first)
        far.hangs = ""
        again = await engine.control.retry(WS, first)
        await ended(engine, again)
        kinds = [event.type for event in await journal.read(again)]
    begins = kinds.index("TaskRetried")
    assert kinds[begins : begins + 2] == ["TaskRetried", "RunClaimed"]
    assert not {"RunClaimed", "RunPaused", "CancelRequested", "RunCancelled"} & {*kinds[:begins]}
    assert kinds.count("RunCreated") == 1


def test_what_the_parent_spent_is_told_and_not_charged() -> None:
    async def life() -> None:
        models = Paid()
        async with paying_engine(models) as engine:
            plan = (task("a"), task("b", "a"))
            first = await engine.runs.create(WS, NewRun(goal="x", plan=plan, budget_micros=WORST + COST - 1))
            failed = await ended(engine, first)
            assert (failed.error_code, failed.cost_micros) == ("budget.exhausted", COST)
            view = await ended(engine, await engine.control.retry(WS, first))
        assert (view.status, view.cost_micros, view.inherited_micros) == (RunStatus.SUCCEEDED, COST, COST)
        assert [one.status for one in view.tasks] == [TaskStatus.SUCCEEDED] * 2
        assert len(models.requests) == 2

    in_virtual_time(life)
