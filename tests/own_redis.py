"""A Redis server of a test's own, that it may stop, start again and empty."""

import asyncio
import socket
from asyncio.subprocess import DEVNULL, Process, create_subprocess_exec
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.conftest import open_redis

TRIES = 3
START_SECONDS = 10.0


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class OwnRedis:
    """Keeps nothing on disk: whoever stops it loses what it has."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._options = options
        self.port = free_port()
        self._process: Process | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        base = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(self._folder))
        self._process = await create_subprocess_exec(
            "redis-server", "--port", str(self.port), *base, *self._options, stdout=DEVNULL, stderr=DEVNULL
        )
        async with asyncio.timeout(START_SECONDS):
            while not await self._answers():
                assert self._process.returncode is None, "redis-server has ended"
                await asyncio.sleep(0.02)

    async def _answers(self) -> bool:
        try:
            reader, writer = await open_redis(self.url)
        except OSError:
            return False
        try:
            writer.write(b"PING\r\n")
            return (await reader.readline()).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False
        finally:
            writer.close()

    async def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None


@asynccontextmanager
async def own_redis(folder: Path, *options: str) -> AsyncGenerator[OwnRedis]:
    server = OwnRedis(folder, *options)
    for attempt in range(1, TRIES + 1):
        try:
            await server.start()
            break
        except AssertionError:  # somebody else took the port
            if attempt == TRIES:
                raise
            server.port = free_port()
    try:
        yield server
    finally:
        await server.stop()
