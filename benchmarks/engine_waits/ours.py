"""Flowmatik: waiting runs as rows, a scheduler and a worker in processes of their own."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks import clones
from benchmarks.durable_steps.ours import PLAN as TEN_STEPS
from benchmarks.engine_scale.parts import part
from benchmarks.engine_scale.processes import module, redis, until
from benchmarks.engine_waits.facts import Woken, gone_on, sizes
from benchmarks.machine import cpu_seconds, resident_mib
from flowmatik.contracts.plans import PlanTask, WaitSpec
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.core.build import EngineHandle
from flowmatik.core.services import Role
from flowmatik.stores.migrate import upgrade

NODE = "benchmarks.engine_scale.node"
START_SECONDS = 900.0  # a worker reads the beginning of every unfinished run before it says that it is ready
ORIGINALS = 200
WARM_UP = 200
AT_ONCE = 50
REST_SECONDS = 3.0
IDLE_SECONDS = 10.0
LEAST_SECONDS = 2.0  # from bringing timers forward to the first of them


def _plan(wait: WaitSpec) -> tuple[PlanTask, ...]:
    return (
        PlanTask(id="wait", objective="", wait=wait),
        PlanTask(id="work", objective="", tool="work", arguments={"n": 1}, needs=("wait",)),
    )


SIGNAL = _plan(WaitSpec(kind="signal", name="go"))
TIMER = _plan(WaitSpec(kind="time", seconds=10 * 365 * 86_400.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nodes:
    worker: int
    scheduler: int
    started: float  # seconds until both were ready

    def memory(self) -> dict[str, float]:
        return {f"{name}_mib": resident_mib(pid) for name, pid in self._pids().items()}

    def cpu(self) -> float:
        return sum(cpu_seconds(pid) for pid in self._pids().values())

    def _pids(self) -> dict[str, int]:
        return {"worker": self.worker, "scheduler": self.scheduler}


@asynccontextmanager
async def _nodes(job: dict[str, Any]) -> AsyncGenerator[_Nodes]:
    began = time.perf_counter()
    async with (
        module(NODE, {**job, "role": Role.SCHEDULER}, START_SECONDS) as scheduler,
        module(NODE, {**job, "role": Role.WORKER}, START_SECONDS) as worker,
    ):
        started = time.perf_counter() - began
        yield _Nodes(worker=worker.pid, scheduler=scheduler.pid, started=started)


async def measure(job: dict[str, Any]) -> dict[str, float]:
    await upgrade(str(job["target"]))
    connection = await clones.connect(str(job["target"]))
    try:
        async with redis() as address:
            job = {**job, "redis": address}
            async with part(job, Role.GATEWAY) as gateway:
                return await _measured(job, gateway, connection)
    finally:
        await connection.close()


async def _measured(job: dict[str, Any], gateway: EngineHandle, connection: Any) -> dict[str, float]:
    async with _nodes(job) as nodes:
        without = await _at_rest(nodes, gateway)
        found = {"parked_rate": await _park(gateway, connection, TIMER)}
        await _park(gateway, connection, SIGNAL)
        await _relayed(connection)
    began = time.perf_counter()
    await clones.clone(connection, await _waiting(connection, 2 * ORIGINALS), int(job["n"]))
    found |= {"cloned_seconds": time.perf_counter() - began, **await sizes(connection)}
    async with _nodes(job) as nodes:
        found["start_seconds"] = nodes.started
        there = await _at_rest(nodes, gateway)
        found |= there | {f"empty_{name}": value for name, value in without.items()}
        found |= await _wakes(job, gateway, connection)
    return found


async def _at_rest(nodes: _Nodes, gateway: EngineHandle) -> dict[str, float]:
    """Memory after some work, so that all that is loaded on the way is there; and the share of a core that
    both processes take with nothing to do, in per cent."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one() -> None:
        async with slots:
            run_id = await gateway.runs.create("default", NewRun(goal="ten steps", plan=TEN_STEPS))
            view = await gateway.runs.wait("default", run_id)
            if view.status is not RunStatus.SUCCEEDED:
                raise AssertionError(f"run {run_id} ended {view.status}: {view.error}")

    await asyncio.gather(*(one() for _ in range(WARM_UP)))
    await asyncio.sleep(REST_SECONDS)
    spent, began = nodes.cpu(), time.perf_counter()
    await asyncio.sleep(IDLE_SECONDS)
    idle = (nodes.cpu() - spent) / (time.perf_counter() - began) * 100
    return {**nodes.memory(), "idle": idle}


