"""Many runs are paused, resumed, tried again, told something, changed, deleted; by one request each once."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from flowmatik.contracts.bulk import BulkReport, BulkRequest
from flowmatik.contracts.control import RunChange
from flowmatik.contracts.plans import PlanTask, WaitSpec
from flowmatik.contracts.runs import NewRun, RunFilter, RunStatus
from flowmatik.contracts.tools import ToolContext
from flowmatik.core.build import EngineHandle
from flowmatik.kernel.errors import Gone, InvalidInput, ToolError
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import echo, eventually, running_engine

WS = "w"
FAILED = RunFilter(statuses=(RunStatus.FAILED,))
WAITS = (PlanTask(id="s", objective="", wait=WaitSpec(kind="signal", name="go")),)
FAILS = (PlanTask(id="s", objective="", tool="fail"),)
PASSES = (PlanTask(id="s", objective="", tool="echo"),)


async def fail(arguments: dict[str, Any], context: ToolContext) -> Any:
    raise ToolError("not today")


@pytest.fixture
async def engine() -> AsyncIterator[EngineHandle]:
    tools = FunctionTools({"fail": FunctionTool(function=fail), "echo": FunctionTool(function=echo)})
    async with running_engine(tools=tools) as built:
        yield built


async def begun(engine: EngineHandle, plan: tuple[PlanTask, ...], *tags: str) -> str:
    run_id = await engine.runs.create(WS, NewRun(goal="g", plan=plan, tags=tags or ("x",)))
    await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    return run_id


async def bulk(engine: EngineHandle, action: str, key: str = "r", **more: Any) -> BulkReport:
    wanted = more.pop("wanted", RunFilter(tags=("x",)))
    return await engine.bulk.bulk(WS, BulkRequest(action=action, wanted=wanted, request_id=key, **more))


async def is_paused(engine: EngineHandle, run_id: str) -> bool:
    return (await engine.runs.get(WS, run_id)).waiting_for == "unpause"


def counts(report: BulkReport) -> tuple[int, int, int]:
    return report.done, report.passed, report.failed


async def test_a_repeated_pause_does_not_pause_what_somebody_resumed(engine: EngineHandle) -> None:
    runs = [await begun(engine, WAITS) for _ in range(2)]
    assert counts(await bulk(engine, "pause", by="ana", reason="night")) == (2, 0, 0)
    await eventually(lambda: is_paused(engine, runs[0]))
    await engine.runs.resume(WS, runs[0])
    again = await bulk(engine, "pause")
    assert counts(again) == (0, 2, 0)
    assert {one.code for one in again.results} == {"conflict.paused"}
    assert counts(await bulk(engine, "pause", key="other")) == (1, 1, 0)


async def test_only_paused_runs_are_resumed_and_a_repeat_ends_no_later_pause(engine: EngineHandle) -> None:
    paused, other = await begun(engine, WAITS), await begun(engine, WAITS)
    await engine.control.pause(WS, paused)
    report = await bulk(engine, "resume")
    assert {one.run_id: one.outcome for one in report.results} == {paused: "done", other: "passed"}
    await engine.control.pause(WS, paused)
    assert counts(await bulk(engine, "resume")) == (0, 2, 0)
    await eventually(lambda: is_paused(engine, paused))


async def test_failed_runs_are_tried_again_once_and_their_retries_are_not(engine: EngineHandle) -> None:
    runs = [await begun(engine, FAILS) for _ in range(2)]
    report = await bulk(engine, "retry", wanted=FAILED, by="ana")
    made = {one.run_id: one.new_run_id for one in report.results}
    assert made.keys() == set(runs)
    for run_id in made.values():
        assert (await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)).status is RunStatus.FAILED
    again = await bulk(engine, "retry", wanted=FAILED)
    assert {one.run_id: one.new_run_id for one in again.results if one.outcome == "done"} == made
    assert [one.code for one in again.results if one.outcome == "passed"] == ["conflict.done"] * 2
    assert len((await engine.runs.list(WS)).items) == 4
    assert (await bulk(engine, "retry", wanted=FAILED, key="next")).done == 4


async def test_waiting_runs_are_told_something_once(engine: EngineHandle) -> None:
    twice = (*WAITS, PlanTask(id="t", objective="", needs=("s",), wait=WaitSpec(kind="signal", name="go")))
    run_id = await begun(engine, twice)
    for _ in range(2):
        assert (await bulk(engine, "signal", signal="go", data={"n": 1})).done == 1
    await eventually(lambda: succeeded(engine, run_id, "s"))
    assert not await succeeded(engine, run_id, "t")


async def succeeded(engine: EngineHandle, run_id: str, task: str) -> bool:
    view = await engine.runs.get(WS, run_id)
    return any(one.id == task and one.status == "succeeded" for one in view.tasks)


async def test_runs_are_changed_once(engine: EngineHandle) -> None:
    run_id = await begun(engine, WAITS)
    for _ in range(2):
        assert (
            await bulk(engine, "change", change=RunChange(priority=4, budget_micros=7), by="ana")
        ).done == 1

    async def has_changed() -> bool:
        view = await engine.runs.get(WS, run_id)
        return (view.priority, view.budget_micros) == (4, 7)

    await eventually(has_changed)
    events = [one.type async for one in engine.runs.events(WS, run_id)]
    assert sum("Chang" in one for one in events) == 1


async def test_ended_runs_are_deleted_and_held_ones_are_not(
    engine: EngineHandle, caplog: pytest.LogCaptureFixture
) -> None:
    gone, held = await begun(engine, PASSES), await begun(engine, PASSES)
    live = await begun(engine, WAITS)
    await engine.bus.drain()
    await engine.retention.hold(WS, held, reason="r", by="ana")
    with caplog.at_level(logging.INFO):
        report = await bulk(engine, "delete", by="eva")
    assert {one.run_id: (one.outcome, one.code) for one in report.results} == {
        gone: ("done", ""),
        held: ("failed", "conflict.run_kept"),
    }
    assert "eva" in {getattr(record, "by", "") for record in caplog.records}
    with pytest.raises(Gone):
        await engine.runs.get(WS, gone)
    assert not (await engine.runs.get(WS, live)).status.ended


async def test_a_dry_run_lists_and_a_cursor_goes_on_where_a_batch_ended(engine: EngineHandle) -> None:
    runs = [await begun(engine, WAITS) for _ in range(3)]
    dry = await bulk(engine, "cancel", dry_run=True)
    assert [(one.run_id, one.outcome) for one in dry.results] == [(one, "matched") for one in reversed(runs)]
    first = await bulk(engine, "pause", limit=2)
    assert ([one.run_id for one in first.results], first.more) == ([runs[2], runs[1]], True)
    second = await bulk(engine, "pause", limit=2, cursor=first.next)
    assert ([one.run_id for one in second.results], second.more, second.next) == ([runs[0]], False, "")


@pytest.mark.parametrize(
    ("action", "more", "code"),
    [
        ("signal", {}, "input.bulk_signal"),
        ("change", {}, "input.bulk_change"),
        ("change", {"change": RunChange(priority=99)}, "input.priority"),
        ("pause", {"key": "k" * 101}, "input.bulk_request"),
    ],
)
async def test_what_every_run_would_refuse_is_refused_before_any(
    engine: EngineHandle, action: str, more: dict[str, Any], code: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await bulk(engine, action, **more)
    assert caught.value.code == code
