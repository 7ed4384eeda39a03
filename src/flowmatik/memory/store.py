"""The memory file: schema, one writer thread, one reader thread, transactions.

SQLite has one writer at a time anyway; a thread of its own per connection keeps the event loop
free and makes every write a short transaction that is wholly there or not at all.
"""

import asyncio
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from flowmatik.kernel.errors import ConfigurationError, Unavailable
from flowmatik.kernel.sqlite import Connection, connect, is_damage, sqlite3

SCHEMA_VERSION = 1
DAMAGED = "unavailable.memory.damaged"
_SCHEMA = Path(__file__).with_name("schema.sql")

P = ParamSpec("P")
T = TypeVar("T")


class Store:
    """Opens or creates the file at the first use. Raises ConfigurationError when a newer
    Flowmatik wrote it, Unavailable when it cannot be opened, read or written."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self._writer = _Worker(path, "memory-writer", _refuse_writing if read_only else _open_for_writing)
        self._reader = _Worker(path, "memory-reader", _open_beside if read_only else _open_for_reading)
        self._ready = read_only  # whoever writes has made it

    async def write(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `function(connection, …)` on the writer thread inside one transaction."""
        self._ready = True

        def transact(connection: Connection) -> T:
            with transaction(connection):
                return function(connection, *args, **kwargs)

        return await self._writer.call(transact)

    async def read(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `function(connection, …)` on the reader thread, in one snapshot of the file."""
        if not self._ready:
            await self.write(lambda _: None)  # the reader finds the schema in place

        def observe(connection: Connection) -> T:
            connection.execute("BEGIN")
            try:
                return function(connection, *args, **kwargs)
            finally:
                connection.execute("ROLLBACK")

        return await self._reader.call(observe)

    async def fold_in(self) -> None:
        """Bring the WAL into the file and empty it, so that nothing erased is left there. A reader at
        work puts that off to the next time, or to the end."""
        await self._writer.call(lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)"))

    async def close(self) -> None:
        """Finish what runs, close both connections; the last one folds the WAL in."""
        await self._reader.close()
        await self._writer.close()


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
            raise unusable(self._path, error) from error

    async def close(self) -> None:
        self._closed = True
        loop = asyncio.get_running_loop()
        if self._connection is not None:
            await loop.run_in_executor(self._executor, self._connection.close)
            self._connection = None
        await asyncio.to_thread(self._executor.shutdown)


def unusable(path: Path, error: Exception) -> Unavailable:
    """`error` of the driver or of the disk, as people and programs are told it."""
    if is_damage(error):
        return damaged(path, str(error))
    return Unavailable(
        f"the memory {path} cannot be used: {error}; check the disk and the file's rights",
        code="unavailable.memory",
        context={"path": str(path)},
    )


def damaged(path: Path, said: str) -> Unavailable:
    return Unavailable(
        f"the memory {path} is damaged: {said}; stop every flowmatik of this home, delete the file and "
        "ingest the documents again",
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
        _migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _open_for_reading(path: Path) -> Connection:
    connection = connect(path, synchronous="NORMAL")
    connection.execute("PRAGMA query_only = ON")
    return connection


def _open_beside(path: Path) -> Connection:
    """While another process writes: never checkpoints, which before SQLite 3.51.3 two must not do at once."""
    connection = connect(path, read_only=True)
    try:
        if refuse_newer(connection, path) < SCHEMA_VERSION:
            raise sqlite3.OperationalError("it has not been prepared; start a gateway on this home first")
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_writing(path: Path) -> Connection:
    raise Unavailable(
        f"the memory {path} is only read by this process; send documents to a gateway",
        code="unavailable.memory.read_only",
        retryable=False,
        context={"path": str(path)},
    )


def _migrate(connection: Connection, path: Path) -> None:
    found = refuse_newer(connection, path)
    if found == SCHEMA_VERSION:
        return
    with transaction(connection):
        if _version(connection) == 0:  # another process may have been first
            for statement in _SCHEMA.read_text(encoding="utf-8").split(";\n"):
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
