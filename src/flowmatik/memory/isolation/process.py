"""The parent's hold on one worker. Its pipes are read and written in threads, which end when it does."""

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from flowmatik.memory.isolation import wire
from flowmatik.memory.limits import IngestLimits
from flowmatik.memory.prepare import Job, Prepared

_START_SECONDS = 120.0
# The package's own module is left out: it loads search, with numpy, which a parser does not need.
_BOOT = """
import sys, json, types
sys.path[:] = json.loads(sys.argv[3])
package = types.ModuleType("flowmatik.memory")
package.__path__ = [sys.argv[4]]
sys.modules["flowmatik.memory"] = package
from flowmatik.memory.isolation.worker import main
main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[5])
"""


class Refused(Exception):
    """This system starts no processes for us."""


class Lost(Exception):
    """The worker is gone without an answer; `status` is negative for a signal (-9: killed)."""

    def __init__(self, status: int | None, *, is_memory: bool = False) -> None:
        super().__init__(status)
        self.status = status
        self.is_memory = is_memory


class WorkerProcess:
    """One worker, started. `holds` are the measures of `confine` that hold in it."""

    def __init__(self, process: asyncio.subprocess.Process, jobs: int, answers: int) -> None:
        """`jobs` and `answers` are our ends of its pipes."""
        self._process = process
        self._jobs = os.fdopen(jobs, "wb")
        self._answers = os.fdopen(answers, "rb")
        self.holds: tuple[str, ...] = ()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    async def greet(self) -> None:
        """Wait until it is ready. Raises Lost when it ended instead."""
        try:
            hello = await asyncio.to_thread(wire.read_frame, self._answers, 1 << 16)
            self.holds = tuple(str(one) for one in wire.orjson.loads(hello[0] if hello else b"")["holds"])
        except (wire.Broken, OSError, ValueError, KeyError, TypeError) as error:
            raise Lost(await self.end()) from error

    async def ask(self, job: Job, limits: IngestLimits) -> Prepared | wire.Failure:
        """Raises Lost. Only once at a time."""
        try:
            answer = await asyncio.to_thread(self._converse, job, limits)
        except (wire.Broken, OSError) as error:
            raise Lost(await self.end()) from error
        if isinstance(answer, wire.Failure) and answer.is_memory:
            raise Lost(await self.end(), is_memory=True)
        return answer

    def _converse(self, job: Job, limits: IngestLimits) -> Prepared | wire.Failure:
        wire.write_frame(self._jobs, *wire.job_frame(job, limits))
        frame = wire.read_frame(self._answers, wire.MOST_REPLY)
        if frame is None:
            raise wire.Broken("no answer")
        return wire.read_answer(frame[0])

    def stop(self) -> None:
        """End it at once, whatever it does; who waits in `ask` gets Lost."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):  # its own `kill` may take away the status
                os.kill(self._process.pid, signal.SIGKILL)

    async def end(self) -> int:
        """End it and give back its pipes; nobody may be in `ask`. Its status."""
        self.stop()
        status = await self._process.wait()
        for pipe in (self._jobs, self._answers):
            with suppress(OSError):  # what was not yet written is nobody's any more
                pipe.close()
        return status


def _command(limits: IngestLimits, opens: str) -> list[str]:
    paths = [os.path.abspath(path) for path in sys.path]  # "" is the present folder
    boot = [sys.executable, "-I", "-X", "utf8", "-c", _BOOT]
    told = [
        str(os.getpid()),
        str(limits.worker_bytes),
        json.dumps(paths),
        str(Path(__file__).parents[1]),
        opens,
    ]
    return boot + told


async def start(limits: IngestLimits, opens: str = "") -> WorkerProcess:
    """`opens`: the one file that it may open, with what lies beside it. Raises Refused when there can be no
    process, Lost when it ended at once."""
    if not sys.executable:
        raise Refused("this program has no Python interpreter of its own to start")
    theirs_in, jobs = os.pipe()
    answers, theirs_out = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *_command(limits, opens),
            stdin=theirs_in,
            stdout=theirs_out,
            stderr=None,  # until it is ready, then it has none
            env={},  # an interpreter needs nothing of ours
            cwd=os.sep,
        )
    except BaseException as error:
        os.close(jobs)
        os.close(answers)
        if isinstance(error, OSError):
            raise Refused(str(error)) from error
        raise
    finally:
        os.close(theirs_in)
        os.close(theirs_out)
    worker = WorkerProcess(process, jobs, answers)
    greeting = asyncio.ensure_future(worker.greet())
    try:
        await asyncio.wait_for(asyncio.shield(greeting), _START_SECONDS)
    except BaseException as error:
        worker.stop()
        await asyncio.gather(greeting, return_exceptions=True)
        await worker.end()
        if isinstance(error, TimeoutError):
            raise Lost(None) from error
        raise
    return worker


async def measures(limits: IngestLimits) -> tuple[str, ...]:
    """Those of `confine` that hold in a worker here. Raises what `start` raises."""
    worker = await start(limits)
    await worker.end()
    return worker.holds
