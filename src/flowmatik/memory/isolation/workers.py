"""The workers of one memory: started at need, kept warm, replaced when one is lost."""

import asyncio
import logging
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.formats import Formats
from flowmatik.memory.isolation.process import Lost, Refused, WorkerProcess, start
from flowmatik.memory.isolation.wire import Failure
from flowmatik.memory.limits import IngestLimits
from flowmatik.memory.prepare import Job, Prepared, run_job

_log = logging.getLogger(__name__)
_OUT_OF_TIME = -getattr(signal, "SIGXCPU", 24)
_OPENED_BY_PATH = frozenset(("sqlite",))  # by their library; every other parser is given the bytes
_GRACE_SECONDS = 1.0  # for a parser that looks at the clock itself to say so


class Workers:
    """At most `limits.workers` files are parsed side by side. Close it when done."""

    def __init__(self, limits: IngestLimits) -> None:
        """Starts nothing. Raises ConfigurationError when a parser's manifest is wrong."""
        self._limits = limits
        self._formats = Formats()
        self._slots = _Slots(limits.workers)
        self._all: set[WorkerProcess] = set()
        self._idle: list[WorkerProcess] = []
        self._timers: dict[WorkerProcess, asyncio.TimerHandle] = {}
        self._ending: set[asyncio.Future[int]] = set()
        self._refused = False

    @property
    def pids(self) -> tuple[int, ...]:
        """Of the workers that there are."""
        return tuple(worker.pid for worker in self._all)

    @property
    def holds(self) -> tuple[str, ...]:
        """The measures of `confine` that hold in every worker there is, () without one."""
        held = [set(worker.holds) for worker in self._all]
        return tuple(sorted(set[str].intersection(*held))) if held else ()

    async def prepare(self, job: Job) -> Prepared:
        """The record of one file. Raises DocumentError: `document.timeout` when it took longer than
        `parse_seconds`, `document.memory` or `document.killed` when it brought down its worker, and again
        a fresh one while nothing else was parsed."""
        if self._refused:
            return await self._here(job)
        try:
            async with self._slots.shared():
                return await self._once(job)
        except Refused as error:
            self._refused = True
            _log.warning(
                "no process can be started here: documents are parsed in this one, without limits of memory",
                extra={"error": str(error)},
            )
            return await self._here(job)
        except Lost as lost:
            _log.warning("a parser process was lost", extra={"source": job.name, "status": lost.status})
        async with self._slots.alone():
            await self._drop_idle()
            try:
                return await self._once(job)
            except Lost as lost:
                raise _fatal(job, lost) from lost

    async def close(self) -> None:
        """End all of them; what they were parsing is lost."""
        for worker in self._all.difference(self._idle):
            worker.stop()
        await self._drop_idle()

    async def _once(self, job: Job) -> Prepared:
        by_path = job.format_id in _OPENED_BY_PATH
        worker = await (self._started(job.stamp.path) if by_path else self._take())
        seconds = self._limits.parse_seconds
        asked = asyncio.ensure_future(worker.ask(job, self._limits))
        try:
            answer = await asyncio.wait_for(asyncio.shield(asked), seconds + _GRACE_SECONDS)
        except BaseException as error:
            worker.stop()
            self._all.discard(worker)
            await asyncio.gather(asked, return_exceptions=True)
            await worker.end()
            if isinstance(error, TimeoutError) or (isinstance(error, Lost) and error.status == _OUT_OF_TIME):
                raise _timeout(job, seconds) from error
            raise
        if by_path:  # it may open what the next file's must not
            self._all.discard(worker)
            await worker.end()
        else:
            self._put_back(worker)
        if isinstance(answer, Failure):
            raise DocumentError(
                answer.message,
                code=answer.code,
                context=dict(answer.context),
                retryable=answer.retryable,
            )
        return answer

    async def _take(self) -> WorkerProcess:
        while self._idle:
            worker = self._unlist(self._idle[-1])
            if worker.is_alive:
                self._all.add(worker)
                return worker
            await worker.end()
        return await self._started()

    async def _started(self, opens: str = "") -> WorkerProcess:
        worker = await start(self._limits, opens)
        self._all.add(worker)
        return worker

    def _put_back(self, worker: WorkerProcess) -> None:
        self._idle.append(worker)
        loop = asyncio.get_running_loop()
        self._timers[worker] = loop.call_later(self._limits.worker_idle_seconds, self._expire, worker)

    def _unlist(self, worker: WorkerProcess) -> WorkerProcess:
        self._timers.pop(worker).cancel()
        self._idle.remove(worker)
        self._all.discard(worker)
        return worker

    def _expire(self, worker: WorkerProcess) -> None:
        ending = asyncio.ensure_future(self._unlist(worker).end())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def _drop_idle(self) -> None:
        while self._idle:
            await self._unlist(self._idle[-1]).end()
        await asyncio.gather(*self._ending)

    async def _here(self, job: Job) -> Prepared:
        seconds = self._limits.parse_seconds
        work = asyncio.to_thread(run_job, job, self._formats, self._limits)
        try:
            return await asyncio.wait_for(work, seconds + _GRACE_SECONDS)
        except TimeoutError as error:
            raise _timeout(job, seconds) from error


class _Slots:
    """Some side by side, or one alone."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._busy = 0
        self._alone = False
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def shared(self) -> AsyncGenerator[None]:
        async with self._changed:
            await self._changed.wait_for(lambda: not self._alone and self._busy < self._most)
            self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            await self._tell()

    @asynccontextmanager
    async def alone(self) -> AsyncGenerator[None]:
        async with self._changed:
            await self._changed.wait_for(lambda: not self._alone)
            self._alone = True
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: self._busy == 0)
            yield
        finally:
            self._alone = False
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def _timeout(job: Job, seconds: float) -> DocumentError:
    return DocumentError(
        f"{job.name}: reading took longer than {seconds:g} s; split the file or simplify it",
        code="document.timeout",
    )


def _fatal(job: Job, lost: Lost) -> DocumentError:
    if lost.is_memory:
        return DocumentError(
            f"{job.name}: reading it takes more memory than a parser may have; split the file",
            code="document.memory",
        )
    return DocumentError(
        f"{job.name}: reading it ended the parser's process, twice (status {lost.status}); "
        "open the file and save it again, or leave it out",
        code="document.killed",
        context={"status": lost.status},
    )
