"""Group commit: writes that arrive while a batch is being written go down together in the next.

There is no fixed delay: a write that finds an idle store starts at once.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from flowmatik.kernel.errors import JournalUnavailable, StoreFull


class OfRun(Protocol):
    @property
    def run_id(self) -> str: ...


Write = TypeVar("Write", bound=OfRun)
Answer = TypeVar("Answer")


class GroupCommit(Generic[Write, Answer]):
    """Collects writes of distinct runs (appends, or creations) into batches.

    `commit` writes a batch atomically and answers for each write. When it raises, each write is tried alone
    (it must not matter if it did go down), so that only the guilty run sees the error; a store that is
    away (JournalUnavailable, but for StoreFull) is so for the whole batch.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Write]], Awaitable[Sequence[Answer]]],
        *,
        lanes: int = 1,
        max_batch: int = 256,
    ) -> None:
        self._commit = commit
        self._lanes = lanes
        self._max_batch = max_batch
        self._waiting: deque[tuple[Write, asyncio.Future[Answer]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy = 0  # lanes at work; a task that is about to end is not, though still in _tasks
        self._in_flight: set[str] = set()
        self._closed = False

    async def write(self, write: Write) -> Answer:
        """Cancelling the caller abandons the answer, never the write."""
        if self._closed:
            raise JournalUnavailable("the journal is closed", retryable=False)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((write, answer))
        self._start_lane()
        return await answer

    async def close(self) -> None:
        """Refuses further writes and waits for those handed over."""
        self._closed = True
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _start_lane(self) -> None:
        if self._busy < self._lanes:
            self._busy += 1
            task = asyncio.create_task(self._work(), name="journal-group-commit")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        try:
            await self._empty_queue()
        finally:
            self._busy -= 1  # in the same turn as the last look at the queue: none is overlooked

    async def _empty_queue(self) -> None:
        while batch := self._take():
            runs = {write.run_id for write, _ in batch}
            self._in_flight |= runs
            try:
                await self._write(batch)
            finally:
                self._in_flight -= runs
                for write, answer in batch:  # only reached unanswered when this task was cancelled
                    if not answer.done():
                        answer.set_exception(_unknown(write.run_id))

    def _take(self) -> "list[tuple[Write, asyncio.Future[Answer]]]":
        """The oldest writes, at most one per run: the fence is one row per run."""
        batch: list[tuple[Write, asyncio.Future[Answer]]] = []
        later: list[tuple[Write, asyncio.Future[Answer]]] = []
        runs: set[str] = set()
        while self._waiting and len(batch) < self._max_batch:
            item = self._waiting.popleft()
            run_id = item[0].run_id
            if run_id in runs or run_id in self._in_flight:
                later.append(item)
            else:
                runs.add(run_id)
                batch.append(item)
        self._waiting.extendleft(reversed(later))
        return batch

    async def _write(self, batch: "Sequence[tuple[Write, asyncio.Future[Answer]]]") -> None:
        try:
            results = await self._commit([write for write, _ in batch])
        except Exception as error:  # whatever it is, the callers must hear of it
            away = isinstance(error, JournalUnavailable) and not isinstance(error, StoreFull)
            if len(batch) > 1 and not away:
                for item in batch:
                    await self._write((item,))
                return
            for _, answer in batch:
                _fail(answer, error)
        else:
            for (_, answer), result in zip(batch, results, strict=True):
                if not answer.done():
                    answer.set_result(result)


def _fail(answer: "asyncio.Future[Answer]", error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)


def _unknown(run_id: str) -> JournalUnavailable:
    return JournalUnavailable(
        f"nobody can tell whether what was written of run {run_id!r} went down; write the same again"
    )
