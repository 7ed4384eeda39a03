import stat
from pathlib import Path

import pytest

from flowmatik.kernel.sqlite import SQLITE_VERSION, connect, sqlite3


def test_a_connection_has_the_pragmas_that_every_store_relies_on(tmp_path: Path) -> None:
    connection = connect(tmp_path / "a.db")
    values = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    }
    connection.close()
    assert values == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


def test_normal_synchronous_can_be_asked_for(tmp_path: Path) -> None:
    connection = connect(tmp_path / "a.db", synchronous="NORMAL")
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 1
    connection.close()


def test_the_file_and_its_companions_are_private(tmp_path: Path) -> None:
    connection = connect(tmp_path / "a.db")
    connection.execute("CREATE TABLE t (a)")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    connection.close()
    assert modes == {"a.db": 0o600, "a.db-wal": 0o600, "a.db-shm": 0o600}


def test_a_read_only_connection_neither_writes_nor_creates(tmp_path: Path) -> None:
    path = tmp_path / "with space?.db"
    with pytest.raises(sqlite3.OperationalError):
        connect(path, read_only=True)
    assert not path.exists()
    connect(path).close()
    reader = connect(path, read_only=True)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("CREATE TABLE t (a)")
    reader.close()


def test_the_version_reported_is_the_library_in_use(tmp_path: Path) -> None:
    connection = connect(tmp_path / "a.db")
    assert connection.execute("SELECT sqlite_version()").fetchone()[0] == SQLITE_VERSION
    connection.close()
