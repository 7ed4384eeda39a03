"""Restate: a server on loopback, its handlers in one or more processes, called through the ingress."""

import asyncio
import itertools
import os
import platform
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, create_subprocess_exec
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.durable_steps.load import STEPS, one_at_a_time, steps_per_second
from benchmarks.engine_scale.ingress import Ingress, Refused
from benchmarks.engine_scale.processes import free_port, listening, module
from flowmatik.kernel import canonical

SERVICE = "benchmarks.engine_scale.restate_service"
SETTINGS = Path(__file__).with_name("restate.toml")
PACKAGES = Path(__file__).resolve().parents[2] / "requirements/npm/node_modules/@restatedev"
START_SECONDS = 60.0
MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


def program() -> Path:
    """Where npm puts the server for this machine."""
    kind = MACHINES.get(platform.machine().lower(), platform.machine())
    return PACKAGES / f"restate-server-{platform.system().lower()}-{kind}" / "bin" / "restate-server"


def lacking() -> list[str]:
    return [] if program().exists() else ["@restatedev/restate-server (npm)"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    ingress: str
    admin: str


@asynccontextmanager
async def _server() -> AsyncGenerator[_Server]:
    node, ingress, admin = free_port(), free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="flowmatik-bench.") as folder:
        process = await create_subprocess_exec(
            program(), "--no-logo", "--config-file", SETTINGS, "--base-dir", folder,
            env={
                **os.environ,
                "RESTATE_BIND_PORT": str(node),
                "RESTATE_INGRESS__BIND_PORT": str(ingress),
                "RESTATE_ADMIN__BIND_PORT": str(admin),
            },
            stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE,
        )  # fmt: skip
        said = asyncio.create_task(_last_words(process.stderr))
        try:
            for port in (admin, ingress):
                await listening(port, START_SECONDS)
            yield _Server(ingress=f"http://127.0.0.1:{ingress}", admin=f"http://127.0.0.1:{admin}")
        except TimeoutError as error:
            process.kill()
            raise RuntimeError(f"restate-server did not start: {await said}") from error
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await said


async def _last_words(stream: asyncio.StreamReader | None) -> str:
    text = b""
    while stream is not None and (more := await stream.read(4096)):
        text = (text + more)[-2000:]
    return text.decode(errors="replace")


async def _register(admin: httpx.AsyncClient, port: int) -> None:
    """The server may take a moment until its partitions have leaders, the handlers until they are served."""
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                answer = await admin.post("/deployments", json={"uri": f"http://127.0.0.1:{port}"})
            except httpx.TransportError as error:
                said = str(error)
            else:
                if answer.is_success:
                    return
                said = answer.text
                if answer.is_client_error:
                    raise RuntimeError(f"Restate refused the deployment: {said}")
            await asyncio.sleep(0.1)


async def measure(job: dict[str, Any]) -> dict[str, float]:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(_server())
        admin = await stack.enter_async_context(httpx.AsyncClient(base_url=server.admin, timeout=30))
        names = [f"chain{n}" for n in range(int(job["workers"]))]
        for name in names:  # one connection carries many calls, so each process has a service of its own
            port = free_port()
            await stack.enter_async_context(module(SERVICE, {"service": name, "port": port}))
            await listening(port)
            await _register(admin, port)
        client = stack.enter_context(closing(Ingress(server.ingress)))
        turns = itertools.cycle(names)

        async def one_run() -> None:
            answer = await client.post(f"/{next(turns)}/chain")
            if len(canonical.loads(answer)) != STEPS:
                raise AssertionError(f"the handler ended with {answer[:200]!r}")

        await _first(one_run)
        if job.get("mode") == "one":
            return await one_at_a_time(job, one_run)
        return {"value": (await steps_per_second(job, one_run))["value"]}


async def _first(one_run: Any) -> None:
    """The ingress hears of a new service a moment after the admin does."""
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                return await one_run()
            except Refused as error:
                if error.status != 404:
                    raise
            await asyncio.sleep(0.1)
