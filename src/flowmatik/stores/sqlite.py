"""One SQLite file: a writer connection on its own thread and a read-only one on another.

Only the writer connection ever writes or checkpoints, which is what keeps SQLite versions with
the WAL fault (before 3.51.3) from corrupting the file.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from flowmatik.contracts.database import Row, Statement
from flowmatik.kernel.errors import Conflict, FlowmatikError, InvalidInput, JournalUnavailable, StoreFull
from flowmatik.kernel.placeholders import numbered
from flowmatik.kernel.sqlite import Connection, connect, is_damage, sqlite3

T = TypeVar("T")

# Primary result codes of SQLite that mean "not now": https://sqlite.org/rescode.html
_PERM, _BUSY, _LOCKED, _NOMEM, _READONLY, _IOERR, _FULL, _CANTOPEN = 3, 5, 6, 7, 8, 10, 13, 14
_UNAVAILABLE = frozenset({_PERM, _BUSY, _LOCKED, _NOMEM, _READONLY, _IOERR, _FULL, _CANTOPEN})


def translated(error: Exception, path: Path) -> FlowmatikError | None:
    """Our error for what SQLite or its driver raised; None for a mistake in the program."""
    if isinstance(error, (UnicodeEncodeError, OverflowError, sqlite3.DataError)):
        return InvalidInput(
            f"a value cannot be stored in {path.name}: {error}",
            code="input.value",
            context={"store": path.name, "said": str(error)},
        )
    if isinstance(error, sqlite3.IntegrityError):
        if "UNIQUE constraint failed" in str(error):
            return Conflict(f"{path.name} has such a row already: {error}", code="conflict.exists")
        return InvalidInput(
            f"{path.name} refuses a value: {error}",
            code="input.value",
            context={"store": path.name, "said": str(error)},
        )
    if is_damage(error):
        return JournalUnavailable(
            f"the database {str(path)!r} is damaged: {error}. Stop every flowmatik of this home, keep "
            "a copy of the file, and put back a backup; without one, move the file away and run "
            "`flowmatik init`",
            code="unavailable.damaged",
            retryable=False,
            context={"path": str(path), "said": str(error)},
        )
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(error, sqlite3.Error) and isinstance(code, int) and code & 0xFF in _UNAVAILABLE:
        kind = StoreFull if code & 0xFF == _FULL else JournalUnavailable
        return kind(
            f"the database {str(path)!r} cannot be used now: {error}; "
            "nothing was written. Free the disk or close the other program, then try again",
            context={"path": str(path), "said": str(error)},
        )
    return None


_GROUP = 64  # writes that share a transaction, and with it a sync of the disk


@dataclass(frozen=True, slots=True)
class _Write:
    work: Callable[[Any], Any]
    loop: asyncio.AbstractEventLoop
    answer: "asyncio.Future[Any]"


class SqliteStore:
    """The one writer of a SQLite file (contract `SqliteWriter`).

    Writes that wait while another is under way share its successor's transaction, each in a savepoint
    of its own: one that fails takes nothing of the others with it. A full disk may undo
    the whole transaction; then each is tried alone, for what is small may still fit. Opens lazily, so that
    constructing it does nothing; `close()` waits for writes under way.
    What is deleted is written over. `synchronous`: FULL survives a power cut, NORMAL may lose the last
    commits to one.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        synchronous: Literal["FULL", "NORMAL"] = "FULL",
        busy_timeout_ms: int = 2000,
        max_page_count: int | None = None,
    ) -> None:
        self.path = Path(path)
        self.synchronous: Literal["FULL", "NORMAL"] = synchronous
        self._busy_timeout_ms = busy_timeout_ms
        self._max_page_count = max_page_count
        self._writing = ThreadPoolExecutor(1, thread_name_prefix=f"write-{self.path.name}")
        self._reading = ThreadPoolExecutor(1, thread_name_prefix=f"read-{self.path.name}")
        self._writer: Connection | None = None
        self._reader: Connection | None = None
        self._closed = False
        self._lock = threading.Lock()  # guards the two below
        self._waiting: deque[_Write] = deque()
        self._emptying = False

    async def write(self, work: Callable[[Any], T]) -> T:
        """`work(connection)` inside BEGIN IMMEDIATE … COMMIT; rolled back if it raises. A write
        once handed over goes through even if the caller is cancelled."""
        self._refuse_if_closed()
        loop = asyncio.get_running_loop()
        write = _Write(work, loop, loop.create_future())
        with self._lock:
            self._waiting.append(write)
            idle, self._emptying = not self._emptying, True
        if idle:
            self._writing.submit(self._empty_queue)
        return await asyncio.shield(write.answer)

    async def read(self, work: Callable[[Any], T]) -> T:
        """`work(connection)` on a read-only connection that sees everything committed."""
        self._refuse_if_closed()
        return await asyncio.get_running_loop().run_in_executor(self._reading, self._read, work)

    async def checkpoint(self) -> bool:
        """On the writer's thread and connection, between two transactions."""
        self._refuse_if_closed()
        return await asyncio.get_running_loop().run_in_executor(self._writing, self._checkpoint)

    def _checkpoint(self) -> bool:
        try:
            busy = self._open_writer().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.Error as error:
            raise translated(error, self.path) or error from error
        return not busy

    async def close(self) -> None:
        """Idempotent. The writer closes last, so that it alone checkpoints."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._shut)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise JournalUnavailable(f"the database {str(self.path)!r} is closed", retryable=False)

    def _open_writer(self) -> Connection:
        if self._writer is None:
            connection = connect(self.path, synchronous=self.synchronous)
            connection.execute(f"PRAGMA busy_timeout = {self._busy_timeout_ms}")
            # Also what a page splits off or an update replaces: later deletions would leave those copies.
            connection.execute("PRAGMA secure_delete = ON")
            if self._max_page_count is not None:
                connection.execute(f"PRAGMA max_page_count = {self._max_page_count}")
            self._writer = connection
        return self._writer

    def _empty_queue(self) -> None:
        while group := self._next_group():
            _answer(group, self._results([write.work for write in group]))

    def _results(self, works: Sequence[Callable[[Any], Any]]) -> list[Any]:
        try:
            return self._write_group(works)
        except BaseException as error:  # whatever it is, the callers must hear of it
            if isinstance(error, StoreFull) and len(works) > 1:
                return [self._results([work])[0] for work in works]
            return [error] * len(works)

    def _next_group(self) -> list[_Write]:
        with self._lock:
            group = [self._waiting.popleft() for _ in range(min(len(self._waiting), _GROUP))]
            self._emptying = bool(group)
        return group

    def _write_group(self, works: Sequence[Callable[[Any], Any]]) -> list[Any]:
        """What each work returned or raised. Raises, with nothing written, when none could be."""
        try:
            connection = self._open_writer()
            connection.execute("BEGIN IMMEDIATE")
            try:
                alone = len(works) == 1
                results = [works[0](connection)] if alone else [self._apart(connection, w) for w in works]
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return results
        except (sqlite3.Error, ValueError, OverflowError) as error:
            raise translated(error, self.path) or error from error

    def _apart(self, connection: Connection, work: Callable[[Any], Any]) -> Any:
        """The result of one work of several, or its error once its changes are undone."""
        connection.execute("SAVEPOINT apart")
        try:
            result = work(connection)
        except Exception as error:
            if not connection.in_transaction:
                raise  # a full disk and its like have rolled back the whole group
            connection.execute("ROLLBACK TO apart")
            connection.execute("RELEASE apart")
            return translated(error, self.path) or error
        connection.execute("RELEASE apart")
        return result

    def _read(self, work: Callable[[Any], T]) -> T:
        try:
            if self._reader is None:
                self._reader = connect(self.path, read_only=True)
                self._reader.execute(f"PRAGMA busy_timeout = {self._busy_timeout_ms}")
            return work(self._reader)
        except (sqlite3.Error, ValueError, OverflowError) as error:
            raise translated(error, self.path) or error from error

    def _shut(self) -> None:
        self._reading.shutdown(wait=True)
        self._writing.shutdown(wait=True)
        if self._reader is not None:
            self._reader.close()
        if self._writer is not None:
            self._writer.close()


def _answer(group: Sequence[_Write], results: Sequence[object]) -> None:
    """Wakes each caller's loop once; one that has closed has nobody left who waits."""

    def settle(loop: asyncio.AbstractEventLoop) -> None:
        for write, result in zip(group, results, strict=True):
            if write.loop is not loop or write.answer.done():
                continue
            if isinstance(result, BaseException):
                write.answer.set_exception(result)
            else:
                write.answer.set_result(result)

    for loop in {write.loop for write in group}:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, loop)


class SqliteDatabase:
    """The `Database` contract over a SqliteStore; it does not own the store."""

    dialect: Literal["sqlite", "postgresql"] = "sqlite"

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def fetch(self, sql: str, *params: Any) -> list[Row]:
        """All rows. Anything but a SELECT runs, and commits, on the writer."""
        statement = numbered(sql)

        def work(connection: Connection) -> list[Row]:
            return connection.execute(statement, params).fetchall()

        if statement.lstrip()[:6].upper() == "SELECT":
            return await self._store.read(work)
        return await self._store.write(work)

    async def transaction(self, statements: Sequence[Statement]) -> list[int]:
        """All or nothing; returns the affected row counts."""

        def work(connection: Connection) -> list[int]:
            return [connection.execute(numbered(sql), params).rowcount for sql, params in statements]

        return await self._store.write(work)

    def within(self, workspace_id: str) -> "SqliteDatabase":
        """A file cannot tell workspaces apart; the SQL has to."""
        del workspace_id
        return self
