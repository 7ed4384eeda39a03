"""Every CloudEvent of a run carries the trace of whoever started it, on the bus and in its stream."""

import asyncio
from typing import Any

import pytest

from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.core import traces
from flowmatik.core.deliveries import cloud_event
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import Creation, NewEvent, StoredEvent
from flowmatik.core.traces import Traces
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.events import CloudEvent
from tests.unit.core.engines import running_engine

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ASKED = NewRun(goal="x", plan=(PlanTask(id="s0", objective="", tool="echo"),), traceparent=GIVEN)


async def run(engine: Any, new: NewRun = ASKED) -> str:
    run_id: str = await engine.runs.create("default", new)
    await asyncio.wait_for(engine.runs.wait("default", run_id), 120)
    return run_id


async def test_the_trace_of_the_request_is_on_every_event_of_the_run() -> None:
    heard: list[CloudEvent] = []

    async def hear(event: CloudEvent) -> None:
        heard.append(event)

    async with running_engine() as engine:
        engine.bus.subscribe("audit", hear)
        run_id = await run(engine)
        streamed = [one async for one in engine.runs.events("default", run_id)]
        later = [one async for one in engine.runs.events("default", run_id, after_seq=2)]
        await engine.bus.drain()
    assert len(later) == len(streamed) - 2
    assert len(heard) == len(streamed) > 3
    told = [one.to_json()["traceparent"] for one in (*streamed, *later, *heard)]
    assert set(told) == {GIVEN}


async def test_a_run_that_nobody_traces_gets_a_trace_of_its_own_and_keeps_it_over_a_restart() -> None:
    journal = InMemoryJournal(SystemClock())
    new = NewRun(goal="x", plan=ASKED.plan, traceparent="invalid")

    async def told(run_id: str) -> set[str]:
        async with running_engine(journal=journal) as engine:
            return {one.traceparent async for one in engine.runs.events("default", run_id, after_seq=1)}

    async with running_engine(journal=journal) as engine:
        runs = [await run(engine, new) for _ in range(2)]
    first, second = [await told(run_id) for run_id in runs]
    assert len(first) == len(second) == 1
    assert first != second
    assert "" not in first


async def test_a_history_without_a_trace_is_folded_and_told_without_one() -> None:
    journal = InMemoryJournal(SystemClock())
    async with running_engine(journal=journal, recover_all=False) as engine:
        template = await run(engine)
        body = canonical.loads((await journal.read(template))[0].payload)
    del body["traceparent"]
    body["run_id"] = "run_old"
    old = NewEvent(type="RunCreated", payload=canonical.dumps(body))
    creation = Creation(run_id="run_old", workspace_id="default", goal="x", idempotency_key="", events=(old,))
    await journal.create(creation)
    async with running_engine(journal=journal) as engine:
        view = await asyncio.wait_for(engine.runs.wait("default", "run_old"), 120)
        events = [one.to_json() async for one in engine.runs.events("default", "run_old")]
    assert view.status is RunStatus.SUCCEEDED
    assert len(events) > 3
    assert not any("traceparent" in one for one in events)


@pytest.mark.parametrize("payload", ["{", "[]", '{"traceparent":7}', '"text"'])
async def test_a_damaged_first_event_has_no_trace_and_is_told_all_the_same(payload: str) -> None:
    stored = StoredEvent(seq=1, type="RunCreated", payload=payload, at="")
    found = await Traces().of("run_1", InMemoryJournal(SystemClock()), [stored])
    assert cloud_event("default", "run_1", stored, found).traceparent == ""


async def test_only_the_last_runs_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "KEPT", 3)
    known, journal = Traces(), InMemoryJournal(SystemClock())
    for number in range(10):
        payload = canonical.dumps({"traceparent": f"t{number}"})
        first = StoredEvent(seq=1, type="RunCreated", payload=payload, at="")
        assert await known.of(f"run_{number}", journal, [first]) == f"t{number}"
    assert await known.of("run_9", journal, []) == "t9"
    assert await known.of("run_0", journal, []) == "", "forgotten, and the journal has no such run"
