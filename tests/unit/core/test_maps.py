"""A run for each of many items."""

import asyncio
import tracemalloc
from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

import pytest

from flowmatik.contracts.agents import AgentLoop
from flowmatik.contracts.blobs import reference_in
from flowmatik.contracts.plans import MapSpec, PlanTask, SubRunSpec
from flowmatik.contracts.runs import NewRun, RunStatus, RunView, TaskStatus
from flowmatik.contracts.tools import ToolContext
from flowmatik.core.blobs import InMemoryBlobs
from flowmatik.core.build import EngineHandle
from flowmatik.core.engine import beginnings
from flowmatik.core.fold import fold
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import StoredEvent
from flowmatik.core.state import RunState
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import PlanInvalid, ToolError
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import NoLoop, echo_tools, running_engine

WS = "default"
EACH = SubRunSpec(
    goal="look at {item}",
    plan=(PlanTask(id="s", objective="", tool="echo", arguments={"n": {"$item": ""}}),),
)


def mapped(items: Any, *, needs: tuple[str, ...] = (), run: SubRunSpec = EACH, **spec: Any) -> PlanTask:
    return PlanTask(id="m", objective="", needs=needs, map=MapSpec(items=items, run=run, **spec))


async def ended(engine: EngineHandle, *plan: PlanTask, **new: Any) -> RunView:
    run_id = await engine.runs.create(WS, NewRun(goal="many", plan=plan, **new))
    return await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)


async def results_of(output: object, blobs: InMemoryBlobs) -> list[dict[str, Any]]:
    body = reference_in(cast("dict[str, Any]", output)["results"])
    assert body is not None
    return canonical.loads(await blobs.get(WS, body["sha256"]))


def picky(bad: set[int]) -> FunctionTools:
    async def look(arguments: dict[str, Any], context: ToolContext) -> Any:
        if arguments["n"] in bad:
            raise ToolError("rotten", code="tool.rotten")
        return {"seen": arguments["n"]}

    return FunctionTools({"echo": FunctionTool(function=look)})


async def test_each_item_has_a_run_and_the_results_keep_their_order() -> None:
    blobs, tools = InMemoryBlobs(), echo_tools()
    async with running_engine(tools=tools, blobs=blobs) as engine:
        view = await ended(engine, mapped(list(range(50)), concurrency=7))
        goals = {run.goal for run in (await engine.runs.list(WS, limit=100)).items}
        report = await engine.runs.replay(WS, view.id)
    output = view.tasks[0].output
    assert view.status is RunStatus.SUCCEEDED
    assert {key: output[key] for key in ("items", "succeeded", "failed", "skipped")} == {
        "items": 50,
        "succeeded": 50,
        "failed": 0,
        "skipped": 0,
    }
    rows = await results_of(output, blobs)
    assert [row["output"]["echo"]["n"] for row in rows] == list(range(50))
    assert goals == {"many", *(f"look at {n}" for n in range(50))}
    assert report.differences == ()
    assert len(tools.calls) == 50


async def test_never_more_run_at_once_than_the_plan_says() -> None:
    now, most = 0, 0

    async def look(arguments: dict[str, Any], context: ToolContext) -> Any:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        return {}

    async with running_engine(tools=FunctionTools({"echo": FunctionTool(function=look)})) as engine:
        view = await ended(engine, mapped(list(range(40)), concurrency=3))
    assert view.status is RunStatus.SUCCEEDED
    assert most <= 3


async def test_a_map_over_nothing_succeeds() -> None:
    blobs = InMemoryBlobs()
    async with running_engine(blobs=blobs) as engine:
        view = await ended(engine, mapped([]))
    assert view.status is RunStatus.SUCCEEDED
    assert view.tasks[0].output["items"] == 0
    assert await results_of(view.tasks[0].output, blobs) == []


async def test_items_come_from_a_path_of_an_earlier_output() -> None:
    blobs = InMemoryBlobs()
    first = PlanTask(id="f", objective="", tool="echo", arguments={"rows": [{"id": 4}, {"id": 5}]})
    each = SubRunSpec(
        goal="row {item}",
        plan=(PlanTask(id="s", objective="", tool="echo", arguments={"n": [{"$item": "id"}]}),),
    )
    plan = (first, mapped({"task": "f", "path": "echo.rows"}, needs=("f",), run=each))
    async with running_engine(blobs=blobs) as engine:
        view = await ended(engine, *plan)
        goals = {run.goal for run in (await engine.runs.list(WS)).items}
    rows = await results_of(view.tasks[1].output, blobs)
    assert [row["output"]["echo"]["n"] for row in rows] == [[4], [5]]
    assert goals >= {'row {"id":4}', 'row {"id":5}'}


async def test_a_map_takes_its_items_from_a_blob_and_from_an_output_that_became_one() -> None:
    blobs = InMemoryBlobs()
    ref = await blobs.put(WS, canonical.dumps([1, 2, 3]).encode(), media_type="application/json")
    async with running_engine(blobs=blobs) as engine:
        inline = await ended(engine, mapped(ref.shown()))
        large = PlanTask(id="f", objective="", tool="echo", arguments={"rows": ["x" * 40_000] * 2})
        outgrown = await ended(engine, large, mapped({"task": "f", "path": "echo.rows"}, needs=("f",)))
    assert inline.tasks[0].output["succeeded"] == 3
    assert reference_in(outgrown.tasks[0].output) is not None
    assert outgrown.tasks[1].output["failed"] == 2  # goals of 40,000 characters
    rows = await results_of(outgrown.tasks[1].output, blobs)
    assert {row["error"]["code"] for row in rows if "error" in row} == {"input.goal"}


