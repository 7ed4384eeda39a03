"""The same is done to every run that a filter names, and to no other."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from flowmatik.contracts.bulk import BulkRequest
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunFilter, RunStatus
from flowmatik.contracts.tools import ToolContext
from flowmatik.core import bulk
from flowmatik.core.build import EngineHandle
from flowmatik.kernel.errors import InvalidInput, ToolError
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import running_engine

WS = "w"
TAGGED = RunFilter(tags=("x",))


async def hold(arguments: dict[str, Any], context: ToolContext) -> Any:
    await asyncio.Event().wait()


async def pass_through(arguments: dict[str, Any], context: ToolContext) -> Any:
    return {}


@pytest.fixture
async def engine() -> AsyncIterator[EngineHandle]:
    tools = FunctionTools({"hold": FunctionTool(function=hold), "pass": FunctionTool(function=pass_through)})
    async with running_engine(tools=tools) as built:
        yield built


async def started(engine: EngineHandle, tool: str, *tags: str, workspace: str = WS) -> str:
    plan = (PlanTask(id="s0", objective="", tool=tool, arguments={}),)
    run_id = await engine.runs.create(workspace, NewRun(goal="g", plan=plan, tags=tags))
    if tool == "pass":
        await engine.runs.wait(workspace, run_id)
    return run_id


async def test_every_open_run_that_matches_is_cancelled_and_no_other(
    engine: EngineHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "PAGE", 2)
    wanted = [await started(engine, "hold", "x") for _ in range(5)]
    left = [
        await started(engine, "hold", "y"),
        await started(engine, "hold", "x", workspace="other"),
    ]
    await started(engine, "pass", "x")
    dry = await engine.bulk.bulk(WS, BulkRequest(action="cancel", wanted=TAGGED, dry_run=True))
    assert (dry.matched, dry.done, dry.dry_run) == (5, 0, True)
    report = await engine.bulk.bulk(WS, BulkRequest(action="cancel", wanted=TAGGED))
    assert (report.matched, report.done, report.passed, report.failed) == (5, 5, 0, 0)
    assert {(await engine.runs.wait(WS, one)).status for one in wanted} == {RunStatus.CANCELLED}
    again = await engine.bulk.bulk(WS, BulkRequest(action="cancel", wanted=TAGGED))
    assert (again.matched, again.more) == (0, False)
    assert not (await engine.runs.get(WS, left[0])).status.ended
    assert not (await engine.runs.get("other", left[1])).status.ended


async def test_the_limit_leaves_the_oldest_for_the_next_time(engine: EngineHandle) -> None:
    runs = [await started(engine, "hold", "x") for _ in range(3)]
    report = await engine.bulk.bulk(WS, BulkRequest(action="cancel", wanted=TAGGED, limit=2))
    assert (report.done, report.more) == (2, True)
    assert (await engine.runs.wait(WS, runs[2])).status is RunStatus.CANCELLED
    assert not (await engine.runs.get(WS, runs[0])).status.ended


async def test_one_failure_harms_no_other_run_and_is_told(
    engine: EngineHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [await started(engine, "hold", "x") for _ in range(2)]
    cancel = bulk.ACTIONS["cancel"]

    async def sometimes(parts: bulk.BulkParts, one: bulk.OneRun) -> str:
        if one.run_id == runs[1]:
            raise ToolError("no", code="tool.failed")
        return await cancel.act(parts, one)

    action = bulk.Action(statuses=cancel.statuses, act=sometimes)
    monkeypatch.setattr(bulk, "ACTIONS", {"cancel": action})
    report = await engine.bulk.bulk(WS, BulkRequest(action="cancel", wanted=TAGGED))
    assert (report.done, report.failed) == (1, 1)
    assert [(one.run_id, one.code) for one in report.failures] == [(runs[1], "tool.failed")]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (BulkRequest(action="explode", wanted=TAGGED), "bulk_action"),
        (BulkRequest(action="cancel", wanted=RunFilter()), "bulk_all"),
        (BulkRequest(action="cancel", wanted=RunFilter(statuses=(RunStatus.FAILED,))), "bulk_status"),
        (BulkRequest(action="cancel", wanted=TAGGED, limit=0), "limit"),
        (BulkRequest(action="cancel", wanted=TAGGED, limit=10_001), "limit"),
    ],
)
async def test_what_means_nothing_or_too_much_is_refused(
    engine: EngineHandle, request_: BulkRequest, code: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await engine.bulk.bulk(WS, request_)
    assert caught.value.code == f"input.{code}"


async def test_every_run_is_meant_when_that_is_said(engine: EngineHandle) -> None:
    await started(engine, "hold")
    report = await engine.bulk.bulk(WS, BulkRequest(action="cancel", wanted=RunFilter(), every=True))
    assert report.done == 1
