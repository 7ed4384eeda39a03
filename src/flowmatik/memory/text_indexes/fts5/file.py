"""The file: one writer and one reader connection, blocking work on threads."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from flowmatik.kernel.errors import Unavailable
from flowmatik.kernel.sqlite import Connection, connect, is_damage, sqlite3
from flowmatik.memory.index_faults import away, damaged

T = TypeVar("T")
_SCHEMA = (Path(__file__).parent / "schema.sql").read_text(encoding="utf-8")


class IndexFile:
    """Raises Unavailable when it cannot be opened, read or written, or is damaged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer: Connection | None = None
        self._reader: Connection | None = None
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
            return await asyncio.to_thread(self._told, whole)

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

        if self._writer is None:  # who finds the schema in place
            await self.write(lambda _: None)
        async with self._reading:
            return await asyncio.to_thread(self._told, whole)

    async def checkpoint(self) -> bool:
        """Empty the log into the file. False when a reader was in the way."""

        def work() -> bool:
            row = self._open_writer().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not row[0]

        async with self._writing:
            return await asyncio.to_thread(self._told, work)

    async def close(self) -> None:
        async with self._reading, self._writing:
            for connection in (self._reader, self._writer):
                if connection is not None:
                    await asyncio.to_thread(connection.close)
            self._reader = self._writer = None

    def _open_writer(self) -> Connection:
        if self._writer is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = connect(self.path)
            try:
                connection.execute("PRAGMA secure_delete = ON")
                connection.executescript(_SCHEMA)
            except BaseException:
                connection.close()
                raise
            self._writer = connection
        return self._writer

    def _open_reader(self) -> Connection:
        if self._reader is None:
            self._reader = connect(self.path, read_only=True)
        return self._reader

    def _told(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (sqlite3.Error, OSError) as error:
            raise self._fault(error) from error

    def _fault(self, error: Exception) -> Unavailable:
        if is_damage(error):
            return damaged("fts5", str(self.path))
        return away("fts5", f"{type(error).__name__}: {error}")
