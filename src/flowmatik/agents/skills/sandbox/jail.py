"""What every sandbox has in common, whatever program makes it: who runs, what it is given, and how it ends.

Every program gets namespaces of its own: users, processes, network, mounts, IPC. It sees the system's
libraries and a Python, read-only; a private /tmp in memory; what it was given; no home, no keys, no
environment, and no network. It is bound in processor time, memory, processes, files, output and time.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal, Protocol

from flowmatik.agents.skills.sandbox.census import memory_of
from flowmatik.kernel.errors import Unavailable

log = logging.getLogger(__name__)
NOBODY = 65534
PROBE_SECONDS = 10.0
LOOK_SECONDS = 0.05
# util-linux, as the next; not Python, which would fork for it: handlers that libraries have for that (gRPC's)
# run in the child then, and may end it.
AS_NOBODY = ("/usr/bin/setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--")
LIMIT = "/usr/bin/prlimit"  # util-linux; run inside, where only the sandbox's own processes count
SYSTEM = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
PYTHON_HOME = "/opt/python"
TMP = str(PurePosixPath("/", "tmp"))  # the sandbox's own
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": TMP, "LANG": "C.UTF-8", "TMPDIR": TMP}


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxLimits:
    """`memory` bytes of all its processes together, `cpu_seconds` of each, `output` bytes of what it
    prints, `disk` bytes of its /tmp, which count as memory."""

    seconds: float = 30.0
    cpu_seconds: int = 20
    memory: int = 512_000_000
    processes: int = 32
    output: int = 200_000
    disk: int = 64_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """`argv` as it is inside; `files` by their absolute paths there, which nobody may change."""

    argv: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=lambda: {})
    stdin: bytes = b""


Hold = Callable[[bytes], int]
Stopped = Literal["", "time", "memory", "output"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """`code`: its exit code, 128 + signal when one ended it. `stopped`: by which bound we ended it."""

    code: int
    stdout: str
    stderr: str
    stopped: Stopped = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Python:
    """`path` is how it is called inside; `folder` is where it lies outside, "" with the system."""

    path: str
    folder: str = ""


class Sandbox(Protocol):
    """One installation's."""

    limits: SandboxLimits

    @property
    def python(self) -> Python | None:
        """The program's own where an unprivileged user may read it, else the system's."""
        ...

    async def version(self) -> str:
        """Raises Unavailable (`unavailable.sandbox`) where nothing can be run in one, with what to do."""
        ...

    async def run(self, program: Program) -> Ended:
        """Raises Unavailable as above. Whoever stops waiting stops the program."""
        ...


class Jail(ABC):
    """Implements `Sandbox` with a program of the system's."""

    def __init__(self, limits: SandboxLimits | None, program: str) -> None:
        """`program`: where it lies, "" where there is none."""
        self.limits = limits or SandboxLimits()
        self._program = program
        self._turns = asyncio.Semaphore(4)
        self._works = False

    async def version(self) -> str:
        """Raises Unavailable (`unavailable.sandbox`) where nothing can be run in one, with what to do."""
        if not self._program:
            raise unavailable(
                "there is neither bubblewrap nor nsjail; install bubblewrap 0.8 or newer (Debian: apt-get "
                "install bubblewrap)"
            )
        if os.getuid() == 0 and shutil.which(AS_NOBODY[0]) is None:
            raise unavailable(f"{AS_NOBODY[0]} is not there; install util-linux")
        if self.python is None:
            raise unavailable(
                f"no unprivileged user can read the Python at {sys.base_prefix}; install the system's "
                "(Debian: apt-get install python3)"
            )
        probe = Program(argv=(self.python.path, "-I", "-S", "-c", "print('ready')"))
        ended = await self._run(probe, PROBE_SECONDS)
        if ended.code != 0 or ended.stdout != "ready\n":
            said = " ".join(ended.stderr.split())[:300] or f"exit code {ended.code}"
            raise unavailable(
                f"{Path(self._program).name} cannot make a sandbox here ({said}); unprivileged user "
                "namespaces have to be permitted (sysctl kernel.unprivileged_userns_clone, "
                "user.max_user_namespaces, AppArmor)"
            )
        self._works = True
        return await self._told_version()

    @abstractmethod
    async def _told_version(self) -> str: ...

    @abstractmethod
    def _command(self, argv: Sequence[str], files: Mapping[str, bytes], hold: Hold) -> list[str]:
        """How `argv` is run inside with `files`. What of them is to be read from a handle is held."""

    async def run(self, program: Program) -> Ended:
        """Raises Unavailable as above. Whoever stops waiting stops the program."""
        if not self._works:
            await self.version()
        async with self._turns:
            return await self._run(program, self.limits.seconds)

    @property
    def python(self) -> Python | None:
        """The program's own where an unprivileged user may read it, else the system's."""
        base = Path(sys.base_prefix)
        inside = f"bin/python3.{sys.version_info.minor}"
        if base == Path("/usr") or not (base / inside).exists():
            found = next((p for p in (f"/usr/{inside}", "/usr/bin/python3") if Path(p).exists()), "")
            return Python(path=found) if found else None
        if os.getuid() != 0 or all(one.stat().st_mode & 0o001 for one in (base, *base.parents)):
            return Python(path=f"{PYTHON_HOME}/{inside}", folder=str(base))
        found = "/usr/bin/python3"
        return Python(path=found) if Path(found).exists() else None

    async def _run(self, program: Program, seconds: float) -> Ended:
        with contextlib.ExitStack() as stack:
            handles: list[int] = []

            def hold(data: bytes) -> int:
                handles.append(_held(stack, data))
                return handles[-1]

            command = self._command(program.argv, program.files, hold)
            if os.getuid() == 0:  # whom the limit on processes would not bind
                command = [*AS_NOBODY, *command]
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=handles,
                env={},
                cwd="/",
                start_new_session=True,
            )
        try:
            return await _Watched(process, self.limits, seconds).ended(program.stdin)
        finally:
            if process.returncode is None:
                process.kill()  # with it ends the first process inside, and with that all others
                await process.wait()

    def _bounded(self, argv: Sequence[str]) -> list[str]:
        """`argv` under the limits of the kernel, which bind each process."""
        limits = self.limits
        bounds = {"core": 0, "cpu": limits.cpu_seconds, "as": limits.memory, "fsize": limits.disk}
        bounds |= {"nofile": 128, "nproc": limits.processes}
        return [LIMIT, *(f"--{name}={most}:{most}" for name, most in bounds.items()), "--", *argv]


def _held(stack: contextlib.ExitStack, data: bytes) -> int:
    """`data` in memory, to be read from a handle: nothing of it is ever on a disk."""
    handle = os.memfd_create("flowmatik")
    stack.callback(os.close, handle)
    with os.fdopen(os.dup(handle), "wb") as file:
        file.write(data)
    os.lseek(handle, 0, os.SEEK_SET)
    return handle


class _Watched:
    def __init__(self, process: asyncio.subprocess.Process, limits: SandboxLimits, seconds: float) -> None:
        self._process = process
        self._limits = limits
        self._seconds = seconds
        self._stopped: Stopped = ""
        self._left = limits.output
        self._out, self._err = bytearray(), bytearray()

    async def ended(self, stdin: bytes) -> Ended:
        watching = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout(self._seconds):
                await asyncio.gather(
                    self._feed(stdin),
                    self._read(self._process.stdout, self._out),
                    self._read(self._process.stderr, self._err),
                    self._process.wait(),
                )
        except TimeoutError:
            self._stop("time")
            await self._process.wait()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        code = self._process.returncode or 0
        return Ended(
            code=code if code >= 0 else 128 - code,
            stdout=self._out.decode("utf-8", "replace"),
            stderr=self._err.decode("utf-8", "replace"),
            stopped=self._stopped,
        )

    def _stop(self, why: Stopped) -> None:
        self._stopped = self._stopped or why
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def _feed(self, data: bytes) -> None:
        if (pipe := self._process.stdin) is None:
            return
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it need not read
            pipe.write(data)
            await pipe.drain()
        pipe.close()

    async def _read(self, stream: asyncio.StreamReader | None, found: bytearray) -> None:
        while stream is not None and (piece := await stream.read(65_536)):
            found += piece[: max(0, self._left)]
            self._left -= len(piece)
            if self._left < 0:
                self._stop("output")

    async def _watch(self) -> None:
        """The limit of the kernel binds each process; this one binds all of them together."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if await asyncio.to_thread(memory_of, self._process.pid) > self._limits.memory:
                self._stop("memory")


def unavailable(said: str) -> Unavailable:
    return Unavailable(
        f"code cannot be run in a sandbox on this machine: {said}",
        code="unavailable.sandbox",
        retryable=False,
        context={"said": said},
    )
