"""The file of vectors: one connection on a thread of its own, each write a transaction."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from flowmatik.kernel.errors import ConfigurationError
from flowmatik.kernel.sqlite import Connection, connect, is_damage, sqlite3
from flowmatik.memory.index_faults import away, damaged
from flowmatik.memory.store import transaction

VERSION = 1
T = TypeVar("T")
_SCHEMA = Path(__file__).with_name("schema.sql")


class VectorFile:
    """Opened or made at the first use; several processes may, and one writes at a time."""

    def __init__(self, index: str, path: Path) -> None:
        self.path = path
        self._index = index
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
            if self._connection is None:
                self._connection = _opened(self.path)
            return work(self._connection)
        except (sqlite3.Error, OSError) as error:
            if is_damage(error):
                raise damaged(self._index, str(self.path)) from error
            raise away(self._index, str(error)) from error


def _opened(path: Path) -> Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
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
