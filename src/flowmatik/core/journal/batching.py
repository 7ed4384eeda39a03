"""Group commit: appends that arrive while a batch is being written go down together in the next.

There is no fixed delay: an append that finds an idle store starts at once.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from flowmatik.core.journal.port import Append, Appended
from flowmatik.kernel.errors import Conflict, Fenced, InvalidInput, JournalUnavailable, StoreFull

Commit = Callable[[Sequence[Append]], Awaitable[list[Appended | None]]]
_Waiting = tuple[Append, "asyncio.Future[Appended]"]


class GroupCommit:
    """Collects appends of distinct runs into batches.

    `commit` writes a batch atomically and answers per append, None meaning fenced. When it raises
    InvalidInput, Conflict or StoreFull, nothing was written and each append is tried alone, so that only
    the guilty run sees the error. Any other error goes to the whole batch.
    """

    def __init__(self, commit: Commit, *, lanes: int = 1, max_batch: int = 256) -> None:
        self._commit = commit
        self._lanes = lanes
        self._max_batch = max_batch
        self._waiting: deque[_Waiting] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy = 0  # lanes at work; a task that is about to end is not, though still in _tasks
        self._in_flight: set[str] = set()
        self._closed = False

    async def append(self, append: Append) -> Appended:
        """Cancelling the caller abandons the answer, never the append."""
        if self._closed:
            raise JournalUnavailable("the journal is closed", retryable=False)
        answer: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
        self._waiting.append((append, answer))
        self._start_lane()
        return await answer

    async def close(self) -> None:
        """Refuses further appends and waits for those handed over."""
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
            runs = {append.run_id for append, _ in batch}
            self._in_flight |= runs
            try:
                await self._write(batch)
            finally:
                self._in_flight -= runs
                for append, answer in batch:  # only reached unanswered when this task was cancelled
                    if not answer.done():
                        answer.set_exception(_unknown(append))

    def _take(self) -> list[_Waiting]:
        """The oldest appends, at most one per run: the fence is one row per run."""
        batch: list[_Waiting] = []
        later: list[_Waiting] = []
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

    async def _write(self, batch: Sequence[_Waiting]) -> None:
        try:
            results = await self._commit([append for append, _ in batch])
        except (InvalidInput, Conflict, StoreFull) as error:
            if len(batch) > 1:
                for item in batch:
                    await self._write((item,))
            else:
                _answer(batch[0], error)
        except Exception as error:  # whatever it is, the callers must hear of it
            for item in batch:
                _answer(item, error)
        else:
            for item, result in zip(batch, results, strict=True):
                _answer(item, _fenced(item[0]) if result is None else result)


def _answer(item: _Waiting, result: Appended | Exception) -> None:
    future = item[1]
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)


def _fenced(append: Append) -> Fenced:
    return Fenced(
        f"run {append.run_id!r} is no longer at seq {append.expected_seq}, epoch {append.epoch}, in "
        f"workspace {append.workspace_id!r}: another owner has it, or it was parked; give it up",
        context={"run_id": append.run_id, "seq": append.expected_seq, "epoch": append.epoch},
    )


def _unknown(append: Append) -> JournalUnavailable:
    return JournalUnavailable(
        f"nobody can tell whether append {append.append_id!r} of run {append.run_id!r} went down; "
        "append it again with the same append id"
    )
