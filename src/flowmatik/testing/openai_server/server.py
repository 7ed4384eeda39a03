"""Runs the server on a thread of its own, on a free port of this machine."""

import asyncio
import socket
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import uvicorn

from flowmatik.kernel.errors import Unavailable
from flowmatik.testing.openai_server.app import Desk, build_app
from flowmatik.testing.openai_server.steps import Step

HOST = "127.0.0.1"
SECONDS = 10.0


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.ready.set()


class OpenAIServer:
    """A context manager. `base_url` ends in `/v1`; `calls` are the requests for completions so far,
    `embedded` those for embeddings, without keys. Each kind has its own script.

    Raises Unavailable when the port is taken.
    """

    def __init__(self, *script: Step, embeddings: Sequence[Step] = (), key: str = "", port: int = 0) -> None:
        self._desk = Desk(script=script or (Step(),), embeddings=embeddings or (Step(),), key=key)
        self._port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def tell(self, *script: Step) -> None:
        """From now on it answers by this script; the calls so far are forgotten."""
        with self._desk.lock:
            self._desk.script, self._desk.taken = script or (Step(),), {}
            self._desk.calls.clear()

    @property
    def base_url(self) -> str:
        return f"{self.address}/v1"

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self._port}"

    @property
    def calls(self) -> Sequence[dict[str, Any]]:
        with self._desk.lock:
            return tuple(self._desk.calls)

    @property
    def embedded(self) -> Sequence[dict[str, Any]]:
        with self._desk.lock:
            return tuple(self._desk.embedded)

    def start(self) -> None:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
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
        config = uvicorn.Config(
            build_app(self._desk), log_config=None, log_level="critical", timeout_graceful_shutdown=1
        )
        server = self._server = _Server(config)

        def serve() -> None:
            with listening:
                asyncio.run(server.serve(sockets=[listening]))

        self._thread = threading.Thread(target=serve, name="openai-server", daemon=True)
        self._thread.start()
        if not server.ready.wait(SECONDS):
            raise Unavailable(
                "the scripted model server did not start; see its thread's traceback",
                code="unavailable.script_server",
            )

    def stop(self) -> None:
        """Ends the server; unanswered calls are dropped."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
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
