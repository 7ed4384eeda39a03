"""What a run did is taken back before it ends: the last step first, each once, whatever happens meanwhile."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from flowmatik.contracts.plans import Compensation, PlanTask
from flowmatik.contracts.runs import CompensationView, NewRun, RunStatus, RunView
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core.build import EngineHandle
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import PlanInvalid, ToolError
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import eventually, running_engine

WS = "default"


@dataclass
class Shop:
    """`done` is what really happened; an undoing of what `stuck` names waits until it is let go."""

    done: list[str] = field(default_factory=lambda: [])
    arguments: list[dict[str, Any]] = field(default_factory=lambda: [])
    stuck: str = ""
    refuses: str = ""
    began: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def book(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        self.done.append(f"book {arguments['what']}")
        return {"id": {"of": arguments["what"]}, "price": 3}

    async def unbook(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        what = str(arguments["what"])
        self.arguments.append(arguments)
        if what == self.refuses:
            raise ToolError("it cannot be taken back")
        if what == self.stuck:
            self.began.set()
            await self.go.wait()
        self.done.append(f"unbook {what}")
        return {}

    async def fail(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        raise ToolError("no")

    async def hang(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        self.began.set()
        await self.go.wait()
        return {}

    def tools(self, *, undo: Effect = Effect.ONCE, timeout: float = 60) -> FunctionTools:
        return FunctionTools(
            {
                "book": FunctionTool(function=self.book, effect=Effect.ONCE),
                "unbook": FunctionTool(function=self.unbook, effect=undo, timeout=timeout),
                "fail": FunctionTool(function=self.fail),
                "hang": FunctionTool(function=self.hang, timeout=60),
            }
        )


def booking(name: str, *needs: str, **more: Any) -> PlanTask:
    undo = Compensation(tool="unbook", arguments={"what": {"$result": "id.of"}}, **more)
    return PlanTask(
        id=name, objective="", tool="book", arguments={"what": name}, needs=needs, compensation=undo
    )


def last(tool: str, *needs: str) -> PlanTask:
    return PlanTask(id="last", objective="", tool=tool, needs=needs)


TRIP = (booking("flight"), booking("hotel", "flight"), booking("car", "hotel"))
BOOKED = ["book flight", "book hotel", "book car"]
UNDONE = ["unbook car", "unbook hotel", "unbook flight"]


async def ended(engine: EngineHandle, run_id: str) -> RunView:
    view = await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    assert (await engine.runs.replay(WS, run_id)).differences == ()
    return view


async def run_of(shop: Shop, *plan: PlanTask, **asked: Any) -> RunView:
    async with running_engine(tools=shop.tools()) as engine:
        return await ended(engine, await engine.runs.create(WS, NewRun(goal="x", plan=plan, **asked)))


def states(view: RunView) -> list[tuple[str, str]]:
    return [(one.task_id, one.status) for one in view.compensations]


async def test_a_run_that_fails_takes_back_what_it_did_the_last_first() -> None:
    shop = Shop()
    view = await run_of(shop, *TRIP, last("fail", "car"))
    assert (view.status, view.error_code) == (RunStatus.FAILED, "tool.failed")
    assert shop.done == BOOKED + UNDONE
    assert states(view) == [("car", "succeeded"), ("hotel", "succeeded"), ("flight", "succeeded")]
    assert view.cost_micros == 0


async def test_a_run_that_succeeds_takes_nothing_back() -> None:
    shop = Shop()
    view = await run_of(shop, *TRIP)
    assert (view.status, shop.done, view.compensations) == (RunStatus.SUCCEEDED, BOOKED, ())


async def cancelled(shop: Shop, plan: tuple[PlanTask, ...]) -> RunView:
    async with running_engine(tools=shop.tools()) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=plan))
        await shop.began.wait()
        await engine.runs.cancel(WS, run_id, reason="enough")
        return await ended(engine, run_id)


async def test_a_cancelled_run_takes_back_what_it_did_and_nothing_else() -> None:
    shop = Shop()
    view = await cancelled(shop, (*TRIP[:2], last("hang", "hotel"), booking("never", "last")))
    assert (view.status, view.error) == (RunStatus.CANCELLED, "enough")
    assert shop.done == ["book flight", "book hotel", "unbook hotel", "unbook flight"]


async def test_a_run_past_its_deadline_takes_back_what_it_did() -> None:
    shop = Shop()
    view = await run_of(shop, TRIP[0], last("hang", "flight"), deadline_seconds=0.3)
    assert (view.status, view.error_code) == (RunStatus.FAILED, "run.deadline")
    assert shop.done == ["book flight", "unbook flight"]


@pytest.mark.parametrize(("when", "undone"), [(("cancel",), False), (("failure",), True)])
async def test_a_compensation_applies_only_when_its_plan_says(when: tuple[str, ...], undone: bool) -> None:
    failed, stopped = Shop(), Shop()
    await run_of(failed, booking("flight", when=when), last("fail", "flight"))
    await cancelled(stopped, (booking("flight", when=when), last("hang", "flight")))
    assert ("unbook flight" in failed.done, "unbook flight" in stopped.done) == (undone, not undone)


async def test_one_that_fails_is_shown_and_the_others_still_run() -> None:
    shop = Shop(refuses="hotel")
    view = await run_of(shop, *TRIP, last("fail", "car"))
    assert states(view) == [("car", "succeeded"), ("hotel", "failed"), ("flight", "succeeded")]
    assert view.compensations[1].error == "it cannot be taken back"
    assert shop.done == [*BOOKED, "unbook car", "unbook flight"]


async def test_one_that_is_in_doubt_is_shown_and_the_others_still_run() -> None:
    shop = Shop(stuck="hotel")
    async with running_engine(tools=shop.tools(timeout=0.05)) as engine:
        plan = (*TRIP, last("fail", "car"))
        view = await ended(engine, await engine.runs.create(WS, NewRun(goal="x", plan=plan)))
    assert states(view) == [("car", "succeeded"), ("hotel", "in_doubt"), ("flight", "succeeded")]
    assert view.status is RunStatus.FAILED
    assert [call.arguments for call in view.in_doubt] == [{"what": "hotel"}]


async def test_arguments_refer_to_the_result_of_the_step_and_are_not_evaluated() -> None:
    shop = Shop()
    arguments = {"what": {"$result": "id.of"}, "all": {"$result": ""}, "price": {"$result": "price"}}
    other = {"text": "{$result}", "list": [1, "a.b"]}
    undo = Compensation(tool="unbook", arguments=arguments | other)
    step = PlanTask(id="s", objective="", tool="book", arguments={"what": "s"}, compensation=undo)
    await run_of(shop, step, last("fail", "s"))
    result = {"id": {"of": "s"}, "price": 3}
    assert shop.arguments == [{"what": "s", "all": result, "price": 3, **other}]


async def test_a_compensation_that_refers_to_what_the_step_did_not_return_is_not_called() -> None:
    shop = Shop()
    undo = Compensation(tool="unbook", arguments={"what": {"$result": "id.none"}})
    step = PlanTask(id="s", objective="", tool="book", arguments={"what": "s"}, compensation=undo)
    view = await run_of(shop, TRIP[0], step, last("fail", "s", "flight"))
    found = {one.task_id: one for one in view.compensations}
    assert (found["s"].status, found["s"].error_code) == ("failed", "task.compensation.result")
    assert found["flight"].status == "succeeded"


@pytest.mark.parametrize(
    ("task", "code"),
    [
        (PlanTask(id="s", objective="o", skill="x", compensation=Compensation(tool="unbook")), "undo.step"),
        (PlanTask(id="s", objective="", tool="book", compensation=Compensation(tool="none")), "undo.tool"),
        (booking("s", when=("success",)), "undo.when"),
        (booking("s", when=()), "undo.when"),
    ],
)
async def test_a_compensation_that_cannot_run_is_no_plan(task: PlanTask, code: str) -> None:
    assert f"plan.{code}" in await faults(task)


@pytest.mark.parametrize(
    "given", [{"$result": "a..b"}, {"$result": 3}, {"$result": "a", "x": 1}, {"deep": [{"$result": "a"}]}]
)
async def test_a_reference_that_refers_to_nothing_is_no_plan(given: Any) -> None:
    undo = Compensation(tool="unbook", arguments={"what": given})
    task = PlanTask(id="s", objective="", tool="book", compensation=undo)
    assert await faults(task) == ["plan.undo.result"]


async def faults(task: PlanTask) -> list[str]:
    async with running_engine(tools=Shop().tools()) as engine:
        with pytest.raises(PlanInvalid) as refused:
            await engine.runs.create(WS, NewRun(goal="x", plan=(task,)))
    details: Any = refused.value.context["details"]
    return [detail["code"] for detail in details]


async def test_a_cancel_and_a_deadline_meanwhile_change_nothing() -> None:
    shop = Shop(stuck="hotel")
    async with running_engine(tools=shop.tools(undo=Effect.READ)) as engine:
        plan = (*TRIP, last("fail", "car"))
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=plan, deadline_seconds=0.4))
        await shop.began.wait()
        await engine.runs.cancel(WS, run_id)
        await asyncio.sleep(0.5)
        await engine.control.pause(WS, run_id)
        await asyncio.sleep(0.05)
        shop.go.set()
        view = await ended(engine, run_id)
    assert (view.status, view.error_code) == (RunStatus.FAILED, "tool.failed")
    assert shop.done == BOOKED + UNDONE


async def test_a_hard_cancel_stops_what_is_taken_back() -> None:
    shop = Shop(stuck="hotel")
    async with running_engine(tools=shop.tools()) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(*TRIP, last("fail", "car"))))
        await shop.began.wait()
        await engine.control.cancel_hard(WS, run_id)
        view = await ended(engine, run_id)
        shop.go.set()
    assert view.status is RunStatus.CANCELLED
    assert states(view) == [("car", "succeeded"), ("hotel", "in_doubt"), ("flight", "pending")]


@pytest.mark.parametrize("end", ["fail", "hang"], ids=["after a failure", "after a cancel"])
@pytest.mark.parametrize("undo", [Effect.IDEMPOTENT, Effect.READ])
async def test_an_engine_that_is_killed_in_the_middle_leaves_it_to_the_next_one(
    end: str, undo: Effect
) -> None:
    shop, journal = Shop(stuck="hotel"), InMemoryJournal(SystemClock())
    async with running_engine(tools=shop.tools(undo=undo), journal=journal) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(*TRIP, last(end, "car"))))
        await shop.began.wait()
        if end == "hang":
            shop.began.clear()
            await engine.runs.cancel(WS, run_id)
            await shop.began.wait()
    assert shop.done == [*BOOKED, "unbook car"]
    shop.go.set()
    async with running_engine(tools=shop.tools(undo=undo), journal=journal) as engine:
        view = await ended(engine, run_id)
    assert view.status is (RunStatus.FAILED if end == "fail" else RunStatus.CANCELLED)
    assert shop.done == BOOKED + UNDONE
    keys = [event.payload for event in await journal.read(run_id) if '"compensate"' in event.payload]
    assert len(keys) == len(TRIP)


async def test_an_effect_that_a_cancel_waits_for_is_taken_back_too() -> None:
    shop = Shop()

    async def slow(arguments: dict[str, Any], context: ToolContext) -> Any:
        shop.began.set()
        await shop.go.wait()
        return await shop.book(arguments, context)

    tools = FunctionTools(
        {
            "book": FunctionTool(function=slow, effect=Effect.ONCE, timeout=60),
            "unbook": FunctionTool(function=shop.unbook, effect=Effect.ONCE),
        }
    )
    async with running_engine(tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=TRIP[:1]))
        await shop.began.wait()
        await engine.runs.cancel(WS, run_id)
        await asyncio.sleep(0.05)
        shop.go.set()
        view = await ended(engine, run_id)
    assert (view.status, shop.done) == (RunStatus.CANCELLED, ["book flight", "unbook flight"])
    assert view.compensations == (CompensationView(task_id="flight", tool="unbook", status="succeeded"),)


async def test_a_step_that_is_in_doubt_when_its_run_is_cancelled_is_not_taken_back() -> None:
    shop = Shop()
    journal = InMemoryJournal(SystemClock())

    async def vanish(arguments: dict[str, Any], context: ToolContext) -> Any:
        raise ConnectionResetError("the line was cut")

    tools = FunctionTools(
        {
            "book": FunctionTool(function=vanish, effect=Effect.ONCE),
            "unbook": FunctionTool(function=shop.unbook, effect=Effect.ONCE),
        }
    )
    async with running_engine(tools=tools, journal=journal) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=TRIP[:1]))

        async def in_doubt() -> bool:
            return (await journal.head(WS, run_id)).status == "in_doubt"

        await eventually(in_doubt)
        await engine.runs.cancel(WS, run_id)
        view = await ended(engine, run_id)
    assert (view.status, shop.done, len(view.in_doubt)) == (RunStatus.CANCELLED, [], 1)


async def test_a_step_found_to_have_been_done_while_others_are_taken_back_is_taken_back_too() -> None:
    shop = Shop(stuck="flight")

    async def vanish(arguments: dict[str, Any], context: ToolContext) -> Any:
        raise ConnectionResetError("the line was cut")

    tools = FunctionTools(
        {
            "book": FunctionTool(function=shop.book, effect=Effect.ONCE),
            "order": FunctionTool(function=vanish, effect=Effect.ONCE),
            "unbook": FunctionTool(function=shop.unbook, effect=Effect.READ),
        }
    )
    undo = Compensation(tool="unbook", arguments={"what": "hotel"})
    hotel = PlanTask(id="hotel", objective="", tool="order", needs=("flight",), compensation=undo)
    async with running_engine(tools=tools) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(TRIP[0], hotel)))
        [doubt] = (await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)).in_doubt
        await engine.runs.cancel(WS, run_id)
        await shop.began.wait()
        await engine.runs.resume(WS, run_id, resolutions={doubt.call_id: "done"})
        await asyncio.sleep(0.05)
        shop.go.set()
        view = await ended(engine, run_id)
    assert states(view) == [("flight", "succeeded"), ("hotel", "succeeded")]
    assert shop.done == ["book flight", "unbook flight", "unbook hotel"]
