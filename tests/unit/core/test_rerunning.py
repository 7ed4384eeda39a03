"""The engine runs again on a recording: what came from outside is given where it came, and what it writes is
what was written."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.approvals import ApprovalPolicy, Verdict
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.recordings import RecordedEvent, Recording, RecordingReport
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core.build import EngineHandle
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.reruns import rerunning
from flowmatik.core.reruns.rerunning import rerun
from flowmatik.kernel.errors import ToolError
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import echo_tools, running_engine
from tests.unit.core.resting import WS, Ahead, begun, ended, person, waiting
from tests.unit.core.test_subruns import step, sub

LOOP = ReducerLoop()


async def again(engine: EngineHandle, run_id: str) -> tuple[Recording, RecordingReport]:
    recording = await engine.recordings.record(WS, run_id)
    return recording, await rerun(recording, LOOP)


async def same(engine: EngineHandle, run_id: str) -> Recording:
    recording, report = await again(engine, run_id)
    assert (report.by_engine, report.difference, report.runs) == (True, None, len(recording.runs)), report
    return recording


async def test_signals_timers_and_deadlines_come_where_they_came() -> None:
    clock = Ahead()
    plan = (
        waiting("t", "time", seconds=3600),
        waiting("s", "signal", "t", name="paid"),
        waiting("late", "time", "s", seconds=86_400),
    )
    async with running_engine(journal=InMemoryJournal(clock), clock=clock, loop=LOOP) as engine:
        run_id = await begun(engine, *plan, deadline_seconds=10_000)
        await engine.signals.signal(WS, run_id, "paid", {"amount": 3})  # before its wait
        clock.put_on(3600)
        await asyncio.sleep(1.5)
        clock.put_on(10_000)
        assert (await ended(engine, run_id)).status is RunStatus.FAILED
        kinds = {one.type for one in (await same(engine, run_id)).runs[0].events}
    assert {"SignalReceived", "WaitEnded", "DeadlinePassed"} <= kinds


async def test_what_people_decided_is_decided_again() -> None:
    asks = PlanTask(
        id="s", objective="", tool="echo", effect=Effect.ONCE, arguments={"n": 1}, approval=ApprovalPolicy()
    )
    async with running_engine(tools=echo_tools(Effect.ONCE), loop=LOOP) as engine:
        run_id = await begun(engine, asks)
        (asked,) = (await engine.approvals.list(WS)).items
        verdict = Verdict(decision="approve", arguments_hash=asked.arguments_hash)
        await engine.approvals.decide(WS, asked.id, verdict, by=person("anna"))
        assert (await ended(engine, run_id)).status is RunStatus.SUCCEEDED
        await same(engine, run_id)


async def test_a_cancel_finds_the_same_calls_under_way() -> None:
    began, go = asyncio.Event(), asyncio.Event()

    async def act(arguments: dict[str, Any], context: ToolContext) -> Any:
        began.set()
        await go.wait()
        return {"done": True}

    tools = FunctionTools({"echo": FunctionTool(function=act, effect=Effect.ONCE)})
    plan = (PlanTask(id="a", objective="", tool="echo", effect=Effect.ONCE),)
    async with running_engine(tools=tools, loop=LOOP) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=plan))
        await began.wait()
        await engine.runs.cancel(WS, run_id, reason="no more")
        await asyncio.sleep(0.1)
        go.set()
        assert (await ended(engine, run_id)).status is RunStatus.CANCELLED
        kinds = [one.type for one in (await same(engine, run_id)).runs[0].events]
    assert kinds.index("CancelRequested") < kinds.index("CallSucceeded")


async def test_sub_runs_have_other_ids_and_end_in_the_recorded_order() -> None:
    turns = {1: asyncio.Event(), 2: asyncio.Event(), 3: asyncio.Event()}

    async def act(arguments: dict[str, Any], context: ToolContext) -> Any:
        n = arguments["n"]
        if n < 3:
            await turns[n + 1].wait()
            await asyncio.sleep(0.1)
        turns[n].set()
        if n == 2:
            raise ToolError("the shelf is empty", code="tool.empty")
        return {"n": n}

    tools = FunctionTools({"echo": FunctionTool(function=act)})
    async with running_engine(tools=tools, loop=LOOP) as engine:
        plan = tuple(sub(f"r{n}", step(n=n)) for n in (1, 2, 3))
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=plan))
        await ended(engine, run_id)
        recording = await same(engine, run_id)
    ends = [one.payload["sub_id"] for one in recording.runs[0].events if one.type == "SubRunEnded"]
    assert ends == ["sub_3", "sub_2", "sub_1"]


async def test_a_tools_outcome_that_was_tampered_with_is_named() -> None:
    async with running_engine(loop=LOOP) as engine:
        run_id = await begun(
            engine, step("a", n=1), PlanTask(id="b", objective="", tool="echo", needs=("a",))
        )
        recording, _ = await again(engine, run_id)

    def sabotaged(one: RecordedEvent) -> RecordedEvent:
        if one.type != "CallSucceeded" or one.payload["call_id"] != "call_1":
            return one
        return replace(one, payload=one.payload | {"cost_micros": 7})

    (run,) = recording.runs
    spoilt = replace(run, events=tuple(map(sabotaged, run.events)))
    found = (await rerun(replace(recording, runs=(spoilt,)), LOOP)).difference
    assert found is not None
    assert (found.call_id, found.exchange, found.task_id) == ("call_1", 1, "a")
    assert '- "cost_micros": 7,' in found.diff


async def test_what_the_record_goes_on_with_and_the_engine_does_not_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rerunning, "QUIET_SECONDS", 0.5)
    async with running_engine(loop=LOOP) as engine:
        run_id = await begun(engine, waiting("w", "signal", name="x"))
        recording, report = await again(engine, run_id)
    assert report.difference is None  # as far as it had come
    (run,) = recording.runs
    more = replace(run.events[-1], seq=run.events[-1].seq + 1)
    found = (
        await rerun(replace(recording, runs=(replace(run, events=(*run.events, more)),)), LOOP)
    ).difference
    assert found is not None
    assert (found.seq, found.decided) == (more.seq, "nothing")


async def test_what_cannot_be_given_again_is_walked_through_and_said() -> None:
    async with running_engine(loop=LOOP) as engine:
        run_id = await begun(engine, waiting("w", "signal", name="x"))
        await engine.control.cancel_hard(WS, run_id)
        await ended(engine, run_id)
        _, report = await again(engine, run_id)
    assert (report.by_engine, report.instead) == (False, ("hard CancelRequested",))
    assert report.difference is None
