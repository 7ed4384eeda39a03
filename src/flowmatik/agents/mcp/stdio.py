"""A server that is a process of ours: messages are lines on its standard input and output (MCP, "stdio")."""

import asyncio
import contextlib
import json
import logging
import os
import signal
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import cast

from flowmatik.agents.mcp.wire import Heard, Message, decoded, died, reply_to, unreachable
from flowmatik.agents.outbound import too_large
from flowmatik.kernel.errors import FlowmatikError
from flowmatik.kernel.redaction import Redactor

log = logging.getLogger(__name__)
END_SECONDS = 2.0  # for each of: closed input, SIGTERM
STDERR_LINES = 20
STDERR_LINE = 500
INPUT, OUTPUT = 0, 1  # file descriptors of the process


class _Pipes(asyncio.SubprocessProtocol):
    """The process as the loop tells of it. `ended` is done when its output is at its end and, soon after,
    the process too."""

    def __init__(self, wire: "StdioWire") -> None:
        self._wire = wire
        self._task: asyncio.Task[None] | None = None
        self.exited = asyncio.Event()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == OUTPUT:
            self._wire.heard_output(data)
        else:
            self._wire.heard_errors(data)

    def process_exited(self) -> None:
        self.exited.set()
        self._wire.signal(signal.SIGKILL)  # children that hold its output open

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == OUTPUT:
            self._task = asyncio.get_running_loop().create_task(self._finish(), name="mcp-end")

    async def _finish(self) -> None:
        """An end of its output is its end, though the code comes a moment later."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.exited.wait(), END_SECONDS)
        self._wire.over()


class StdioWire:
    """Implements `Wire`. The process has a session of its own, so that its children end with it; it gets
    the environment that it is given and nothing of ours."""

    def __init__(
        self,
        server: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        most: int,
        hidden: Collection[str] = (),
    ) -> None:
        """`hidden` are values of `env` that nobody may read in what the process says."""
        self._server = server
        self._command = tuple(command)
        self._env = dict(env)
        self._cwd = cwd
        self._most = most
        self._redactor = Redactor(hidden)
        self._process: asyncio.SubprocessTransport | None = None
        self._pipes = _Pipes(self)
        self._buffer = bytearray()
        self._waiting: dict[int | str, tuple[asyncio.Future[Message], Heard]] = {}
        self._stderr: deque[str] = deque(maxlen=STDERR_LINES)
        self._ended: FlowmatikError | None = None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._ended is None and not self._pipes.exited.is_set()

    async def open(self) -> None:
        try:
            process, _ = await asyncio.get_running_loop().subprocess_exec(
                lambda: self._pipes, *self._command, env=self._env, cwd=self._cwd, start_new_session=True
            )
        except (OSError, ValueError) as error:
            said = getattr(error, "strerror", "") or type(error).__name__
            raise unreachable(self._server, f"{self._command[0]!r} cannot be started: {said}") from error
        self._process = process

    def agreed(self, version: str) -> None:
        del version  # it stands in no message

    async def ask(self, message: Message, heard: Heard) -> Message:
        if not self.alive:
            why = self._ended
            raise unreachable(
                self._server, str(why.context.get("said", why.message)) if why else self._last_words()
            )
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[message["id"]] = future, heard
        try:
            self._write(message)
            return await future
        finally:
            self._waiting.pop(message["id"], None)

    async def tell(self, message: Message) -> None:
        if self.alive:
            self._write(message)

    def _write(self, message: Message) -> None:
        pipe = self._process.get_pipe_transport(INPUT) if self._process else None
        if pipe is not None and not pipe.is_closing():  # else the end of its output says the rest
            line = json.dumps(message, ensure_ascii=False).encode() + b"\n"
            cast("asyncio.WriteTransport", pipe).write(line)

    def heard_output(self, data: bytes) -> None:
        self._buffer += data
        if self._ended is not None:
            self._buffer.clear()
            return
        lines: list[bytearray] = []
        if b"\n" in data:  # else a long line would be looked through again with each piece of it
            *lines, self._buffer = self._buffer.split(b"\n")
        try:
            for line in lines:
                if line.strip():
                    self._take(decoded(bytes(line), self._server))
        except FlowmatikError as error:
            self._end(error)
        if len(self._buffer) > self._most:
            self._end(too_large(self._server, self._most))

    def heard_errors(self, data: bytes) -> None:
        """What it says on its standard error is kept in part, for whoever asks why it ended; its secrets
        are ours to hide."""
        for line in self._redactor.text(data.decode("utf-8", "replace")).splitlines():
            self._stderr.append(line[:STDERR_LINE])
            log.debug("an MCP server says", extra={"server": self._server, "said": line[:STDERR_LINE]})

    def _take(self, message: Message) -> None:
        if "method" not in message:
            waiting = self._waiting.get(message.get("id", ""))
            if waiting is not None and not waiting[0].done():
                waiting[0].set_result(message)
            return
        if (reply := reply_to(message)) is not None:
            self._write(reply)
        for heard in {heard for _, heard in self._waiting.values()}:  # each session once
            heard(message)

    def over(self) -> None:
        """Its output is at its end."""
        if self._ended is None:
            self._end(died(self._server, self._last_words()))

    def _end(self, why: FlowmatikError) -> None:
        """Whoever waits is told; what is left of the process is of no use any more."""
        self._ended = why
        for future, _ in self._waiting.values():
            if not future.done():
                future.set_exception(why)
        self.signal(signal.SIGKILL)

    def _last_words(self) -> str:
        code = self._process.get_returncode() if self._process else None
        said = f"exit code {code}" if code is not None else "its output is closed"
        words = next((line for line in reversed(self._stderr) if line.strip()), "")
        return f"{said}: {words.strip()[:200]}" if words else said

    async def close(self) -> None:
        """Its input is closed, which asks it to end; then it is told to, then it is made to."""
        process = self._process
        if process is None:
            return
        if (pipe := process.get_pipe_transport(INPUT)) is not None:
            pipe.close()
        for number in (0, signal.SIGTERM, signal.SIGKILL):
            if number:
                self.signal(number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._pipes.exited.wait(), END_SECONDS)
                break
        self.signal(signal.SIGKILL)
        process.close()

    def signal(self, number: int) -> None:
        """To the whole group, which may outlive its first process."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.get_pid(), number)
