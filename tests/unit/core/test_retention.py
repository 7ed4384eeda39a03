"""The sweep of a whole engine, and what callers may ask of retention."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core.build import EngineHandle
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import Creation, NewEvent
from flowmatik.core.retention import RetentionSweeper
from flowmatik.kernel.errors import Conflict, Gone, InvalidInput, NotFound
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import running_engine

WS = "default"
PLAN = (PlanTask(id="s", objective="", tool="echo", arguments={}),)


class Calendar:
    """Real seconds for waits, any day for the date."""

    def __init__(self) -> None:
        self.days = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=self.days)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def finished(engine: EngineHandle, key: str = "") -> str:
    run_id = await engine.runs.create(WS, NewRun(goal="g", plan=PLAN, idempotency_key=key))
    await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    await engine.bus.drain()
    return run_id


def sweeper(journal: InMemoryJournal, clock: Calendar, days: int = 30) -> RetentionSweeper:
    return RetentionSweeper(journal, clock, runs_days=days)


async def test_ended_runs_are_deleted_when_their_time_is_over_and_no_sooner() -> None:
    clock = Calendar()
    journal = InMemoryJournal(clock)
    async with running_engine(journal=journal, clock=clock) as engine:
        old = await finished(engine)
        clock.days = 20
        young = await finished(engine)
        assert await sweeper(journal, clock).sweep() == 0
        clock.days = 30.5
        assert await sweeper(journal, clock, 0).sweep() == 0, "0 is for ever"
        assert await sweeper(journal, clock).sweep() == 1
        for ask in (engine.runs.get(WS, old), engine.runs.replay(WS, old), engine.runs.cancel(WS, old)):
            with pytest.raises(Gone):
                await ask
        assert (await engine.runs.get(WS, young)).id == young
        assert [run.id for run in (await engine.runs.list(WS)).items] == [young]


async def test_a_workspace_says_for_itself_how_long() -> None:
    clock = Calendar()
    journal = InMemoryJournal(clock)
    async with running_engine(journal=journal, clock=clock) as engine:
        await finished(engine)
        clock.days = 2
        policy = await engine.retention.policy(WS)
        assert (policy.runs_days, policy.own) == (0, False)
        policy = await engine.retention.set_days(WS, 1)
        assert (policy.runs_days, policy.default_days, policy.own) == (1, 0, True)
        await engine.retention.set_days(WS, 0)
        assert await sweeper(journal, clock, 1).sweep() == 0
        await engine.retention.set_days(WS, None)
        assert await sweeper(journal, clock, 1).sweep() == 1
        for days in (-1, 36_501):
            with pytest.raises(InvalidInput):
                await engine.retention.set_days(WS, days)


async def test_a_held_run_outlives_its_time_and_a_person_is_told_what_is_in_the_way() -> None:
    clock = Calendar()
    journal = InMemoryJournal(clock)
    async with running_engine(journal=journal, clock=clock) as engine:
        run_id = await finished(engine)
        held = await engine.retention.hold(WS, run_id, reason=" a lawsuit ", by="ana")
        await engine.retention.hold(WS, "", reason="an audit", by="ana")
        assert held.reason == "a lawsuit"
        assert [one.run_id for one in (await engine.retention.policy(WS)).holds] == ["", run_id]
        clock.days = 100
        assert await sweeper(journal, clock).sweep() == 0
        with pytest.raises(Conflict) as refused:
            await engine.retention.delete(WS, run_id)
        assert refused.value.code == "conflict.run_kept"
        assert "it is held; release it first; its workspace is held" in refused.value.message
        await engine.retention.release(WS, run_id)
        await engine.retention.release(WS, "")
        await engine.retention.delete(WS, run_id)
        for ask in (
            engine.retention.delete(WS, run_id),
            engine.retention.hold(WS, run_id, reason="too late", by="ana"),
            engine.retention.release(WS, run_id),
        ):
            with pytest.raises(Gone):
                await ask


async def test_runs_of_other_workspaces_are_not_there_for_retention() -> None:
    async with running_engine() as engine:
        run_id = await finished(engine)
        for ask in (
            engine.retention.delete("w2", run_id),
            engine.retention.hold("w2", run_id, reason="r", by="b"),
            engine.retention.release("w2", run_id),
        ):
            with pytest.raises(NotFound):
                await ask
        with pytest.raises(NotFound) as refused:
            await engine.retention.release(WS, run_id)
        assert refused.value.code == "not_found.hold"
        for reason in ("", "  ", "x" * 501):
            with pytest.raises(InvalidInput):
                await engine.retention.hold(WS, run_id, reason=reason, by="b")


async def test_the_same_request_again_after_its_run_was_deleted_starts_no_second_one() -> None:
    async with running_engine() as engine:
        run_id = await finished(engine, key="k")
        await engine.retention.delete(WS, run_id)
        with pytest.raises(Conflict) as refused:
            await engine.runs.create(WS, NewRun(goal="g", plan=PLAN, idempotency_key="k"))
        assert refused.value.code == "conflict.run_deleted"
        assert (await engine.runs.list(WS)).items == ()


async def test_a_run_that_goes_on_is_not_deleted() -> None:
    journal = InMemoryJournal(Calendar())
    await journal.create(
        Creation(run_id="run_1", workspace_id=WS, goal="g", idempotency_key="",
                 events=(NewEvent(type="RunCreated", payload="{}"),))
    )  # fmt: skip
    assert await sweeper(journal, Calendar(), 1).sweep() == 0
    assert await journal.delete_runs(["run_1"]) == []


async def test_a_sweep_is_made_of_short_transactions_and_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    class Counting(InMemoryJournal):
        batches: list[int]

        async def delete_runs(self, run_ids: Sequence[str]) -> list[str]:
            gone = await super().delete_runs(run_ids)
            self.batches.append(len(gone))
            return gone

    clock = Calendar()
    journal = Counting(clock)
    journal.batches = []
    async with running_engine(journal=journal, clock=clock) as engine:
        await asyncio.gather(*(finished(engine) for _ in range(45)))
        clock.days = 31
        with caplog.at_level(logging.INFO):
            assert await sweeper(journal, clock).sweep() == 45
    assert journal.batches == [20, 20, 5]
    (record,) = [one for one in caplog.records if one.message == "ended runs were deleted"]
    assert vars(record)["runs"] == 45


async def test_a_run_that_ended_in_doubt_is_deleted_by_whoever_says_that_they_know(
    caplog: pytest.LogCaptureFixture,
) -> None:
    began = asyncio.Event()

    async def hang(arguments: dict[str, Any], context: ToolContext) -> Any:
        began.set()
        await asyncio.Event().wait()

    tools = FunctionTools({"pay": FunctionTool(function=hang, effect=Effect.ONCE, timeout=60)})
    async with running_engine(tools=tools) as engine:
        plan = (PlanTask(id="s", objective="", tool="pay"),)
        run_id = await engine.runs.create(WS, NewRun(goal="g", plan=plan))
        await asyncio.wait_for(began.wait(), 120)
        await engine.control.cancel_hard(WS, run_id)
        await engine.bus.drain()
        with pytest.raises(Conflict, match="acknowledge-doubt"):
            await engine.retention.delete(WS, run_id)
        await engine.retention.hold(WS, run_id, reason="r", by="ana")
        with pytest.raises(Conflict, match="held"):
            await engine.retention.delete(WS, run_id, acknowledge_doubt=True, by="eva")
        await engine.retention.release(WS, run_id)
        caplog.clear()
        await engine.retention.delete(WS, run_id, acknowledge_doubt=True, by="eva")
        with pytest.raises(Gone):
            await engine.runs.get(WS, run_id)
    told = next(record for record in caplog.records if "in doubt" in record.message)
    assert (vars(told)["by"], vars(told)["run"]) == ("eva", run_id)
    assert "pay" in vars(told)["calls"][0]
