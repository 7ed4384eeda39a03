"""What sub-runs may spend, and who pays."""

import asyncio
from typing import cast

import pytest

from flowmatik.contracts.plans import MapSpec, PlanTask, SubRunSpec
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.core.engine.inputs import HARD_CANCEL
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock
from tests.simulation.world import WorldClock
from tests.unit.core.paid import COST, WORST, Paid, ended, in_virtual_time, journal, paying_engine, task

WS = "default"
ASKS = (task("q"),)


def sub(name: str, *needs: str, budget: int | None = None, cap: int | None = None) -> PlanTask:
    run = SubRunSpec(goal=name, plan=ASKS, budget_micros=budget)
    return PlanTask(id=name, objective="", run=run, needs=needs, budget_micros=cap)


def mapped(count: int, *, budget: int | None = None, concurrency: int = 20) -> PlanTask:
    run = SubRunSpec(goal="item {item}", plan=ASKS, budget_micros=budget)
    spec = MapSpec(items=list(range(count)), run=run, concurrency=concurrency, on_failure="continue")
    return PlanTask(id="m", objective="", map=spec)


def test_a_run_costs_what_the_runs_within_it_cost() -> None:
    async def main() -> None:
        nested = PlanTask(id="n", objective="", run=SubRunSpec(goal="n", plan=(sub("inner"), task("q"))))
        async with paying_engine(Paid()) as engine:
            view = await ended(engine, [nested, task("own")])
        assert view.cost_micros == 3 * COST

    in_virtual_time(main)


@pytest.mark.parametrize("budget", [0, 60, 100, 160, 250, 430])
def test_sub_runs_never_spend_more_together_than_their_parent_may(budget: int) -> None:
    async def main() -> None:
        async with paying_engine(Paid()) as engine:
            view = await ended(engine, [mapped(6, budget=WORST), task("own")], budget=budget)
            runs = (await engine.runs.list(WS, limit=100)).items
        assert view.cost_micros is not None
        assert view.cost_micros <= budget
        below = sum(run.cost_micros or 0 for run in runs if run.id != view.id)
        assert below <= view.cost_micros

    in_virtual_time(main)


def test_a_sub_run_waits_for_money_that_another_one_may_leave_over() -> None:
    async def main() -> None:
        async with paying_engine(Paid()) as engine:
            view = await ended(engine, [mapped(3, budget=WORST)], budget=2 * COST + WORST)
        assert view.tasks[0].output["succeeded"] == 3
        assert view.cost_micros == 3 * COST

    in_virtual_time(main)


def test_what_is_left_is_parted_among_the_items_that_may_run_at_once() -> None:
    async def main() -> None:
        async with paying_engine(Paid()) as engine:
            view = await ended(engine, [mapped(4, concurrency=2)], budget=4 * WORST)
        assert view.tasks[0].output["succeeded"] == 4

    in_virtual_time(main)


def test_the_cap_of_a_task_bounds_the_run_that_it_is() -> None:
    async def main() -> None:
        async with paying_engine(Paid()) as engine:
            view = await ended(engine, [sub("a", cap=WORST - 1), task("own")], budget=1000)
        assert (view.tasks[0].error_code, view.cost_micros) == ("budget.exhausted", COST)

    in_virtual_time(main)


def test_a_call_of_the_parent_waits_for_what_its_sub_run_may_leave_over() -> None:
    async def main() -> None:
        async with paying_engine(Paid(seconds=2.0)) as engine:
            view = await ended(engine, [sub("a", budget=WORST), task("own")], budget=COST + WORST)
        assert (view.status, view.cost_micros) == (RunStatus.SUCCEEDED, 2 * COST)

    in_virtual_time(main)


def test_a_cap_that_runs_share_counts_the_calls_of_sub_runs_once() -> None:
    async def main() -> None:
        kept = journal()
        await kept.set_cap(WS, "workspace", 10_000)
        async with paying_engine(Paid(), over=kept) as engine:
            await ended(engine, [mapped(3), task("own")])
        (cap,) = await kept.caps(WS)
        assert cap.granted_micros == 4 * COST

    in_virtual_time(main)


def test_a_run_that_is_cancelled_hard_shows_what_its_children_spent_until_they_ended() -> None:
    async def main() -> None:
        over = journal()
        async with paying_engine(Paid(seconds=10), over=over) as engine:
            nested = PlanTask(id="n", objective="", run=SubRunSpec(goal="n", plan=(sub("inner"), task("q"))))
            run_id = await engine.runs.create(WS, NewRun(goal="x", plan=(nested, task("own"))))
            await asyncio.sleep(5)
            assert len((await engine.runs.list(WS)).items) == 3
            await engine.control.cancel_hard(WS, run_id)
            await asyncio.sleep(60)
            view = await engine.runs.get(WS, run_id)
            assert view.cost_micros == WORST + 2 * COST, "its own call was cut off; the others were answered"
            listed = next(one for one in (await engine.runs.list(WS)).items if one.id == run_id)
            assert listed.cost_micros == view.cost_micros

    in_virtual_time(main)


class Interrupted(InMemoryJournal):
    """Somebody ends the parent at once just before its child tells it."""

    async def report(self, run_id: str, input_id: str, payload: str, *, cost_micros: int) -> str:
        body = canonical.dumps({"reason": "", "hard": True})
        await self.post(self._run(run_id).parent, HARD_CANCEL, "cancel", body)
        return await super().report(run_id, input_id, payload, cost_micros=cost_micros)


def test_what_a_child_told_when_its_parent_was_cancelled_hard_is_not_lost() -> None:
    async def main() -> None:
        over = Interrupted(cast("Clock", WorldClock()))
        async with paying_engine(Paid(), over=over) as engine:
            view = await ended(engine, [sub("s")])
            assert (view.status, view.cost_micros) == (RunStatus.CANCELLED, COST)

    in_virtual_time(main)
