"""Runs that wait for money: as long as calls under way may leave some over, cheaply, and no longer."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import pytest

from flowmatik.contracts.runs import NewRun, RunStatus, RunView
from flowmatik.core.build import EngineHandle
from flowmatik.core.engine.requests import MODEL_CALL_SECONDS
from flowmatik.core.engine.turns import LAPSE_SECONDS, LONG_SECONDS, Turns
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import CapUse
from flowmatik.kernel.clock import Clock
from tests.simulation.lines import WorldClock
from tests.unit.core.paid import (
    CLERK,
    COST,
    MODEL,
    WORST,
    WS,
    Paid,
    ended,
    granted,
    in_virtual_time,
    now,
    paying_engine,
    task,
)

BIG = replace(CLERK, name="big", role="big", model="big/model")
SMALL = replace(CLERK, name="small", role="small", model="small/model")
WORTH = {MODEL: WORST, "big/model": WORST, "small/model": WORST // 2}


class Counting(InMemoryJournal):
    """How often its caps were asked and drawn on."""

    def __init__(self) -> None:
        super().__init__(cast("Clock", WorldClock()))
        self.times: Counter[str] = Counter()

    async def cap_uses(self, workspace_id: str, run_id: str) -> list[CapUse]:
        self.times["looked"] += 1
        return await super().cap_uses(workspace_id, run_id)

    async def allot(self, workspace_id: str, run_id: str, n: int, amounts: Mapping[str, int]) -> bool:
        self.times["drew"] += 1
        return await super().allot(workspace_id, run_id, n, amounts)


async def capped(limit: int) -> Counting:
    over = Counting()
    await over.set_cap(WS, "workspace", limit)
    return over


async def asked(engine: EngineHandle, agent: str = "clerk", deadline: float | None = None) -> str:
    return await engine.runs.create(WS, NewRun(goal="x", agent=agent, deadline_seconds=deadline))


async def last_of(engine: EngineHandle, *run_ids: str) -> list[RunView]:
    views = [await engine.runs.wait(WS, run_id) for run_id in run_ids]
    for run_id in run_ids:
        assert (await engine.runs.replay(WS, run_id)).differences == ()
    return views


async def _held_by_a_run_that_hangs(over: InMemoryJournal, micros: int) -> None:
    """It is nobody's here, so nobody ever settles it."""
    assert await over.allot(WS, "run_elsewhere", 1, {"workspace": micros})


# --- as long as money may come back -----------------------------------------------------------


def test_a_run_waits_for_what_the_long_call_of_another_leaves_over() -> None:
    async def main() -> None:
        over = await capped(170)
        async with paying_engine(Paid(seconds=300), over=over) as engine:
            views = await last_of(engine, await asked(engine), await asked(engine))
            assert [view.status for view in views] == [RunStatus.SUCCEEDED] * 2
            assert now() < 605, "it began as soon as the other one was done"
        assert await granted(over) == 2 * COST

    in_virtual_time(main)


@pytest.mark.parametrize(("limit", "calls"), [(290, 3), (220, 3), (219, 2), (100, 1)])
def test_a_run_waits_under_a_shared_cap_for_its_own_calls_too(limit: int, calls: int) -> None:
    async def main() -> None:
        over, models = await capped(limit), Paid()
        async with paying_engine(models, over=over) as engine:
            view = await ended(engine, [task("a"), task("b"), task("c")])
            assert now() < 10
        assert len(models.requests) == calls
        assert view.error_code == ("" if calls == 3 else "budget.exhausted")
        assert await granted(over) == calls * COST

    in_virtual_time(main)


def test_runs_wait_for_longer_than_one_call_while_others_come_and_go() -> None:
    async def main() -> None:
        over = await capped(WORST)
        async with paying_engine(Paid(cost=0, seconds=250), over=over) as engine:
            made = [await asked(engine) for _ in range(4)]
            views = await last_of(engine, *made)
            assert [view.status for view in views] == [RunStatus.SUCCEEDED] * 4
            assert MODEL_CALL_SECONDS < now() < 4 * 250 + 10

    in_virtual_time(main)


# --- and no longer ----------------------------------------------------------------------------


def test_a_run_is_refused_at_once_when_what_others_have_under_way_could_not_help() -> None:
    async def main() -> None:
        over = await capped(COST + WORST + 20)
        async with paying_engine(Paid(), over=over) as engine:
            await last_of(engine, await asked(engine))
            await last_of(engine, await asked(engine))
            await _held_by_a_run_that_hangs(over, 10)
            began = now()
            (view,) = await last_of(engine, await asked(engine))
            assert view.error_code == "budget.exhausted"
            assert now() - began < 1

    in_virtual_time(main)


