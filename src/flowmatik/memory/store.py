"""The memory file: schema, one writer thread, one reader thread, transactions.

SQLite has one writer at a time anyway; a thread of its own per connection keeps the event loop
free and makes every write a short transaction that is wholly there or not at all.
"""

import asyncio
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

from flowmatik.contracts.database import Row, Statement
from flowmatik.kernel.errors import ConfigurationError, Conflict, InvalidInput, Unavailable
from flowmatik.kernel.placeholders import numbered
from flowmatik.kernel.sqlite import Connection, connect, is_damage, sqlite3
from flowmatik.memory import hurt

SCHEMA_VERSION = 5
DAMAGED = "unavailable.memory.damaged"
_CACHE_KIBIBYTES = 65_536  # a document's words and names lie all over the file
_LOG_PAGES = 8192  # of 4 KiB; a page that many documents change is brought into the file once
_HERE = Path(__file__).parent
_SCRIPTS = {  # by the version that was found
    0: ("schema.sql",),
    1: ("schema.sql", "schema_from_1.sql"),
    2: ("schema_from_2.sql", "schema_from_3.sql", "schema_from_4.sql"),
    3: ("schema_from_3.sql", "schema_from_4.sql"),
    4: ("schema_from_4.sql",),
}

T = TypeVar("T")


class MemoryFile:
    """The contract `Database` over a file of memory's own, opened or created at the first use. Raises
    ConfigurationError when a newer Flowmatik wrote it, Unavailable when it cannot be opened, read or
    written, Conflict for a broken uniqueness constraint."""

    dialect: Literal["sqlite", "postgresql"] = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = _Worker(path, "memory-writer", _open_for_writing)
        self._reader = _Worker(path, "memory-reader", _open_for_reading)
        self._ready = False

    async def fetch(self, sql: str, *params: Any) -> list[Row]:
        """All rows. Anything but a SELECT runs, and commits, on the writer."""
        statement = numbered(sql)

        def work(connection: Connection) -> list[Row]:
            return connection.execute(statement, params).fetchall()

        if statement.lstrip()[:6].upper() == "SELECT":
            if not self._ready:
                await self._write(lambda _: None)  # the reader finds the schema in place
            return await self._reader.call(work)
        return await self._write(work)

    async def transaction(self, statements: Sequence[Statement]) -> list[int]:
        """All or nothing; returns the affected row counts."""

        def work(connection: Connection) -> list[int]:
            return [connection.execute(numbered(sql), params).rowcount for sql, params in statements]

        return await self._write(work)

    def within(self, workspace_id: str) -> "MemoryFile":
        """A file cannot tell workspaces apart; the SQL has to."""
        del workspace_id
        return self

    async def purge(self) -> bool:
        """Bring the log into the file and empty it, so that nothing erased is left there. False when a
        reader was in the way, which puts that off to the next time, or to the end."""

        def work(connection: Connection) -> bool:
            return not connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]

        return await self._writer.call(work)

    async def close(self) -> None:
        """Finish what runs, close both connections; the last one folds the log in."""
        await self._reader.close()
        await self._writer.close()

    async def _write(self, work: Callable[[Connection], T]) -> T:
        def transact(connection: Connection) -> T:
            with transaction(connection):
                return work(connection)

        result = await self._writer.call(transact)
        self._ready = True
        return result


class _Worker:
    """One thread that owns one connection, opened at the first call."""

    def __init__(self, path: Path, name: str, opener: Callable[[Path], Connection]) -> None:
        self._path = path
        self._opener = opener
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._connection: Connection | None = None
        self._closed = False

    async def call(self, function: Callable[[Connection], T]) -> T:
        if self._closed:
            raise Unavailable(
                f"the memory {self._path} is closed",
                code="unavailable.memory",
                retryable=False,
                context={"path": str(self._path)},
            )
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, partial(self._run, function))

    def _run(self, function: Callable[[Connection], T]) -> T:
        try:
            if self._connection is None:
                self._connection = self._opener(self._path)
            return function(self._connection)
        except (sqlite3.Error, OSError) as error:
            if is_damage(error):
                hurt.mark(self._path)
            raise unusable(self._path, error) from error
        except (UnicodeEncodeError, OverflowError) as error:
            raise _refused(self._path, error) from error

    async def close(self) -> None:
        self._closed = True
        loop = asyncio.get_running_loop()
        if self._connection is not None:
            await loop.run_in_executor(self._executor, self._connection.close)
            self._connection = None
        await asyncio.to_thread(self._executor.shutdown)


def unusable(path: Path, error: Exception) -> Unavailable | Conflict | InvalidInput:
    """`error` of the driver or of the disk, as people and programs are told it."""
    if is_damage(error):
        return damaged(path, str(error))
    if isinstance(error, sqlite3.IntegrityError) and "UNIQUE constraint failed" in str(error):
        return Conflict(f"{path.name} has such a row already: {error}", code="conflict.exists")
    if isinstance(error, (sqlite3.IntegrityError, sqlite3.DataError)):
        return _refused(path, error)
    return Unavailable(
        f"the memory {path} cannot be used: {error}; check the disk and the file's rights",
        code="unavailable.memory",
        context={"path": str(path)},
    )


def _refused(path: Path, error: Exception) -> InvalidInput:
    return InvalidInput(
        f"{path.name} refuses a value: {error}",
        code="input.value",
        context={"store": path.name, "said": str(error)},
    )


def damaged(path: Path, said: str) -> Unavailable:
    return Unavailable(
        f"the memory {path} is damaged: {said}; stop every flowmatik of this home and run "
        "`flowmatik memory repair`, which keeps what can be read of it",
        code=DAMAGED,
        retryable=False,
        context={"path": str(path)},
    )


@contextmanager
def transaction(connection: Connection) -> Generator[None]:
    """All or nothing; takes the write lock at once."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _open_for_writing(path: Path) -> Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    connection = connect(path, synchronous="NORMAL")  # a lost tail is found again by the next sync
    try:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
        _migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _open_for_reading(path: Path) -> Connection:
    connection = connect(path, synchronous="NORMAL")
    connection.execute("PRAGMA query_only = ON")
    return connection


def _migrate(connection: Connection, path: Path) -> None:
    """In one transaction: a crash on the way leaves the file as it was."""
    if refuse_newer(connection, path) == SCHEMA_VERSION:
        return
    with transaction(connection):
        found = _version(connection)  # another process may have been first
        for script in _SCRIPTS.get(found, ()):
            for statement in (_HERE / script).read_text(encoding="utf-8").split(";\n"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def refuse_newer(connection: Connection, path: Path) -> int:
    """The file's schema, 0 for none. Raises ConfigurationError for one that this program does not know."""
    found = _version(connection)
    if found > SCHEMA_VERSION:
        raise ConfigurationError(
            f"{path} has schema {found}, this Flowmatik knows {SCHEMA_VERSION}; run a newer Flowmatik",
            code="config.schema_newer",
            context={"path": str(path), "found": found, "known": SCHEMA_VERSION},
        )
    return found


def _version(connection: Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
