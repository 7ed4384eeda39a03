"""Schema migrations, the shared Database adapter and the lock of a home."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flowmatik.contracts.database import Database
from flowmatik.kernel.errors import ConfigurationError, Conflict, InvalidInput, JournalUnavailable
from flowmatik.kernel.sqlite import connect
from flowmatik.stores import home_lock
from flowmatik.stores.home_lock import HomeLock, file_system_of
from flowmatik.stores.migrate import current, upgrade
from flowmatik.stores.migrations import NEWEST
from flowmatik.stores.postgres import PostgresDatabase, connect_once, open_pool
from flowmatik.stores.revisions import head
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore


@pytest.fixture(params=["sqlite", "postgres"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "journal.db")
    dsn: str = request.getfixturevalue("pg_database")
    return dsn


@pytest.fixture
async def database(target: str) -> AsyncIterator[Database]:
    await upgrade(target)
    if target.startswith("postgresql"):
        pool = await open_pool(target, role="flowmatik_engine", max_size=2)
        yield PostgresDatabase(pool)
        await pool.close()
    else:
        store = SqliteStore(target)
        yield SqliteDatabase(store)
        await store.close()


async def test_two_upgrades_at_once_make_one_schema(target: str) -> None:
    applied, newest = await current(target)
    assert applied is None
    await asyncio.gather(upgrade(target), upgrade(target))
    await upgrade(target)
    assert await current(target) == (newest, newest)


async def test_a_newer_schema_is_refused_by_name(target: str) -> None:
    await upgrade(target)
    statement = "UPDATE alembic_version SET version_num = '9999'"
    if target.startswith("postgresql"):
        connection = await connect_once(target)
        await connection.execute(statement)
        await connection.close()
    else:
        file = connect(target)
        file.execute(statement)
        file.close()
    with pytest.raises(ConfigurationError, match="9999"):
        await upgrade(target)


def test_the_newest_revision_is_the_head_of_the_scripts() -> None:
    assert head() == NEWEST


def test_a_home_that_is_up_to_date_is_opened_without_alembic(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from flowmatik.stores.migrate import current, upgrade;"
        "asyncio.run(upgrade(sys.argv[1])); asyncio.run(current(sys.argv[1]));"
        "print('alembic' in sys.modules)"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "journal.db")],
            capture_output=True,
            text=True,
            check=True,
        )
        for _ in range(2)
    ]
    assert [run.stdout.strip() for run in runs] == ["True", "False"]


CHANNEL = "INSERT INTO agent_channels (workspace_id, name, channel, version) VALUES ($1, $2, $3, $2)"


async def test_a_transaction_is_all_or_nothing(database: Database) -> None:
    assert await database.transaction([(CHANNEL, ("default", "ana", "stable"))]) == [1]
    with pytest.raises(Conflict):
        await database.transaction([
            (CHANNEL, ("default", "berta", "stable")),
            (CHANNEL, ("default", "ana", "stable")),
        ])  # fmt: skip
    rows = await database.fetch("SELECT name, version FROM agent_channels WHERE workspace_id = $1", "default")
    assert [tuple(row) for row in rows] == [("ana", "ana")]
    moved = "UPDATE agent_channels SET version = $1 WHERE name = $2"
    assert await database.transaction([(moved, ("v2", "ana")), (moved, ("v2", "nobody"))]) == [1, 0]


async def test_a_statement_that_returns_rows_is_committed(database: Database) -> None:
    rows = await database.fetch(f"{CHANNEL} RETURNING name", "default", "ana", "stable")
    assert [row[0] for row in rows] == ["ana"]
    assert len(await database.fetch("SELECT 1 FROM agent_channels")) == 1
    with pytest.raises(InvalidInput):
        await database.fetch(CHANNEL, "default", "\ud800", "stable")


async def test_a_closed_file_is_unavailable(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "a.db")
    await store.close()
    await store.close()
    with pytest.raises(JournalUnavailable):
        await store.read(lambda db: db.execute("SELECT 1"))


async def test_a_cancelled_writer_withdraws_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    await upgrade(path)
    store = SqliteStore(path)
    database = SqliteDatabase(store)
    task = asyncio.create_task(database.transaction([(CHANNEL, ("default", "ana", "stable"))]))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await database.transaction([(CHANNEL, ("default", "berta", "stable"))])
    assert len(await database.fetch("SELECT 1 FROM agent_channels")) == 2
    await store.close()


HOLD = """
import sys
from flowmatik.stores.home_lock import HomeLock
lock = HomeLock(sys.argv[1])
assert lock.acquire()
lock.publish("http://127.0.0.1:8642")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_home_has_one_engine_and_a_crash_frees_it(tmp_path: Path) -> None:
    lock = HomeLock(tmp_path)
    assert lock.holder() is None
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == b"held\n"
        assert not lock.acquire()
        assert lock.holder() == {"pid": other.pid, "url": "http://127.0.0.1:8642"}
        other.kill()
    assert lock.holder() is None
    assert lock.acquire()
    assert lock.acquire()
    lock.release()
    assert HomeLock(tmp_path).acquire()


def test_a_home_on_a_network_file_system_gets_no_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = f"/dev/a / ext4 rw 0 0\nserver:/d {tmp_path.resolve()} nfs4 rw 0 0\n"
    monkeypatch.setattr(home_lock, "MOUNTS", tmp_path / "mounts")
    home_lock.MOUNTS.write_text(mounts)
    with pytest.raises(ConfigurationError) as refused:
        HomeLock(tmp_path).acquire()
    assert (refused.value.code, refused.value.context["kind"]) == ("config.network_home", "nfs4")
    assert HomeLock(tmp_path).holder() is None
    home_lock.MOUNTS.write_text(mounts.replace("nfs4", "xfs"))
    assert HomeLock(tmp_path).acquire()


def test_publishing_without_the_lock_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        HomeLock(tmp_path).publish("http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/data/home", "nfs4"),
        ("/data-local/home", "ext4"),
        ("/data/fast/home", "xfs"),
        ("/my disk/h", "cifs"),
    ],
)
def test_the_file_system_of_a_path_is_the_deepest_mount(place: str, kind: str) -> None:
    mounts = "\n".join([
        "/dev/a / ext4 rw 0 0",
        "server:/d /data nfs4 rw 0 0",
        "/dev/b /data/fast xfs rw 0 0",
        r"//server/share /my\040disk cifs rw 0 0",
    ])  # fmt: skip
    assert file_system_of(Path(place), mounts) == kind
