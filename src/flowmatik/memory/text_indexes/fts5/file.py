"""The file: one writer and one reader connection, blocking work on threads."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from flowmatik.kernel.sqlite import Connection, connect, sqlite3
from flowmatik.memory.index_faults import renewed
from flowmatik.memory.index_files import Identity, OwnFile, identity

USUAL = "words.db"
T = TypeVar("T")
_ANY = "SELECT 1 FROM workspaces LIMIT 1"
_SCHEMA = (Path(__file__).parent / "schema.sql").read_text(encoding="utf-8")


class IndexFile:
    """Raises Unavailable when it cannot be opened, read or written, or was damaged: then it has gone, and the
    next use makes it anew."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._own = OwnFile("fts5", path, usual=USUAL)
        self._writer: Connection | None = None
        self._reader: Connection | None = None
        self._written: Identity | None = None
        self._read: Identity | None = None
        self._writing = asyncio.Lock()
        self._reading = asyncio.Lock()

    async def write(self, work: Callable[[Connection], T]) -> T:
        """All or nothing."""

        def whole() -> T:
            connection = self._open_writer()
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return result

        async with self._writing:
            return await asyncio.to_thread(self._writes, whole)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Of one moment."""

        def whole() -> T:
            connection = self._open_reader()
            connection.execute("BEGIN")
            try:
                return work(connection)
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

        async with self._reading:
            return await asyncio.to_thread(self._reads, whole)

    async def checkpoint(self) -> bool:
        """Empty the log into the file. False when a reader was in the way."""

        def work() -> bool:
            row = self._open_writer().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not row[0]

        async with self._writing:
            return await asyncio.to_thread(self._writes, work)

    async def close(self) -> None:
        async with self._reading, self._writing:
            for connection in (self._reader, self._writer):
                if connection is not None:
                    await asyncio.to_thread(connection.close)
            self._reader = self._writer = None

    def _open_writer(self) -> Connection:
        """Raises Unavailable when it was written before to a file that another one has replaced: who writes
        on from where that one was would leave a gap in this one."""
        if self._writer is not None and identity(self.path) != self._written:
            self._writer.close()
            self._writer = None
            raise renewed("fts5", str(self.path))
        if self._writer is None:
            with self._own.opening() as self._written:
                self._writer = _made(self.path)
        return self._writer

    def _open_reader(self) -> Connection:
        if self._reader is not None and identity(self.path) != self._read:
            self._reader.close()
            self._reader = None
        if self._reader is None:
            with self._own.opening() as self._read:
                _made(self.path).close()
                connection = connect(self.path, read_only=True)
                try:
                    connection.execute(_ANY).fetchone()  # its log is opened with it, not later
                except BaseException:
                    connection.close()
                    raise
                self._reader = connection
        return self._reader

    def _writes(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (sqlite3.Error, OSError) as error:
            fault = self._own.fault(error, self._written)
            if self._writer is not None and identity(self.path) != self._written:
                self._writer.close()
                self._writer = None
            raise fault from error

    def _reads(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (sqlite3.Error, OSError) as error:
            raise self._own.fault(error, self._read) from error


def _made(path: Path) -> Connection:
    connection = connect(path)
    try:
        connection.execute("PRAGMA secure_delete = ON")
        connection.executescript(_SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection
