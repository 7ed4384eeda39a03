"""A run takes so many signals, and so much, and no more; one that came before is answered all the same."""

import asyncio

import pytest

from flowmatik.contracts.plans import PlanTask, WaitSpec
from flowmatik.contracts.runs import NewRun
from flowmatik.core import signals
from flowmatik.core.build import EngineHandle
from flowmatik.kernel.errors import Conflict
from tests.unit.core.engines import running_engine

WS = "w"
PLAN = (PlanTask(id="s", objective="", wait=WaitSpec(kind="signal", name="go")),)


async def waiting(engine: EngineHandle) -> str:
    run_id = await engine.runs.create(WS, NewRun(goal="g", plan=PLAN))
    await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    return run_id


@pytest.mark.parametrize(("limit", "most"), [("MAX_SIGNALS", 2), ("MAX_SIGNALS_BYTES", 60)])
async def test_what_is_too_much_is_refused_and_a_repeat_is_not(
    monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    monkeypatch.setattr(signals, limit, most)
    async with running_engine() as engine:
        run_id = await waiting(engine)
        for n in range(2):
            await engine.signals.signal(WS, run_id, "later", n, idempotency_key=f"k{n}")
        with pytest.raises(Conflict) as caught:
            await engine.signals.signal(WS, run_id, "later", 2)
        assert caught.value.code == "conflict.signals_full"
        await engine.signals.signal(WS, run_id, "later", 1, idempotency_key="k1")
        with pytest.raises(Conflict, match="another signal"):
            await engine.signals.signal(WS, run_id, "later", 9, idempotency_key="k1")
        await engine.signals.signal(WS, await waiting(engine), "later", 2)