async def _park(gateway: EngineHandle, connection: Any, plan: tuple[PlanTask, ...]) -> float:
    """Runs that wait, made by the engine; how many a second."""
    before = await _count_waiting(connection)
    began = time.perf_counter()
    for _ in range(ORIGINALS // AT_ONCE):
        await asyncio.gather(
            *(gateway.runs.create("default", NewRun(goal="wait", plan=plan)) for _ in range(AT_ONCE))
        )

    async def parked() -> bool:
        return await _count_waiting(connection) >= before + ORIGINALS

    await until(parked, 60)
    return ORIGINALS / (time.perf_counter() - began)


async def _count_waiting(connection: Any) -> int:
    return int(await connection.fetchval("SELECT count(*) FROM runs WHERE status = 'waiting' AND owner = ''"))


async def _relayed(connection: Any) -> None:
    async def empty() -> bool:
        return await connection.fetchval("SELECT count(*) FROM outbox") == 0

    await until(empty, 60, 0.1)


async def _waiting(connection: Any, limit: int, *, timed: bool | None = None) -> list[str]:
    """Some that wait: for a time, for a signal, or either."""
    having = {None: "true", True: "t.run_id IS NOT NULL", False: "t.run_id IS NULL"}[timed]
    rows = await connection.fetch(
        "SELECT r.run_id FROM runs r LEFT JOIN timers t ON t.run_id = r.run_id "
        f"WHERE r.status = 'waiting' AND r.owner = '' AND r.ready = 0 AND {having} LIMIT $1",
        limit,
    )
    return [row["run_id"] for row in rows]


Wake = Callable[[Any, EngineHandle, Sequence[str], float], Awaitable[dict[str, float]]]


async def _by_timers(
    connection: Any, _: EngineHandle, run_ids: Sequence[str], rate: float
) -> dict[str, float]:
    """Timers brought forward: all to one moment (`rate` 0), or so many a second."""
    first = time.time() + LEAST_SECONDS
    due = {run_id: first + (place / rate if rate else 0) for place, run_id in enumerate(run_ids)}
    await connection.execute(
        "UPDATE timers t SET due_at = d.due "
        "FROM unnest($1::text[], $2::double precision[]) AS d (run_id, due) WHERE t.run_id = d.run_id",
        list(due),
        list(due.values()),
    )
    return due


async def _by_signals(_: Any, gateway: EngineHandle, run_ids: Sequence[str], rate: float) -> dict[str, float]:
    """Posted as fast as they go, AT_ONCE at a time (`rate` 0), or so many a second."""
    posted: dict[str, float] = {}
    slots = asyncio.Semaphore(AT_ONCE)

    async def post(run_id: str) -> None:
        async with slots:
            posted[run_id] = time.time()
            await gateway.signals.signal("default", run_id, "go", {"n": 1})

    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for place, run_id in enumerate(run_ids):
            if rate and (early := place / rate - (time.perf_counter() - began)) > 0:
                await asyncio.sleep(early)
            tasks.create_task(post(run_id))
    return posted


async def _wakes(job: dict[str, Any], gateway: EngineHandle, connection: Any) -> dict[str, float]:
    found: dict[str, float] = {}
    rate, seconds, burst = float(job["rate"]), float(job["seconds"]), int(job["burst"])
    ways: dict[str, tuple[Wake, bool]] = {"timers": (_by_timers, True), "signals": (_by_signals, False)}
    for name, (wake, timed) in ways.items():
        for kind, count, pace in (("steady", int(rate * seconds), rate), ("burst", burst, 0.0)):
            run_ids = await _waiting(connection, count, timed=timed)
            if len(run_ids) < count:
                raise AssertionError(f"{len(run_ids)} of {count} runs are there to be woken; raise n")
            woken: Woken = await gone_on(connection, await wake(connection, gateway, run_ids, pace))
            found |= {f"{name}_{kind}_{key}": value for key, value in woken.figures().items()}
    return found
