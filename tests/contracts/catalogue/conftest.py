"""`shelf`: a catalogue with its versions and bundles, on each store in turn."""

import asyncio
import shutil
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flowmatik.agents import StoredBundles, StoredCatalogue, StoredVersions, inventory_of
from flowmatik.contracts.database import Database
from flowmatik.security import InstallationKey, signature_holds
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.postgres import PostgresDatabase, open_pool
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore

WS = "w"


class SecondClock:
    """A second passes whenever somebody looks."""

    def __init__(self) -> None:
        self._at = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        self._at += timedelta(seconds=1)
        return self._at

    def monotonic(self) -> float:
        return self._at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self._at += timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """`elsewhere` has a signing key of its own, as another installation has."""

    database: Database
    catalogue: StoredCatalogue
    versions: StoredVersions
    bundles: StoredBundles
    key: InstallationKey
    elsewhere: StoredBundles


def profile(name: str = "reader", instructions: str = "Read.", more: str = "") -> str:
    return (
        f"apiVersion: flowmatik/v1\nkind: Agent\nmetadata: {{name: {name}}}\nsummary: Reads.\n"
        f"role: researcher\ninstructions: {instructions}\n{more}"
    )


def shelf_on(database: Database, keys: Path) -> Shelf:
    clock = SecondClock()
    catalogue = StoredCatalogue(database, clock, inventory_of({"calculate"}, {"local": ("extractive",)}))
    versions = StoredVersions(catalogue, clock)

    def bundles(name: str) -> StoredBundles:
        return StoredBundles(catalogue, versions, clock, InstallationKey(keys / name), signature_holds)

    return Shelf(
        database=database,
        catalogue=catalogue,
        versions=versions,
        bundles=bundles("here"),
        key=InstallationKey(keys / "here"),
        elsewhere=bundles("elsewhere"),
    )


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite journal with nothing in it: a copy is there sooner than a new one."""
    path = tmp_path_factory.mktemp("empty") / "journal.db"
    asyncio.run(upgrade(path))
    return path


@asynccontextmanager
async def on_sqlite(empty: Path, folder: Path) -> AsyncGenerator[Shelf]:
    await asyncio.to_thread(shutil.copy, empty, folder / "journal.db")
    store = SqliteStore(folder / "journal.db")
    yield shelf_on(SqliteDatabase(store), folder)
    await store.close()


@asynccontextmanager
async def on_postgres(url: str, folder: Path) -> AsyncGenerator[Shelf]:
    """As the API sees it: every workspace for itself."""
    pool = await open_pool(url, role="flowmatik_api", max_size=6)
    yield shelf_on(PostgresDatabase(pool), folder)
    await pool.close()


@pytest.fixture(params=["sqlite", "postgres"])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> AbstractAsyncContextManager[Shelf]:
    if request.param == "sqlite":
        return on_sqlite(request.getfixturevalue("empty_file"), tmp_path)
    return on_postgres(str(request.getfixturevalue("pg_migrated")), tmp_path)


@pytest.fixture
async def shelf(opening: AbstractAsyncContextManager[Shelf]) -> AsyncIterator[Shelf]:
    async with opening as opened:
        yield opened
