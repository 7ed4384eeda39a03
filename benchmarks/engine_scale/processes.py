"""Processes that a benchmark starts: modules of ours and of peers, and servers."""

import asyncio
import json
import os
import shutil
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process, create_subprocess_exec
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

START_SECONDS = 20.0


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def until(holds: Callable[[], Awaitable[bool]], seconds: float, every: float = 0.02) -> None:
    """Asks again and again. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while True:
            if await holds():
                return
            await asyncio.sleep(every)


async def listening(port: int, seconds: float = START_SECONDS) -> None:
    """Once somebody takes connections there. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return


@asynccontextmanager
async def module(name: str, job: dict[str, Any], seconds: float = START_SECONDS) -> AsyncGenerator[Process]:
    """`python -m NAME JOB`, which says "ready" once it is and ends when its input does, or is killed."""
    process = await create_subprocess_exec(
        sys.executable, "-m", name, json.dumps(job), stdin=PIPE, stdout=PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(seconds):
            said = await process.stdout.readline()
        if said.strip() != b"ready":
            raise RuntimeError(f"{name} did not start: it said {said!r}")
        yield process
    except BaseException:
        if process.returncode is None:
            process.kill()
        raise
    finally:
        process.stdin.close()
        await process.wait()


@asynccontextmanager
async def redis() -> AsyncGenerator[str]:
    """A throw-away Redis that keeps nothing on disk."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="flowmatik-bench.") as folder:
        options = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder)
        server = await create_subprocess_exec(
            _redis_server(), "--port", str(port), *options, stdout=DEVNULL, stderr=DEVNULL
        )
        try:
            await listening(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.kill()
            await server.wait()


def _redis_server() -> str:
    found = shutil.which("redis-server", path=os.environ.get("PATH", os.defpath))
    if found is None:
        raise RuntimeError("redis-server is not installed; install Redis")
    return found
