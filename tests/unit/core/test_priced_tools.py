"""Tools with a price: set aside before the call, booked after it, and with a step what takes it back."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.models import ModelReply, ModelRequest, ToolCall, Usage
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus, RunView
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core import events as ev
from flowmatik.core.brain.estimates import estimate
from flowmatik.core.build import EngineHandle
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.ledger.reading import RunReading
from flowmatik.core.state import RunState
from flowmatik.kernel.clock import Clock
from flowmatik.testing.models import ScriptedModels
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.simulation.world import WorldClock
from tests.unit.core.engines import running_engine
from tests.unit.core.paid import CLERK, Paid, in_virtual_time, journal, task
from tests.unit.core.test_compensation import Shop, booking, last

WS = "default"
BOOK, UNBOOK, LOOK = 40, 30, 25  # micro-dollars
PRICES = {"book": BOOK, "unbook": UNBOOK, "look": LOOK, "slow": LOOK, "fail": LOOK}


class Agency(Shop):
    """A shop whose tools cost; `slow` answers after an hour, the first time."""

    looked = 0

    async def look(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        self.looked += 1
        return {"seen": self.looked}

    async def slow(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        self.looked += 1
        if self.looked == 1:
            await asyncio.sleep(3600)
        return {"seen": self.looked}

    def priced(self, prices: Mapping[str, int] = PRICES, *, timeout: float = 60) -> FunctionTools:
        tools = {
            "book": FunctionTool(function=self.book, effect=Effect.ONCE),
            "unbook": FunctionTool(function=self.unbook, effect=Effect.ONCE),
            "fail": FunctionTool(function=self.fail),
            "look": FunctionTool(function=self.look),
            "slow": FunctionTool(function=self.slow, timeout=timeout),
        }
        return FunctionTools(
            {name: replace(tool, price_usd=prices.get(name, 0) / 1e6) for name, tool in tools.items()}
        )


class FailsAndHangs(Agency):
    async def fail(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        self.looked += 1
        return await (super().fail if self.looked == 1 else self.hang)(arguments, context)


async def ended(engine: EngineHandle, *plan: PlanTask, **asked: Any) -> RunView:
    """How a run of this plan ends; decided again it ends the same."""
    run_id = await engine.runs.create(WS, NewRun(goal="x", plan=plan, **asked))
    return await looked_at(engine, run_id)


async def looked_at(engine: EngineHandle, run_id: str) -> RunView:
    view = await engine.runs.wait(WS, run_id)
    assert (await engine.runs.replay(WS, run_id)).differences == ()
    return view


def agency(shop: Agency, over: InMemoryJournal | None = None, **more: Any) -> Any:
    known: dict[str, Any] = {"tools": shop.priced(), "models": Paid(), "agents": [CLERK]}
    clock = cast("Clock", WorldClock())
    return running_engine(journal=over or journal(), clock=clock, loop=ReducerLoop(), **{**known, **more})


async def granted(over: InMemoryJournal) -> int:
    (cap,) = await over.caps(WS)
    return cap.granted_micros


def look(name: str = "look", *needs: str, tool: str = "look") -> PlanTask:
    return PlanTask(id=name, objective="", tool=tool, needs=needs)


def test_what_a_tool_costs_is_the_cost_of_the_run() -> None:
    async def main() -> None:
        shop = Agency()
        async with agency(shop) as engine:
            view = await ended(engine, look("a"), look("b", "a"), budget_micros=2 * LOOK)
        assert (view.status, view.cost_micros, shop.looked) == (RunStatus.SUCCEEDED, 2 * LOOK, 2)

    in_virtual_time(main)


@pytest.mark.parametrize("shared", [False, True])
def test_a_call_that_does_not_fit_is_refused_before_anything_happens(*, shared: bool) -> None:
    async def main() -> None:
        shop, over = Agency(), journal()
        if shared:
            await over.set_cap(WS, "workspace", LOOK - 1)
        async with agency(shop, over) as engine:
            view = await ended(engine, look(), budget_micros=None if shared else LOOK - 1)
        assert (view.status, view.error_code, shop.looked) == (RunStatus.FAILED, "budget.exhausted", 0)
        assert view.cost_micros == 0

    in_virtual_time(main)


def test_the_budget_of_a_task_ends_the_task_alone() -> None:
    async def main() -> None:
        shop = Agency()
        dear = replace(look("dear"), budget_micros=LOOK - 1)
        async with agency(shop) as engine:
            view = await ended(engine, dear, look("other"))
        states = {one.id: one.error_code for one in view.tasks}
        assert (states["dear"], states["other"], shop.looked) == ("budget.exhausted", "", 1)

    in_virtual_time(main)


def test_a_definite_failure_costs_nothing_and_a_lost_answer_its_whole_price() -> None:
    async def main() -> None:
        failed, late = Agency(), Agency()
        async with agency(failed) as engine:
            assert (await ended(engine, look(tool="fail"))).cost_micros == 0
        async with agency(late, tools=late.priced(timeout=5)) as engine:
            view = await ended(engine, look(tool="slow"))
        assert (view.status, view.cost_micros) == (RunStatus.FAILED, LOOK)

    in_virtual_time(main)


@pytest.mark.parametrize("shared", [False, True])
def test_what_takes_a_step_back_is_set_aside_with_it_and_nobody_else_gets_it(*, shared: bool) -> None:
    """100 for the model do not fit beside what was booked and what taking it back will cost."""

    async def main() -> None:
        shop, over = Agency(), journal()
        most = BOOK + UNBOOK + 99
        if shared:
            await over.set_cap(WS, "workspace", most)
        async with agency(shop, over) as engine:
            plan = (booking("flight"), task("asks", "flight"))
            view = await ended(engine, *plan, budget_micros=None if shared else most)
        assert (view.status, view.error_code) == (RunStatus.FAILED, "budget.exhausted")
        assert shop.done == ["book flight", "unbook flight"]
        assert view.cost_micros == BOOK + UNBOOK
        if shared:
            assert await granted(over) == BOOK + UNBOOK

    in_virtual_time(main)


@pytest.mark.parametrize("shared", [False, True])
def test_a_step_that_could_not_be_taken_back_is_not_made(*, shared: bool) -> None:
    async def main() -> None:
        shop, over = Agency(), journal()
        if shared:
            await over.set_cap(WS, "workspace", BOOK + UNBOOK - 1)
        async with agency(shop, over) as engine:
            budget = None if shared else BOOK + UNBOOK - 1
            view = await ended(engine, booking("flight"), budget_micros=budget)
        assert (view.error_code, shop.done, view.cost_micros) == ("budget.exhausted", [], 0)

    in_virtual_time(main)


def test_what_was_set_aside_comes_back_when_nothing_is_to_be_taken_back() -> None:
    async def main() -> None:
        shop, over = Agency(), journal()
        await over.set_cap(WS, "workspace", 10_000)
        async with agency(shop, over) as engine:
            view = await ended(engine, booking("flight"), booking("hotel", "flight"))
            assert (view.status, view.cost_micros) == (RunStatus.SUCCEEDED, 2 * BOOK)
        assert await granted(over) == 2 * BOOK

    in_virtual_time(main)


def test_a_step_that_failed_keeps_nothing_aside() -> None:
    async def main() -> None:
        shop = Agency()
        refused = replace(booking("flight"), tool="fail", arguments={})
        async with agency(shop) as engine:
            view = await ended(engine, refused, look(), budget_micros=UNBOOK + LOOK)
        assert {one.id: one.status.value for one in view.tasks} == {"flight": "failed", "look": "succeeded"}

    in_virtual_time(main)


def test_a_run_that_waits_keeps_what_taking_back_costs() -> None:
    """Also for whoever has it next: the first engine is stopped while the run has parked."""

    async def main() -> None:
        shop, over = Agency(), journal()
        await over.set_cap(WS, "workspace", BOOK + UNBOOK)
        plan = (booking("flight"), last("hang", "flight"))
        tools = {
            "tools": FunctionTools(
                {
                    "book": FunctionTool(function=shop.book, effect=Effect.ONCE, price_usd=BOOK / 1e6),
                    "unbook": FunctionTool(function=shop.unbook, effect=Effect.ONCE, price_usd=UNBOOK / 1e6),
                    "hang": FunctionTool(function=shop.hang, timeout=600),
                }
            ),
        }
        async with agency(shop, over, **tools) as engine:
            run_id = await engine.runs.create(WS, NewRun(goal="x", plan=plan))
            await shop.began.wait()
        assert await granted(over) == BOOK + UNBOOK
        async with agency(shop, over, **tools) as engine:
            await engine.runs.cancel(WS, run_id, reason="enough")
            view = await looked_at(engine, run_id)
        assert (view.status, view.cost_micros) == (RunStatus.CANCELLED, BOOK + UNBOOK)
        assert await granted(over) == BOOK + UNBOOK

    in_virtual_time(main)


def test_a_read_that_costs_is_called_again_as_another_call_when_its_process_ended() -> None:
    async def main() -> None:
        shop, over = Agency(), journal()
        tools = shop.priced(timeout=7200)
        async with agency(shop, over, tools=tools) as engine:
            run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(look(tool="slow"),)))
            await asyncio.sleep(5)
        async with agency(shop, over, tools=tools) as engine:
            view = await looked_at(engine, run_id)
        assert (view.status, shop.looked, view.cost_micros) == (RunStatus.SUCCEEDED, 2, 2 * LOOK)

    in_virtual_time(main)


def test_a_retry_without_the_money_says_that_it_could_not_take_back() -> None:
    """Its step is the parent's: nothing is set aside for it, and the caps have the last word."""

    async def main() -> None:
        shop, over = FailsAndHangs(), journal()
        plan = (booking("flight", when=("cancel",)), look("fails", "flight", tool="fail"))
        async with agency(shop, over) as engine:
            first = await engine.runs.create(WS, NewRun(goal="x", plan=plan))
            assert (await looked_at(engine, first)).cost_micros == BOOK
            await over.set_cap(WS, "workspace", LOOK)
            await asyncio.sleep(2)  # until the cap is known
            again = await engine.control.retry(WS, first)
            await shop.began.wait()
            await engine.runs.cancel(WS, again)
            view = await looked_at(engine, again)
        [undone] = view.compensations
        assert (undone.status, undone.error_code) == ("failed", "budget.exhausted")
        assert (view.status, shop.done) == (RunStatus.CANCELLED, ["book flight"])

    in_virtual_time(main)


