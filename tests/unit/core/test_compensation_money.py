"""Taking back is never a matter of money: where the tool costs nothing there is nothing to set aside for it,
and no cap keeps it from being called. `test_priced_tools` has those that cost."""

from typing import cast

import pytest

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.core import events as ev
from flowmatik.kernel.clock import Clock
from tests.simulation.world import WorldClock
from tests.unit.core.engines import running_engine
from tests.unit.core.paid import CLERK, Paid, in_virtual_time, journal, task
from tests.unit.core.test_compensation import Shop, booking

WS = "default"


@pytest.mark.parametrize("cap", ["run", "task", "shared"])
def test_what_a_run_did_is_taken_back_when_the_money_is_used_up(cap: str) -> None:
    async def main() -> None:
        shop, over = Shop(), journal()
        if cap == "shared":
            await over.set_cap(WS, "workspace", 0)
        plan = (booking("flight"), task("asks", "flight", budget=0 if cap == "task" else None))
        async with running_engine(
            journal=over,
            models=Paid(),
            agents=[CLERK],
            loop=ReducerLoop(),
            tools=shop.tools(),
            clock=cast("Clock", WorldClock()),
        ) as engine:
            budget = 0 if cap == "run" else None
            run_id = await engine.runs.create(WS, NewRun(goal="x", plan=plan, budget_micros=budget))
            view = await engine.runs.wait(WS, run_id)
        assert (view.status, view.error_code) == (RunStatus.FAILED, "budget.exhausted")
        assert shop.done == ["book flight", "unbook flight"]
        asked = [ev.decode(one) for one in await over.read(run_id) if one.type == "CallRequested"]
        assert [one.reserved_micros for one in asked if isinstance(one, ev.CallRequested)] == [0, 0]

    in_virtual_time(main)
