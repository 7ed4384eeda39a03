"""The file of vectors: one connection on a thread of its own, each write a transaction."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from flowmatik.kernel.errors import ConfigurationError
from flowmatik.kernel.sqlite import Connection, connect, sqlite3
from flowmatik.memory.index_faults import away
from flowmatik.memory.index_files import Identity, OwnFile, identity
from flowmatik.memory.store import transaction

VERSION = 1
USUAL = "vectors.db"
T = TypeVar("T")
_SCHEMA = Path(__file__).with_name("schema.sql")


class VectorFile:
    """Opened or made at the first use; several processes may, and one writes at a time. `generation` grows
    with each opening: what was read before may be of another file. A damaged one has gone when it is told."""

    def __init__(self, index: str, path: Path) -> None:
        self.path = path
        self.generation = 0
        self._index = index
        self._own = OwnFile(index, path, usual=USUAL)
        self._opened: Identity | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vectors")
        self._connection: Connection | None = None
        self._closed = False

    async def read(self, work: Callable[[Connection], T]) -> T:
        """`work` sees one state of the file."""

        def reading(connection: Connection) -> T:
            connection.execute("BEGIN")
            try:
                return work(connection)
            finally:
                connection.execute("COMMIT")

        return await self._run(reading)

    async def write(self, work: Callable[[Connection], T]) -> T:
        def writing(connection: Connection) -> T:
            with transaction(connection):
                return work(connection)

        return await self._run(writing)

    async def purge(self) -> bool:
        """Fold the log in and empty it; pages are overwritten when their rows go (`secure_delete`)."""
        return not await self._run(
            lambda connection: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        )

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._connection is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
        await asyncio.to_thread(self._thread.shutdown)

    async def _run(self, work: Callable[[Connection], T]) -> T:
        if self._closed:
            raise away(self._index, "closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._worked, work)

    def _worked(self, work: Callable[[Connection], T]) -> T:
        try:
            return work(self._open())
        except (sqlite3.Error, OSError) as error:
            raise self._own.fault(error, self._opened) from error

    def _open(self) -> Connection:
        if self._connection is not None and identity(self.path) != self._opened:
            self._connection.close()
            self._connection = None
        if self._connection is None:
            with self._own.opening() as self._opened:
                self._connection = _opened(self.path)
                self.generation += 1
        return self._connection


def _opened(path: Path) -> Connection:
    connection = connect(path, synchronous="NORMAL")
    try:
        connection.execute("PRAGMA secure_delete = ON")
        with transaction(connection):
            (found,) = connection.execute("PRAGMA user_version").fetchone()
            if found > VERSION:
                raise ConfigurationError(
                    f"{path} has schema {found}, this Flowmatik knows {VERSION}; run a newer Flowmatik",
                    code="config.schema_newer",
                    context={"path": str(path), "found": found, "known": VERSION},
                )
            if not found:
                for statement in _SCHEMA.read_text(encoding="utf-8").split(";\n"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {VERSION}")
    except BaseException:
        connection.close()
        raise
    return connection
