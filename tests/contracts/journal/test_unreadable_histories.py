"""A run whose stored history cannot be read ends visibly, whatever the store, and harms no other run."""

import asyncio
from dataclasses import replace

import pytest

from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.engine.money import settle_left
from flowmatik.core.journal.port import Creation, Journal, NewEvent
from tests.contracts.journal.stores import Store
from tests.unit.core.engines import NoLoop, running_engine

WS = "default"
AT = "2026-01-01T00:00:00+00:00"
PLAN = (PlanTask(id="s0", objective="", tool="echo", effect=Effect.READ),)
CREATED = ev.encode(
    ev.RunCreated(run_id="run_bad", workspace_id=WS, goal="x", created_at=AT, model="m", plan=PLAN)
)


def call(call_id: str, effect: Effect, micros: int) -> NewEvent:
    event = ev.CallRequested(
        call_id=call_id,
        kind="model" if micros else "tool",
        name="m" if micros else "act",
        purpose="plan",
        task_id="",
        effect=effect,
        idempotency_key=call_id,
        at=AT,
        start_by=AT,
        timeout=1.0,
        reserved_micros=micros,
    )
    return ev.encode(event)


async def stored(journal: Journal, *events: NewEvent, owner: str = "") -> None:
    creation = Creation(run_id="run_bad", workspace_id=WS, goal="x", idempotency_key="", events=events)
    await journal.create(replace(creation, owner=owner))


DAMAGES = {
    "a type of the future": (NewEvent(type="MoonLanded", payload="{}"), "2", "EngineError"),
    "a payload of another shape": (NewEvent(type="TaskSucceeded", payload='{"id":1}'), "2", "EngineError"),
    "a payload that is no JSON": (NewEvent(type="TaskSucceeded", payload="\x01{"), "2", "EngineError"),
    "an event that does not fit": (ev.encode(ev.TaskSucceeded(task_id="t9")), "2", "KeyError"),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_history_that_cannot_be_read_fails_its_run_and_names_the_event(
    store: Store, damage: str
) -> None:
    event, seq, kind = DAMAGES[damage]
    await stored(store.journal, CREATED, event)
    async with running_engine(journal=store.journal, concurrency=1) as engine:
        view = await asyncio.wait_for(engine.runs.wait(WS, "run_bad"), 120)
        other = await engine.runs.create(WS, NewRun(goal="y", plan=PLAN))
        assert (await asyncio.wait_for(engine.runs.wait(WS, other), 120)).status is RunStatus.SUCCEEDED
        report = await engine.runs.replay(WS, "run_bad")
        assert await engine.runs.get(WS, "run_bad") == view
    assert (view.status, view.error_code, view.goal) == (RunStatus.FAILED, "engine.history", "x")
    assert view.error_values == {"seq": int(seq), "type": event.type, "kind": kind}
    assert f"event {seq} ({event.type})" in view.error
    assert len(report.differences) == 1
    assert report.differences[0].startswith(f"seq {seq}: {event.type}")
    assert (await store.journal.head(WS, "run_bad")).ended_at
    assert "run_bad" not in await store.journal.ready(10)


async def test_a_history_without_its_beginning_fails_its_run(store: Store) -> None:
    await stored(store.journal, NewEvent(type="RunCreated", payload='{"goal":1}'))
    async with running_engine(journal=store.journal) as engine:
        view = await asyncio.wait_for(engine.runs.wait(WS, "run_bad"), 120)
    assert (view.status, view.error_code, view.goal) == (RunStatus.FAILED, "engine.history", "x")


async def test_calls_and_money_of_an_unreadable_history_are_settled_at_the_worst(store: Store) -> None:
    journal = store.journal
    await journal.set_cap(WS, "workspace", 1000)
    await stored(
        journal,
        CREATED,
        NewEvent(type="MoonLanded", payload="{}"),
        call("call_1", Effect.READ, 100),
        call("call_2", Effect.ONCE, 0),
        owner="wkr_dead",
    )
    assert await journal.allot(WS, "run_bad", 1, {"workspace": 600})
    async with running_engine(journal=journal) as engine:
        view = await asyncio.wait_for(engine.runs.wait(WS, "run_bad"), 120)
    ends = [(one.type, one.payload) for one in await journal.read("run_bad", after_seq=5)]
    await settle_left(journal, "run_bad", NoLoop())
    (cap,) = await journal.caps(WS)
    assert [kind for kind, _ in ends] == [
        "RunClaimed",
        "RunClaimed",
        "CallFailed",
        "CallInDoubt",
        "RunFailed",
    ]
    assert "call_1" in ends[2][1]
    assert "call_2" in ends[3][1]
    assert (view.cost_micros, cap.granted_micros) == (100, 100)
    assert await journal.unsettled(10) == []


async def test_an_unreadable_run_that_nobody_drives_can_be_looked_at(store: Store) -> None:
    await stored(store.journal, CREATED, NewEvent(type="MoonLanded", payload="{}"))
    async with running_engine(journal=store.journal, recover_all=False) as engine:
        view = await engine.runs.get(WS, "run_bad")
        await engine.runs.cancel(WS, "run_bad")
        ended = await asyncio.wait_for(engine.runs.wait(WS, "run_bad"), 120)
    assert (view.status, view.error_code) == (RunStatus.QUEUED, "engine.history")
    assert ended.status is RunStatus.FAILED
