"""Runs begun by decision logic that this program does not have are refused at the start, by name, and
left alone; a person may cancel them."""

import asyncio
from collections.abc import Sequence

import pytest

from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.journal.port import Creation, Journal, NewEvent
from flowmatik.kernel.errors import ConfigurationError, Conflict
from tests.contracts.journal.stores import Store
from tests.contracts.journal.test_unreadable_histories import call
from tests.unit.core.engines import eventually, running_engine

WS = "default"
AT = "2026-01-01T00:00:00+00:00"
PLAN = (PlanTask(id="s0", objective="", tool="echo", effect=Effect.READ),)


async def begun(journal: Journal, run_id: str, version: int, more: Sequence[NewEvent] = ()) -> None:
    created = ev.RunCreated(
        run_id=run_id,
        workspace_id=WS,
        goal="x",
        created_at=AT,
        model="m",
        plan=PLAN,
        decision_version=version,
    )
    await journal.create(
        Creation(
            run_id=run_id,
            workspace_id=WS,
            goal="x",
            idempotency_key="",
            events=(ev.encode(created), *more),
            decision_version=version,
        )
    )


async def refused(journal: Journal) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as error:
        async with running_engine(journal=journal):
            pass
    return error.value


@pytest.mark.parametrize("version", [ev.OLDEST_DECISION_VERSION - 1, ev.DECISION_VERSION + 1])
async def test_an_engine_that_takes_up_all_runs_refuses_to_start_and_names_those_it_may_not_decide(
    store: Store, version: int
) -> None:
    await begun(store.journal, "run_a", version)
    await begun(store.journal, "run_b", ev.DECISION_VERSION)
    await begun(store.journal, "run_c", version)
    error = await refused(store.journal)
    assert error.code == "config.decision_version"
    assert error.context["runs"] == f"run_a ({version}), run_c ({version})"
    assert (await store.journal.head(WS, "run_b")).status == "queued"


async def test_the_oldest_version_and_damaged_beginnings_are_no_reason_to_refuse(store: Store) -> None:
    await begun(store.journal, "run_a", ev.OLDEST_DECISION_VERSION)
    damaged = (NewEvent(type="RunCreated", payload="[]"),)
    await store.journal.create(
        Creation(run_id="run_b", workspace_id=WS, goal="x", idempotency_key="", events=damaged)
    )
    async with running_engine(journal=store.journal) as engine:
        assert (await asyncio.wait_for(engine.runs.wait(WS, "run_b"), 120)).status is RunStatus.FAILED
        await asyncio.wait_for(engine.runs.wait(WS, "run_a"), 120)


async def test_an_engine_for_runs_of_its_own_starts_and_leaves_the_others_as_they_are(store: Store) -> None:
    journal = store.journal
    await begun(journal, "run_a", ev.DECISION_VERSION + 1)

    async def at_rest() -> bool:
        return not engine.engine.drives("run_a")

    async with running_engine(journal=journal, recover_all=False) as engine:
        own = await engine.runs.create(WS, NewRun(goal="y", plan=PLAN))
        assert (await asyncio.wait_for(engine.runs.wait(WS, own), 120)).status is RunStatus.SUCCEEDED
        with pytest.raises(Conflict, match="run_a was begun by decision version"):
            await engine.runs.resume(WS, "run_a")
        engine.engine.nudge("run_a")
        await eventually(at_rest)
    head = await journal.head(WS, "run_a")
    assert (head.status, head.epoch, head.head_seq) == ("queued", 0, 1)
    assert "run_a" in await journal.ready(10)


async def test_a_run_that_may_not_be_decided_can_be_cancelled_and_then_hinders_nobody(store: Store) -> None:
    journal = store.journal
    open_calls = (call("call_1", Effect.READ, 100), call("call_2", Effect.ONCE, 0))
    await begun(journal, "run_a", ev.DECISION_VERSION + 1, open_calls)
    async with running_engine(journal=journal, recover_all=False) as engine:
        await engine.runs.cancel(WS, "run_a", reason="too new")
        view = await asyncio.wait_for(engine.runs.wait(WS, "run_a"), 120)
    assert (view.status, view.error, view.cost_micros) == (RunStatus.CANCELLED, "too new", 100)
    ends = [one.type for one in await journal.read("run_a", after_seq=3)]
    assert ends == ["RunClaimed", "CallFailed", "CallInDoubt", "RunCancelled"]
    async with running_engine(journal=journal) as engine:
        own = await engine.runs.create(WS, NewRun(goal="y", plan=PLAN))
        assert (await asyncio.wait_for(engine.runs.wait(WS, own), 120)).status is RunStatus.SUCCEEDED
