"""A line between two addresses that a test may cut, and two hosts with a network of their own."""

import asyncio
import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from itertools import count

Opened = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_numbers = count(1)
CLONE_NEWNET = 0x40000000


class Line:
    """Carries what comes in at `server`'s socket to what `reach` opens. Severed, it drops every connection
    and takes no new one; silent, it holds them all and carries nothing."""

    def __init__(self, reach: Callable[[], Awaitable[Opened]]) -> None:
        self._reach = reach
        self._open = asyncio.Event()
        self._open.set()
        self._heard = asyncio.Event()
        self._heard.set()
        self._ends: set[asyncio.StreamWriter] = set()
        self._carriers: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def serve(self, at: socket.socket) -> None:
        self._server = await asyncio.start_server(self._taken, sock=at)
        self.port = at.getsockname()[1]

    def sever(self) -> None:
        self._open.clear()
        for end in self._ends:
            end.transport.abort()

    def mend(self) -> None:
        self._open.set()

    def silence(self) -> None:
        self._heard.clear()

    def sound(self) -> None:
        self._heard.set()

    async def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carriers.add(task)
        task.add_done_callback(self._carriers.discard)
        if not self._open.is_set():
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await self._reach()
        except OSError:
            writer.transport.abort()
            return
        self._ends |= {writer, far_writer}
        try:
            await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))
        finally:
            self._ends -= {writer, far_writer}
            writer.transport.abort()
            far_writer.transport.abort()

    async def _carry(self, source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                await self._heard.wait()
                to.write(data)
                await to.drain()
        to.close()

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        self.sound()
        self.sever()
        await asyncio.gather(*self._carriers)


@asynccontextmanager
async def line_to(reach: Callable[[], Awaitable[Opened]], at: socket.socket) -> AsyncGenerator[Line]:
    line = Line(reach)
    await line.serve(at)
    try:
        yield line
    finally:
        await line.close()


def loopback() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


class Hosts:
    """Two network namespaces, the stores' and a worker's, with one wire between them: what is sent over it
    while it is cut is lost without a word."""

    STORES, WORKER = "198.18.0.1", "198.18.0.2"  # of the range for tests of networks, seen by nobody else

    def __init__(self) -> None:
        number = next(_numbers)
        self._stores = f"fm{os.getpid()}s{number}"
        self._worker = f"fm{os.getpid()}w{number}"

    @property
    def prefix(self) -> tuple[str, ...]:
        """What runs a program on the worker's host."""
        return ("ip", "netns", "exec", self._worker)

    def make(self) -> None:
        for host in (self._stores, self._worker):
            _ip("netns", "add", host)
            _ip("-n", host, "link", "set", "lo", "up")
        wire = ("type", "veth", "peer", "name", "wire", "netns", self._worker)
        _ip("-n", self._stores, "link", "add", "wire", *wire)
        for host, address in ((self._stores, self.STORES), (self._worker, self.WORKER)):
            _ip("-n", host, "addr", "add", f"{address}/30", "dev", "wire")
            _ip("-n", host, "link", "set", "wire", "up")

    def listen(self) -> socket.socket:
        """On the stores' host. A socket stays in the network in which it was made; the thread that went
        there ends."""

        def inside() -> socket.socket:
            with open(f"/run/netns/{self._stores}", "rb") as network:
                if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            return socket.create_server((self.STORES, 0))

        with ThreadPoolExecutor(1) as visitor:
            return visitor.submit(inside).result()

    def cut(self) -> None:
        _ip("-n", self._stores, "link", "set", "wire", "down")

    def mend(self) -> None:
        _ip("-n", self._stores, "link", "set", "wire", "up")

    def remove(self) -> None:
        for host in (self._stores, self._worker):
            if os.path.exists(f"/run/netns/{host}"):
                _ip("netns", "del", host)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=20, check=False)
    if done.returncode != 0:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


@asynccontextmanager
async def hosts() -> AsyncGenerator[Hosts | None]:
    """None where this machine lets nobody make networks."""
    found = Hosts()
    if os.geteuid() != 0 or shutil.which("ip") is None:
        yield None
        return
    try:
        try:
            found.make()
        except OSError:
            yield None
        else:
            yield found
    finally:
        found.remove()