@pytest.mark.parametrize("cost", [COST, WORST], ids=["with something to give back", "with nothing left over"])
def test_runs_under_way_do_not_wait_for_what_each_of_them_has_spent(cost: int) -> None:
    async def main() -> None:
        over = await capped(2 * WORST)
        async with paying_engine(Paid(cost=cost, seconds=2), over=over) as engine:
            plan = (task("a"), task("b", "a"))
            made = [await engine.runs.create(WS, NewRun(goal="x", plan=plan)) for _ in range(2)]
            views = await last_of(engine, *made)
            assert {view.error_code for view in views} == {"budget.exhausted"}
            assert now() < 20

    in_virtual_time(main)


def test_a_holder_that_hangs_keeps_others_waiting_for_as_long_as_a_call_may_take() -> None:
    async def main() -> None:
        over = await capped(WORST)
        await _held_by_a_run_that_hangs(over, 10)
        async with paying_engine(Paid(), over=over) as engine:
            (view,) = await last_of(engine, await asked(engine))
            assert view.error_code == "budget.exhausted"
            assert MODEL_CALL_SECONDS < now() < MODEL_CALL_SECONDS + 10
            (event,) = [e.data async for e in engine.runs.events(WS, view.id) if "Refused" in e.type]
            assert event["values"]["caps"] == "workspace"
        assert over.times["looked"] < MODEL_CALL_SECONDS, "it looks less and less often"
        assert over.times["drew"] == 2, "the one that hangs, and one try"

    in_virtual_time(main)


def test_a_run_that_waits_for_money_ends_by_its_deadline() -> None:
    async def main() -> None:
        over = await capped(WORST)
        await _held_by_a_run_that_hangs(over, 10)
        async with paying_engine(Paid(), over=over) as engine:
            (view,) = await last_of(engine, await asked(engine, deadline=30))
            assert view.error_code == "run.deadline"
            assert 29 < now() < 31

    in_virtual_time(main)


def test_a_run_that_waits_for_money_is_cancelled_at_once() -> None:
    async def main() -> None:
        over = await capped(WORST)
        await _held_by_a_run_that_hangs(over, 10)
        async with paying_engine(Paid(), over=over) as engine:
            run_id = await asked(engine)
            await asyncio.sleep(60)
            before = await over.read(run_id)
            assert [event.type for event in before][-1] == "TaskRouted", "waiting leaves nothing behind"
            await engine.runs.cancel(WS, run_id)
            (view,) = await last_of(engine, run_id)
            assert view.status is RunStatus.CANCELLED
            assert now() < 60.5

    in_virtual_time(main)


def test_a_run_that_waits_for_money_does_not_hold_up_a_stop_and_goes_on_elsewhere() -> None:
    async def main() -> None:
        over = await capped(WORST)
        await _held_by_a_run_that_hangs(over, 10)
        async with paying_engine(Paid(), over=over) as engine:
            run_id = await asked(engine)
            await asyncio.sleep(60)
        assert now() < 60.5
        await over.set_cap(WS, "workspace", WORST + 10)
        async with paying_engine(Paid(), over=over) as engine:
            (view,) = await last_of(engine, run_id)
            assert view.status is RunStatus.SUCCEEDED
            assert now() < 65

    in_virtual_time(main)


# --- turns ------------------------------------------------------------------------------------


def test_small_calls_of_others_do_not_keep_a_great_one_waiting_for_ever() -> None:
    async def main() -> None:
        over = await capped(WORST)
        async with paying_engine(Paid(cost=0, seconds=3, worst=WORTH), BIG, SMALL, over=over) as engine:
            made = [await asked(engine, "small")]
            great = await asked(engine, "big")
            for _ in range(60):
                await asyncio.sleep(1)
                made.append(await asked(engine, "small"))
            assert (await engine.runs.get(WS, great)).status is RunStatus.SUCCEEDED
            views = await last_of(engine, great, *made)
            assert {view.status for view in views} == {RunStatus.SUCCEEDED}, "nor is anybody else refused"

    in_virtual_time(main)


def test_who_no_longer_asks_is_not_waited_for() -> None:
    async def main() -> None:
        turns = Turns(cast("Clock", WorldClock()))
        turns.waits(WS, "run_1", {"workspace"})
        assert not turns.others_first(WS, "run_2", {"workspace"}), "it has not waited long"
        for _ in range(int(LONG_SECONDS)):
            await asyncio.sleep(1)
            turns.waits(WS, "run_1", {"workspace"})
        turns.waits(WS, "run_2", {"workspace"})
        assert turns.others_first(WS, "run_2", {"workspace", "agent:clerk"})
        assert not turns.others_first(WS, "run_1", {"workspace"})
        assert not turns.others_first(WS, "run_2", {"agent:clerk"}), "it has no need of that cap"
        assert not turns.others_first("elsewhere", "run_2", {"workspace"})
        await asyncio.sleep(LAPSE_SECONDS + 1)
        assert not turns.others_first(WS, "run_2", {"workspace"})

    in_virtual_time(main)
