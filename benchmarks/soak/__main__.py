"""python -m benchmarks.soak [--minutes N] [--rate R] [--tolerance MIB] [--json]

Steady load on PostgreSQL and Redis: a gateway (this process), a scheduler and two workers. The memory of each
is sampled every second; the first fifth of the time warms up. Exits 1 when one of them grows: when even the
low end of the 95 % interval of what it grew by in the time measured is more than the tolerance.
"""

import argparse
import asyncio
import logging
import sys
import time
from collections import deque
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from benchmarks.durable_steps.ours import PLAN
from benchmarks.engine_scale.parts import part
from benchmarks.engine_scale.processes import module, redis
from benchmarks.machine import describe
from benchmarks.soak.memory import Samples, report, sampled
from benchmarks.targets import databases
from flowmatik.contracts.plans import PlanTask, WaitSpec
from flowmatik.contracts.runs import NewRun, RunStatus, RunView
from flowmatik.core.build import EngineHandle
from flowmatik.core.services import Role
from flowmatik.stores.migrate import upgrade

NODE = "benchmarks.engine_scale.node"
WORKERS = 2
END_SECONDS = 60.0
POLL_SECONDS = 0.2
KINDS: tuple[tuple[PlanTask, ...], ...] = (
    PLAN,
    (
        PlanTask(id="wait", objective="", wait=WaitSpec(kind="time", seconds=1.0)),
        PlanTask(id="work", objective="", tool="work", arguments={"n": 1}, needs=("wait",)),
    ),
    (
        PlanTask(id="wait", objective="", wait=WaitSpec(kind="signal", name="go")),
        PlanTask(id="work", objective="", tool="work", arguments={"n": 1}, needs=("wait",)),
    ),
)
SIGNALLED = 2
SIGNAL_SECONDS = 1.0


@dataclass(slots=True)
class Load:
    """What went through; a run that ends otherwise than it should ends the soak."""

    begun: int = 0
    ended: int = 0
    took: deque[float] = field(default_factory=lambda: deque(maxlen=1000))

    async def one(self, gateway: EngineHandle, kind: int) -> None:
        began = time.perf_counter()
        run_id = await gateway.runs.create("default", NewRun(goal="soak", plan=KINDS[kind]))
        self.begun += 1
        if kind == SIGNALLED:
            await asyncio.sleep(SIGNAL_SECONDS)
            await gateway.signals.signal("default", run_id, "go", {"n": self.begun})
        async with asyncio.timeout(END_SECONDS):
            view = await _ended(gateway, run_id)
        if view.status is not RunStatus.SUCCEEDED:
            raise AssertionError(f"run {run_id} ended {view.status}: {view.error}")
        self.ended += 1
        self.took.append(time.perf_counter() - began)

    async def steady(self, gateway: EngineHandle, rate: float, seconds: float) -> None:
        began = time.perf_counter()
        async with asyncio.TaskGroup() as runs:
            for place in range(int(rate * seconds)):
                if (early := place / rate - (time.perf_counter() - began)) > 0:
                    await asyncio.sleep(early)
                runs.create_task(self.one(gateway, place % len(KINDS)))


async def _ended(gateway: EngineHandle, run_id: str) -> RunView:
    while True:
        view = await gateway.runs.wait("default", run_id)
        if view.status.ended:
            return view
        await asyncio.sleep(POLL_SECONDS)  # it rests, or has not heard of its signal yet


async def _soak(address: str, options: argparse.Namespace) -> tuple[Samples, Load]:
    await upgrade(address)
    load = Load()
    async with AsyncExitStack() as stack:
        job: dict[str, Any] = {"target": address, "redis": await stack.enter_async_context(redis())}
        scheduler = await stack.enter_async_context(module(NODE, {**job, "role": Role.SCHEDULER}))
        workers = [await stack.enter_async_context(module(NODE, job)) for _ in range(WORKERS)]
        gateway = await stack.enter_async_context(part(job, Role.GATEWAY))
        pids: dict[str, int | str] = {"gateway": "self", "scheduler": scheduler.pid}
        pids |= {f"worker_{n}": worker.pid for n, worker in enumerate(workers, 1)}
        async with sampled(pids) as samples:
            await load.steady(gateway, options.rate, options.minutes * 60)
    return samples, load


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=20.0, help="runs begun a second")
    parser.add_argument("--tolerance", type=float, default=4.0, help="MiB that a process may grow by")
    parser.add_argument("--json", action="store_true", help="one JSON object for each process")
    options = parser.parse_args(arguments)
    logging.disable(logging.WARNING)
    with databases() as fresh, fresh() as target:
        samples, load = asyncio.run(_soak(str(target["target"]), options))
    if load.ended < load.begun or not load.took:
        print(f"{load.begun - load.ended} of {load.begun} runs have not ended", file=sys.stderr)
        return 1
    if not options.json:
        last = sorted(load.took)
        print(
            f"{load.ended:,} runs, {options.rate:g} a second; of the last {len(last):,} the median took "
            f"{last[len(last) // 2]:.2f} s, the slowest {last[-1]:.2f} s. {describe()}"
        )
    return 1 if report(samples, options.tolerance, as_json=options.json) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
