"""What runs put away goes with them, unless another run refers to it, whatever is away meanwhile."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from flowmatik.contracts.blobs import reference_in
from flowmatik.contracts.control import NewFork
from flowmatik.contracts.plans import MapSpec, PlanTask, SubRunSpec
from flowmatik.contracts.runs import NewRun
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core.blobs import InMemoryBlobs
from flowmatik.core.build import EngineHandle
from flowmatik.core.journal.blobs_port import LeftBlob
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.leftovers import TAKEN_SECONDS, Leftovers
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import JournalUnavailable, Unavailable
from flowmatik.testing.clock import SkippingClock
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.unit.core.engines import eventually, running_engine

WS = "default"
STEP = PlanTask(id="s", objective="", tool="fetch", arguments={"of": "one"})


def fetching() -> FunctionTools:
    async def fetch(arguments: dict[str, Any], context: ToolContext) -> Any:
        return {"rows": [str(arguments["of"]) * 100] * 1000}

    return FunctionTools({"fetch": FunctionTool(function=fetch, effect=Effect.READ)})


async def ended(engine: EngineHandle, *plan: PlanTask) -> str:
    return await rested(engine, await engine.runs.create(WS, NewRun(goal="g", plan=plan)))


async def rested(engine: EngineHandle, run_id: str) -> str:
    await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
    await engine.bus.drain()
    return run_id


async def hashes(blobs: InMemoryBlobs) -> set[str]:
    return {sha256 async for sha256 in blobs.list(WS)}


class Ledger(InMemoryJournal):
    """Whose owner may die between the deletion of a run and that of its blobs."""

    dying = False

    async def take_left(self, limit: int, *, ttl_seconds: float) -> list[LeftBlob]:
        if self.dying:
            raise JournalUnavailable("gone")
        return await super().take_left(limit, ttl_seconds=ttl_seconds)


async def test_a_deleted_run_takes_its_blobs_with_it_and_says_how_many() -> None:
    blobs = InMemoryBlobs()
    async with running_engine(blobs=blobs, tools=fetching()) as engine:
        run_id = await ended(engine, STEP)
        assert len(await hashes(blobs)) == 1
        gone = await engine.retention.delete(WS, run_id)
        assert await hashes(blobs) == set()
    assert (gone.run_id, gone.blobs) == (run_id, 1)
    assert gone.blob_bytes > 300_000


async def test_blobs_of_a_run_that_was_deleted_before_a_crash_go_later() -> None:
    blobs, journal = InMemoryBlobs(), Ledger(SystemClock())
    async with running_engine(journal=journal, blobs=blobs, tools=fetching()) as engine:
        run_id = await ended(engine, STEP)
        journal.dying = True
        assert (await engine.retention.delete(WS, run_id)).blobs == 1
    assert len(await hashes(blobs)) == 1
    journal.dying = False
    async with running_engine(journal=journal, blobs=blobs, tools=fetching()):
        await eventually(lambda: is_empty(blobs))


async def is_empty(blobs: InMemoryBlobs) -> bool:
    return not await hashes(blobs)


class Away(InMemoryBlobs):
    away = False

    async def delete(self, workspace_id: str, sha256: str) -> None:
        if self.away:
            raise Unavailable("away", code="unavailable.blobs")
        await super().delete(workspace_id, sha256)


async def test_a_blob_store_that_is_away_is_tried_again_later() -> None:
    clock = SkippingClock()
    blobs, journal = Away(), InMemoryJournal(clock)
    await journal.refer("run_never", WS, {})
    ref = await blobs.put(WS, b"x", media_type="text/plain")
    leftovers = Leftovers(journal, blobs, clock)
    async with running_engine(journal=journal, blobs=blobs, tools=fetching()) as engine:
        run_id = await ended(engine, STEP)
        blobs.away = True
        gone = await engine.retention.delete(WS, run_id)
    assert gone.blobs == 1
    await leftovers.sweep()
    assert len(await hashes(blobs)) == 2
    blobs.away = False
    await leftovers.sweep()
    assert len(await hashes(blobs)) == 2, "nobody knows yet whether the first try will still get through"
    await clock.sleep(TAKEN_SECONDS + 1)
    await leftovers.sweep()
    assert await hashes(blobs) == {ref.sha256}, "what no deleted run left is nobody's business"


async def test_what_two_runs_put_away_alike_stays_until_both_are_gone() -> None:
    blobs = InMemoryBlobs()
    async with running_engine(blobs=blobs, tools=fetching()) as engine:
        first, second = await ended(engine, STEP), await ended(engine, STEP)
        assert (await engine.retention.delete(WS, first)).blobs == 0
        assert await engine.blobs.read(WS, second, *await hashes(blobs))
        assert (await engine.retention.delete(WS, second)).blobs == 1
    assert await hashes(blobs) == set()


@pytest.mark.parametrize("kind", ["fork", "retry"])
async def test_a_run_that_began_with_anothers_history_keeps_its_blobs(kind: str) -> None:
    blobs = InMemoryBlobs()
    fails = PlanTask(id="f", objective="", tool="no_such", needs=("s",))
    plan = (STEP, fails) if kind == "retry" else (STEP,)
    async with running_engine(blobs=blobs, tools=breaking()) as engine:
        parent = await ended(
            engine,
            *(plan if kind == "fork" else (STEP, PlanTask(id="f", objective="", tool="fail", needs=("s",)))),
        )
        head = (await engine.runs.get(WS, parent)).head_seq
        if kind == "fork":
            next_id = await engine.control.fork(WS, parent, NewFork(seq=head - 2, effects="allow"))
        else:
            next_id = await engine.control.retry(WS, parent)
        await rested(engine, next_id)
        await engine.retention.delete(WS, parent)
        output = (await engine.runs.get(WS, next_id)).tasks[0].output
        body = reference_in(output)
        assert body is not None
        assert await engine.blobs.read(WS, next_id, body["sha256"])
        assert (await engine.retention.delete(WS, next_id)).blobs == 1
    assert await hashes(blobs) == set()


def breaking() -> FunctionTools:
    async def fetch(arguments: dict[str, Any], context: ToolContext) -> Any:
        return {"rows": [str(arguments["of"]) * 100] * 1000}

    async def fail(arguments: dict[str, Any], context: ToolContext) -> Any:
        raise ValueError("no")

    return FunctionTools({"fetch": FunctionTool(function=fetch), "fail": FunctionTool(function=fail)})


def below(count: int) -> PlanTask:
    each = SubRunSpec(
        goal="{item}", plan=(PlanTask(id="i", objective="", tool="fetch", arguments={"of": {"$item": ""}}),)
    )
    return PlanTask(id="m", objective="", map=MapSpec(items=[f"i{n}" for n in range(count)], run=each))


async def family(engine: EngineHandle, run_id: str) -> Sequence[str]:
    return [run.id for run in (await engine.runs.list(WS, limit=100)).items if run.id != run_id]


async def test_results_by_reference_outlive_the_sub_runs_that_gave_them() -> None:
    blobs = InMemoryBlobs()
    inner = PlanTask(id="r", objective="", run=SubRunSpec(goal="inner", plan=(below(3),)))
    async with running_engine(blobs=blobs, tools=fetching()) as engine:
        run_id = await ended(engine, inner)
        for child in await family(engine, run_id):
            await engine.retention.delete(WS, child)
        output: Any = (await engine.runs.get(WS, run_id)).tasks[0].output
        body = reference_in(output) or reference_in(output["results"])
        assert body is not None
        listed = await engine.blobs.read(WS, run_id, body["sha256"])
        assert listed.count(b"$blob") >= 3
        assert len(await hashes(blobs)) == 4, "the items' results, and the list of them, which names them"
        gone = await engine.retention.delete(WS, run_id)
    assert gone.blobs == 4
    assert await hashes(blobs) == set()
