"""Flowmatik as a cluster: a gateway and a scheduler here, workers in processes of their own."""

import asyncio
import json
import socket
import statistics
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE, Process, create_subprocess_exec
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from benchmarks.durable_steps.load import runs, steps_per_second
from benchmarks.durable_steps.ours import PLAN
from benchmarks.engine_scale.parts import part
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.core.build import EngineHandle
from flowmatik.core.services import Role
from flowmatik.stores.migrate import upgrade

START_SECONDS = 20.0


@asynccontextmanager
async def _redis() -> AsyncGenerator[str]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="flowmatik-bench.") as folder:
        options = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder)
        server = await create_subprocess_exec(
            "redis-server", "--port", str(port), *options, stdout=DEVNULL, stderr=DEVNULL
        )
        try:
            await _answers(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.kill()
            await server.wait()


async def _answers(port: int) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return


@asynccontextmanager
async def _worker(job: dict[str, Any]) -> AsyncGenerator[Process]:
    process = await create_subprocess_exec(
        sys.executable, "-m", "benchmarks.engine_scale.node", json.dumps(job), stdin=PIPE, stdout=PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_SECONDS):
            await process.stdout.readline()
        yield process
    finally:
        process.stdin.close()
        await process.wait()


async def measure(job: dict[str, Any]) -> dict[str, float]:
    await upgrade(str(job["target"]))
    async with AsyncExitStack() as stack:
        job = {**job, "redis": await stack.enter_async_context(_redis())}
        await stack.enter_async_context(part(job, Role.SCHEDULER))
        gateway = await stack.enter_async_context(part(job, Role.GATEWAY))
        for _ in range(int(job["workers"])):
            await stack.enter_async_context(_worker(job))
        if job.get("mode") == "one":
            return {"value": await _latency(job, gateway)}
        return {"value": (await steps_per_second(job, lambda: _one_run(gateway)))["value"]}


async def _one_run(gateway: EngineHandle) -> None:
    run_id = await gateway.runs.create("default", NewRun(goal="ten steps", plan=PLAN))
    view = await gateway.runs.wait("default", run_id)
    if view.status is not RunStatus.SUCCEEDED or len(view.tasks) != len(PLAN):
        raise AssertionError(f"run {run_id} ended {view.status}: {view.error}")


async def _latency(job: dict[str, Any], gateway: EngineHandle) -> float:
    """The median, in milliseconds."""
    took: list[float] = []
    for _ in range(runs(job)):
        began = time.perf_counter()
        await _one_run(gateway)
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000