def test_a_call_that_stays_in_doubt_counts_as_made_and_the_ledger_says_so() -> None:
    async def main() -> None:
        shop, over = Agency(), journal()
        await over.set_cap(WS, "workspace", 10_000)
        tools = {
            "book": FunctionTool(function=shop.hang, effect=Effect.ONCE, timeout=5, price_usd=BOOK / 1e6),
            "unbook": FunctionTool(function=shop.unbook, effect=Effect.ONCE, price_usd=UNBOOK / 1e6),
        }
        async with agency(shop, over, tools=FunctionTools(tools)) as engine:
            run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(booking("flight"),)))
            await shop.began.wait()
            await engine.runs.cancel(WS, run_id)
            view = await looked_at(engine, run_id)
        assert (view.status, len(view.in_doubt), view.cost_micros) == (RunStatus.CANCELLED, 1, BOOK)
        assert await granted(over) == BOOK
        reading = RunReading(WS, run_id)
        reading.read(await over.read(run_id))
        assert [(one.kind, one.spent_micros) for one in reading.rows] == [
            ("reserved", 0),
            ("worst_case", BOOK),
        ]
        assert reading.open_micros == 0

    in_virtual_time(main)


def test_an_agent_pays_for_its_tools_from_its_own_budget() -> None:
    class Wishing(ScriptedModels):
        def __init__(self) -> None:
            super().__init__(self._answer, model="free/model")

        def worst_case_micros(self, request: ModelRequest) -> int | None:
            return 0

        async def _answer(self, request: ModelRequest) -> ModelReply:
            usage = Usage(input_tokens=1, output_tokens=1)
            calls = (ToolCall(id="", name="look", arguments={}),)
            return ModelReply(text="", tool_calls=calls, usage=usage, cost_micros=0)

    async def main() -> None:
        shop = Agency()
        scout = AgentVersion(
            name="scout",
            version="0" * 12,
            role="scout",
            summary="",
            instructions="Look.",
            tools=("look",),
            max_turns=9,
            budget_micros=3 * LOOK,
        )
        async with agency(shop, agents=[scout], models=Wishing()) as engine:
            view = await ended(engine, task("t", agent="scout"))
        assert (view.tasks[0].error_code, shop.looked) == ("budget.exhausted", 3)
        assert view.cost_micros == 3 * LOOK

    in_virtual_time(main)


