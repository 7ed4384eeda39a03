"""Runs a scripted server on a thread of its own, on a free port of this machine."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from flowmatik.kernel.errors import Unavailable
from flowmatik.testing.model_server.desk import Desk, Orders
from flowmatik.testing.model_server.http import Answer, Call, Connection, Watch
from flowmatik.testing.model_server.steps import Step

HOST = "127.0.0.1"
SECONDS = 10.0
BACKLOG = 2_048  # a thousand clients may connect at the same moment

Routes = Callable[[Desk, Call], Answer]


class ScriptedServer:
    """A context manager. `calls` are the requests for completions so far, without keys.

    Raises Unavailable when the port is taken.
    """

    def __init__(self, routes: Routes, orders: Orders, *, port: int = 0, shared: bool = False) -> None:
        self._routes, self._desk = routes, Desk(orders)
        self._port, self._shared = port, shared
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None

    def tell(self, *script: Step) -> None:
        """From now on it answers by this script; the calls so far are forgotten."""
        self._desk.tell(script or (Step(),))

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self._port}"

    @property
    def port(self) -> int:
        return self._port

    @property
    def calls(self) -> Sequence[dict[str, Any]]:
        with self._desk.lock:
            return tuple(self._desk.calls)

    @property
    def watch(self) -> Watch:
        """How many calls are going on, the most at once, and those whose client left before the end."""
        return self._desk.watch

    def start(self) -> None:
        listening = self._listening()
        started = threading.Event()

        def serve() -> None:
            with listening:
                asyncio.run(self._serve(listening, started))

        self._thread = threading.Thread(target=serve, name="scripted-server", daemon=True)
        self._thread.start()
        if not started.wait(SECONDS):
            raise Unavailable(
                "the scripted model server did not start; see its thread's traceback",
                code="unavailable.script_server",
            )

    def stop(self) -> None:
        """Ends the server; unanswered calls are dropped."""
        if self._thread is None or self._loop is None or self._ended is None:
            return
        with contextlib.suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(SECONDS)

    def wait(self) -> None:
        """Until the server ends."""
        if self._thread is not None:
            self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _listening(self) -> socket.socket:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._shared:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            listening.bind((HOST, self._port))
        except OSError as error:
            listening.close()
            raise Unavailable(
                f"port {self._port} cannot be used: {error}; choose another or 0",
                code="unavailable.port",
                context={"host": HOST, "port": self._port},
            ) from error
        self._port = listening.getsockname()[1]
        return listening

    async def _serve(self, listening: socket.socket, started: threading.Event) -> None:
        loop = self._loop = asyncio.get_running_loop()
        ended = self._ended = asyncio.Event()
        desk = self._desk

        def connection() -> Connection:
            return Connection(lambda call: self._routes(desk, call), desk.watch)

        server = await loop.create_server(connection, sock=listening, backlog=BACKLOG)
        started.set()
        await ended.wait()
        server.close()
        for one in tuple(desk.watch.connections):
            one.abort()
        await asyncio.sleep(0)  # lets the connections see that they are gone