@pytest.mark.parametrize(
    ("items", "code"),
    [({"task": "f", "path": "echo"}, "subrun.items"), ({"task": "f", "path": "no.where"}, "subrun.path")],
)
async def test_items_that_are_none_fail_the_task_by_name(items: Any, code: str) -> None:
    first = PlanTask(id="f", objective="", tool="echo", arguments={"n": 1})
    async with running_engine() as engine:
        view = await ended(engine, first, mapped(items, needs=("f",)))
    assert (view.status, view.error_code) == (RunStatus.FAILED, code)


@pytest.mark.parametrize(
    ("on_failure", "status"),
    [("fail", TaskStatus.FAILED), (1, TaskStatus.FAILED), (2, TaskStatus.SUCCEEDED)],
)
async def test_a_failure_stops_as_many_items_as_the_policy_says(on_failure: Any, status: TaskStatus) -> None:
    blobs = InMemoryBlobs()
    async with running_engine(tools=picky({2, 6}), blobs=blobs) as engine:
        view = await ended(engine, mapped(list(range(20)), concurrency=1, on_failure=on_failure))
    task = view.tasks[0]
    rows = await results_of(task.output, blobs)
    assert task.status is status
    assert len(rows) == 20
    counts = Counter(row["status"] for row in rows)
    assert counts["succeeded"] == {"fail": 2, 1: 5, 2: 18}[on_failure]
    assert counts["skipped"] == {"fail": 17, 1: 13, 2: 0}[on_failure]
    if status is TaskStatus.FAILED:
        assert (task.error_code, view.error_code) == ("map.failed", "map.failed")


async def test_a_map_that_continues_succeeds_and_says_what_failed() -> None:
    blobs = InMemoryBlobs()
    async with running_engine(tools=picky(set(range(5))), blobs=blobs) as engine:
        view = await ended(engine, mapped(list(range(5)), on_failure="continue"))
    rows = await results_of(view.tasks[0].output, blobs)
    assert view.status is RunStatus.SUCCEEDED
    assert {row["error"]["code"] for row in rows} == {"tool.rotten"}


@pytest.mark.parametrize(
    ("task", "says"),
    [
        (mapped("abc"), "neither a list"),
        (mapped({"task": "f", "path": ""}), "not among its needs"),
        (mapped([1], concurrency=0), "concurrency 0"),
        (mapped([1], on_failure=-1), "permits -1 failures"),
    ],
)
async def test_a_map_that_cannot_run_is_refused_by_name(task: PlanTask, says: str) -> None:
    async with running_engine() as engine:
        with pytest.raises(PlanInvalid, match=says):
            await engine.runs.create(WS, NewRun(goal="x", plan=(task,)))


async def test_a_placeholder_is_data_and_never_evaluated() -> None:
    blobs = InMemoryBlobs()
    item = {"a": {"$item": "b"}, "text": "{item} {0.__class__}"}
    async with running_engine(blobs=blobs) as engine:
        view = await ended(engine, mapped([item]))
    rows = await results_of(view.tasks[0].output, blobs)
    assert rows[0]["output"]["echo"]["n"] == item


@pytest.mark.slow
async def test_ten_thousand_items_end_with_two_small_events_each_and_a_state_that_stays_small() -> None:
    journal, blobs = InMemoryJournal(SystemClock()), InMemoryBlobs()
    async with running_engine(journal=journal, blobs=blobs) as engine:
        view = await ended(engine, mapped([f"item {n}" for n in range(10_000)]))
    rows = await results_of(view.tasks[0].output, blobs)
    assert [row["output"]["echo"]["n"] for row in rows] == [f"item {n}" for n in range(10_000)]
    history = await journal.read(view.id, limit=100_000)
    of_items = [event for event in history if event.type in ("SubRunRequested", "SubRunEnded")]
    assert len(of_items) == 20_000
    assert max(len(event.payload) for event in of_items) < 700
    tracemalloc.start()
    try:
        state = fold(history, NoLoop())
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert state.tasks["m"].fan.succeeded == 10_000
    assert len(state.tasks["m"].fan.first) == 100
    assert (kept < 5_000_000, peak < 10_000_000) == (True, True), (kept, peak)


async def test_a_run_that_was_parked_here_is_not_folded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    folded: list[int] = []

    def counting(events: Sequence[StoredEvent], loop: AgentLoop) -> RunState:
        folded.append(len(events))
        return fold(events, loop)

    monkeypatch.setattr(beginnings, "fold", counting)
    async with running_engine() as engine:
        view = await ended(engine, mapped(list(range(60)), concurrency=1))
    assert view.status is RunStatus.SUCCEEDED
    assert max(folded) < 10, "only what began, never the long history of the map"
