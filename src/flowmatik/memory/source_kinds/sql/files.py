"""An SQLite file, opened for reading only, in which a statement may do nothing but select."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flowmatik.kernel.sqlite import connect, sqlite3
from flowmatik.memory.source_kinds.sql.shape import Bounds, Row
from flowmatik.memory.source_settings import lost

_STEPS = 20_000  # of SQLite's machine, between two looks at the clock
_ALLOWED = frozenset((
    sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE,
))  # fmt: skip
_CLOSED = frozenset(("load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"))


class FileRows:
    """Implements `Rows`. `is_private`: what is the installation's own."""

    def __init__(self, path: Path, is_private: Callable[[Path], bool]) -> None:
        self._path = path
        self._is_private = is_private

    async def each(
        self, query: str, bounds: Bounds, name: str, take: Callable[[Sequence[Row]], None]
    ) -> None:
        """Who stops waiting stops the query, too."""
        stopped = threading.Event()
        try:
            await asyncio.to_thread(self._each, query, bounds, name, take, stopped)
        except asyncio.CancelledError:
            stopped.set()
            raise

    def _each(
        self,
        query: str,
        bounds: Bounds,
        name: str,
        take: Callable[[Sequence[Row]], None],
        stopped: threading.Event,
    ) -> None:
        if not self._path.is_file():
            raise lost(name, "it is not there, or no file")
        if self._is_private(self._path):
            raise lost(name, "it is the installation's own, which is never read")
        end = time.monotonic() + bounds.seconds
        try:
            connection = connect(self._path, read_only=True)
            try:
                connection.set_authorizer(_allowed)
                connection.set_progress_handler(lambda: stopped.is_set() or time.monotonic() > end, _STEPS)
                rows: Any = connection.execute(query)
                names = [one[0] for one in rows.description or ()]
                for row in rows:  # each is counted before the next one is held: it may be large
                    take([dict(zip(names, row, strict=True))])
            finally:
                connection.close()
        except sqlite3.Error as error:
            late = time.monotonic() > end
            why = f"the query took more than {bounds.seconds} seconds" if late else str(error)[:300]
            raise lost(name, why) from error
        except (sqlite3.Warning, OverflowError, UnicodeDecodeError) as error:
            raise lost(name, str(error)[:300]) from error


def _allowed(action: int, first: str | None, second: str | None, *_: object) -> int:
    """SQLite asks while it compiles a statement: whatever is no part of a query is refused, whichever words
    it is written in (sqlite3_set_authorizer)."""
    del first
    if action not in _ALLOWED or (action == sqlite3.SQLITE_FUNCTION and second in _CLOSED):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK
