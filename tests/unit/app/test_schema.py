"""`flowmatik migrate` never writes to a SQLite file that an engine has open."""

import asyncio
import os
from pathlib import Path

import pytest

from flowmatik.app.schema import migrate
from flowmatik.app.settings import Settings, load_settings
from flowmatik.kernel.errors import ConfigurationError, Unavailable
from flowmatik.kernel.sqlite import connect
from flowmatik.stores.home_lock import HomeLock
from flowmatik.stores.migrate import current, upgrade
from flowmatik.stores.migrations import NEWEST


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "flowmatik.toml").write_text("")
    (tmp_path / ".flowmatik").mkdir(mode=0o700)
    return load_settings(tmp_path, {})


def engine_of(settings: Settings) -> HomeLock:
    """The lock as the home's engine holds it."""
    lock = HomeLock(settings.home)
    assert lock.acquire()
    return lock


def set_back(settings: Settings, revision: str) -> None:
    """The schema as another version of the program left it."""
    file = connect(settings.data / "journal.db")
    file.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    file.close()


async def test_a_schema_that_lags_is_left_alone_while_an_engine_has_the_home(settings: Settings) -> None:
    path = settings.data / "journal.db"
    await upgrade(path)
    set_back(settings, "0002")
    lock = engine_of(settings)
    with pytest.raises(Unavailable, match=f"process {os.getpid()} is at work") as refused:
        await migrate(settings)
    assert refused.value.code == "unavailable.migration"
    assert await current(path) == ("0002", NEWEST)
    lock.release()


async def test_a_home_without_a_schema_is_its_engines_to_migrate(settings: Settings) -> None:
    lock = engine_of(settings)
    with pytest.raises(Unavailable, match="at work"):
        await migrate(settings)
    assert not (settings.data / "journal.db").exists()
    lock.release()


async def test_a_schema_that_is_up_to_date_is_said_to_be_so_beside_an_engine(settings: Settings) -> None:
    assert (await migrate(settings)).before == ""
    lock = engine_of(settings)
    writes = connect(settings.data / "journal.db")
    writes.execute("BEGIN IMMEDIATE")  # whoever wanted to write now would wait, then fail
    outcome = await asyncio.wait_for(migrate(settings), 4)
    assert (outcome.before, outcome.after) == (NEWEST, NEWEST)
    writes.close()
    lock.release()


async def test_a_newer_schema_is_told_as_such_beside_an_engine(settings: Settings) -> None:
    await upgrade(settings.data / "journal.db")
    set_back(settings, "9999")
    lock = engine_of(settings)
    with pytest.raises(ConfigurationError, match="9999"):
        await migrate(settings)
    lock.release()


async def test_a_migration_keeps_engines_out_until_it_is_done(settings: Settings) -> None:
    path = settings.data / "journal.db"
    await upgrade(path)
    writes = connect(path)
    writes.execute("BEGIN IMMEDIATE")
    migrating = asyncio.create_task(migrate(settings))
    async with asyncio.timeout(120):
        while HomeLock(settings.home).holder() is None:
            assert not migrating.done()
            await asyncio.sleep(0.01)
    assert not HomeLock(settings.home).acquire()
    writes.close()
    await migrating
    engine_of(settings).release()
