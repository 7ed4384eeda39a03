"""Taking up a run of ten thousand events, with its snapshot and without."""

import statistics
import time
from contextlib import AsyncExitStack
from typing import Any

from benchmarks.durable_steps.ours import work
from benchmarks.engine_scale.processes import until
from benchmarks.ours import open_journal, running_engine
from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.plans import MapSpec, PlanTask, SubRunSpec, WaitSpec
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.core.build import EngineHandle
from flowmatik.core.fold import fold
from flowmatik.core.journal.port import Claim, Journal
from flowmatik.core.snapshots.bodies import resumed
from flowmatik.core.snapshots.version import fold_version
from flowmatik.testing.tools import FunctionTool, FunctionTools

TIMES = 9
OWNER = "wkr_of_the_benchmark"
LEASE_SECONDS = 600.0
EVENTS_AN_ITEM = 2  # a sub-run asked for, and how it ended
BUILD_SECONDS = 900.0


def _plan(items: int) -> tuple[PlanTask, ...]:
    """Wide enough for the events wanted; then it waits, so that the run is there to be taken up."""
    each = SubRunSpec(
        goal="item", plan=(PlanTask(id="s", objective="", tool="work", arguments={"n": {"$item": ""}}),)
    )
    return (
        PlanTask(id="m", objective="", map=MapSpec(items=list(range(items)), run=each, concurrency=50)),
        PlanTask(id="w", objective="", wait=WaitSpec(kind="signal", name="go"), needs=("m",)),
    )


async def measure(job: dict[str, Any]) -> dict[str, float]:
    tools = FunctionTools({"work": FunctionTool(function=work)})
    async with running_engine(job, tools=tools) as engine:
        run_id = await engine.runs.create(
            "default", NewRun(goal="long", plan=_plan(int(job["n"]) // EVENTS_AN_ITEM))
        )
        await _waits(engine, run_id)
    async with AsyncExitStack() as stack:
        journal = await open_journal(job, stack)
        await journal.register_worker(OWNER, ttl_seconds=LEASE_SECONDS)
        with_it = [await _taken_up(journal, run_id, fold_version(ReducerLoop())) for _ in range(TIMES)]
        without = [await _taken_up(journal, run_id, "") for _ in range(TIMES)]
        await journal.retire_worker(OWNER)
        return {
            "events": float((await journal.head("default", run_id)).head_seq),
            "with_events": statistics.median(events for events, _ in with_it),
            "with_ms": statistics.median(ms for _, ms in with_it),
            "without_events": statistics.median(events for events, _ in without),
            "without_ms": statistics.median(ms for _, ms in without),
        }


async def _waits(engine: EngineHandle, run_id: str) -> None:
    async def waits() -> bool:
        view = await engine.runs.get("default", run_id)
        if view.status.ended:
            raise AssertionError(f"run {run_id} ended {view.status}: {view.error}")
        return view.status is RunStatus.WAITING

    await until(waits, BUILD_SECONDS, 0.5)


async def _taken_up(journal: Journal, run_id: str, version: str) -> tuple[int, float]:
    """Events read, and the milliseconds until its owner has the state: as an engine claims a run."""
    loop = ReducerLoop()
    began = time.perf_counter()
    claim = await journal.claim(run_id, OWNER, fold_version=version)
    if claim is None:
        raise AssertionError(f"run {run_id} could not be claimed")
    if version and claim.snapshot is None:
        raise AssertionError(f"run {run_id} has no snapshot")
    if _state(claim, loop) != claim.head.head_seq:
        raise AssertionError("the state is not that of the whole history")
    return len(claim.events), (time.perf_counter() - began) * 1000


def _state(claim: Claim, loop: ReducerLoop) -> int:
    if claim.snapshot is None:
        return fold(claim.events, loop).seq
    state = resumed(claim.snapshot, claim.events, loop)
    return 0 if state is None else state.seq