def test_the_ledger_has_what_tools_cost() -> None:
    async def main() -> None:
        shop, over = Agency(), journal()
        async with agency(shop, over) as engine:
            run_id = await engine.runs.create(
                WS, NewRun(goal="x", plan=(booking("flight"), look("fails", "flight", tool="fail")))
            )
            assert (await looked_at(engine, run_id)).cost_micros == BOOK + UNBOOK
        reading = RunReading(WS, run_id)
        reading.read(await over.read(run_id))
        ended = [one for one in reading.rows if one.kind != "reserved"]
        spent = {(one.model, one.purpose): (one.kind, one.spent_micros) for one in ended}
        assert spent == {
            ("book", "step"): ("settled", BOOK),
            ("fail", "step"): ("released", 0),
            ("unbook", "compensate"): ("settled", UNBOOK),
        }
        assert reading.open_micros == 0

    in_virtual_time(main)


def test_a_plan_of_tools_that_cost_more_than_the_budget_is_told_so_before_it_begins() -> None:
    tools = {
        "book": ev.PinnedTool(effect=Effect.ONCE, timeout=5.0, price_micros=BOOK),
        "unbook": ev.PinnedTool(effect=Effect.ONCE, timeout=5.0, price_micros=UNBOOK),
    }
    created = ev.RunCreated(
        run_id="run_1",
        workspace_id=WS,
        goal="x",
        created_at="2026-01-01T00:00:00+00:00",
        model="m",
        tools=tools,
    )
    found = estimate(RunState(created=created), [booking("a"), booking("b", "a")])
    assert (found.least_micros, found.most_micros) == (2 * BOOK, 2 * (BOOK + UNBOOK))


@pytest.mark.parametrize("cap", ["shared", "own"])
def test_a_run_does_not_wait_for_what_it_has_set_aside_for_a_call_of_its_own_in_doubt(cap: str) -> None:
    class Breaks(Agency):
        async def book(self, arguments: dict[str, Any], context: ToolContext) -> Any:
            await asyncio.sleep(1)
            raise ConnectionResetError("the reply was lost")

    async def main() -> None:
        over, shop, most = journal(), Breaks(), BOOK + LOOK - 5
        if cap == "shared":
            await over.set_cap(WS, "workspace", most)
        async with agency(shop, over) as engine:
            plan, budget = (
                (replace(booking("car"), compensation=None), look()),
                most if cap == "own" else None,
            )
            view = await ended(engine, *plan, budget_micros=budget)
            assert [one.tool for one in view.in_doubt] == ["book"]
            assert asyncio.get_running_loop().time() < 10
        assert shop.looked == 0

    in_virtual_time(main)
