"""The HTTP server around a platform: bound before it is announced, drained before it ends."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import uvicorn

from flowmatik.kernel.errors import Unavailable

DRAIN_SECONDS = 5.0
GRACE_SECONDS = 2.0  # for uvicorn itself, after the requests
UNTAKEN_MILLISECONDS = 60_000
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A server that answers at `url`."""

    url: str
    stop_asked: asyncio.Event
    ended: asyncio.Task[None]

    async def stopping(self) -> None:
        """Until somebody asks it to stop; raises what the server failed with."""
        asked = asyncio.create_task(self.stop_asked.wait())
        await asyncio.wait({asked, self.ended}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if self.ended.done():
            self.ended.result()


class _Server(uvicorn.Server):
    """uvicorn raises caught signals again after serving, which would kill the process before
    the engine has stopped; here the program owns the signals."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@asynccontextmanager
async def serve(
    app: Any, *, host: str, port: int, drain_seconds: float = DRAIN_SECONDS
) -> AsyncGenerator[Serving]:
    """Serve the ASGI `app` while the block runs; port 0 takes a free one. At the end requests
    under way have `drain_seconds` to finish.

    Raises Unavailable (`unavailable.port`) when the address cannot be had.
    """
    listener = _listen(host, port)
    address = listener.getsockname()
    shown = f"[{address[0]}]" if listener.family is socket.AF_INET6 else address[0]
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        http="h11",  # which bounds what it keeps of a head that does not end; httptools does not
        timeout_graceful_shutdown=cast("int", drain_seconds),  # only ever given to asyncio.wait_for
    )
    server = _Server(config)
    ended = asyncio.create_task(server.serve(sockets=[listener]), name="http")
    try:
        ready = asyncio.create_task(server.ready.wait())
        await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        yield Serving(url=f"http://{shown}:{address[1]}", stop_asked=asyncio.Event(), ended=ended)
    finally:
        server.should_exit = True
        await asyncio.wait({ended}, timeout=drain_seconds + GRACE_SECONDS)
        ended.cancel()
        await asyncio.gather(ended, return_exceptions=True)
        listener.close()


@asynccontextmanager
async def stopped_by_signals(serving: Serving) -> AsyncGenerator[None]:
    """SIGINT and SIGTERM ask `serving` to stop; a second one is left to its default."""
    loop = asyncio.get_running_loop()

    def ask() -> None:
        serving.stop_asked.set()
        for number in SIGNALS:
            loop.remove_signal_handler(number)

    for number in SIGNALS:
        loop.add_signal_handler(number, ask)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


def _listen(host: str, port: int) -> socket.socket:
    listener: socket.socket | None = None
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # of every connection: what a reader never takes is let go of
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNTAKEN_MILLISECONDS)
        listener.bind((host, port))
    except OSError as error:
        if listener is not None:
            listener.close()
        raise Unavailable(
            f"cannot listen on {host}:{port}: {error.strerror or error}; choose another port with --port",
            code="unavailable.port",
            retryable=False,
            context={"host": host, "port": port},
        ) from error
    return listener
