"""The one place that chooses the SQLite driver and sets a connection's pragmas.

The interpreter's SQLite may be years old (no FTS5 `secure-delete`, known WAL faults), so a
bundled one is preferred where it exists: `pysqlite3` on Linux x86-64, else the standard library.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

if TYPE_CHECKING:
    import sqlite3
    from sqlite3 import Connection
else:
    try:
        import pysqlite3 as sqlite3
        from pysqlite3.dbapi2 import Connection
    except ImportError:
        import sqlite3
        from sqlite3 import Connection

__all__ = ["SQLITE_VERSION", "Connection", "connect", "connect_aside", "is_damage", "sqlite3"]

SQLITE_VERSION: str = sqlite3.sqlite_version

BUSY_TIMEOUT_MS = 5000


def connect(
    path: Path | str, *, synchronous: Literal["FULL", "NORMAL"] = "FULL", read_only: bool = False
) -> Connection:
    """An autocommit connection (`isolation_level` None: transactions are begun by hand) in WAL
    mode with foreign keys on and a busy timeout of 5 s, usable from any one thread at a time.

    A new file is made with mode 0600; `read_only` never makes one. Raises the driver's
    `sqlite3.Error` (`sqlite3` as exported here) and OSError.
    """
    if read_only:
        uri = f"file:{quote(str(Path(path).absolute()))}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    else:
        if str(path) != ":memory:":
            _make_private(Path(path))
        connection = sqlite3.connect(str(path), isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        if not read_only:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_aside(path: Path, *, alone: bool) -> Connection:
    """Read-only, to look at a database of somebody else's. When it is `alone` (nobody has it open) it is
    read as the plain file that it is then: an ordinary reader would leave a -wal and a -shm beside it.
    Raises as `connect`."""
    mode = "mode=ro&immutable=1" if alone else "mode=ro"
    uri = f"file:{quote(str(path.absolute()))}?{mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    return connection


def is_damage(error: Exception) -> bool:
    """Whether `error` says that the file is no sound database (any more): SQLITE_CORRUPT, SQLITE_NOTADB."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, sqlite3.Error) and isinstance(code, int) and code & 0xFF in (11, 26)


def _make_private(path: Path) -> None:
    """Create the file before SQLite does, so that no other user can ever open it; SQLite gives
    its -wal and -shm files the same mode."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
