"""The services and data that tests may ask for. A missing service is a failure, never a skip."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from flowmatik.kernel.garbage import collect_rarely
from flowmatik.stores.migrate import upgrade
from tests.dealing import dealt

REPOSITORY = Path(__file__).resolve().parents[1]
HOMES = "HOMES_OF_TESTS"


def pytest_configure(config: pytest.Config) -> None:
    """The folder of the homes that tests copy is shared by the processes of a run; the first of them, which
    has no `workerinput`, makes it and takes it away."""
    if not hasattr(config, "workerinput"):
        os.environ[HOMES] = tempfile.mkdtemp(prefix="flowmatik-homes.")
        config.add_cleanup(lambda: shutil.rmtree(os.environ.pop(HOMES), ignore_errors=True))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if workers := int(getattr(config, "workerinput", {}).get("workercount", 0)):
        items[:] = dealt(items, workers)


def pytest_collection_finish() -> None:
    """What is loaded by now stays: looking through it for garbage again and again was a quarter of the
    simulation's time."""
    collect_rarely()


def _service(variable: str, what: str) -> str:
    value = os.environ.get(variable, "")
    if not value:
        pytest.fail(
            f"this test needs {what} and {variable} is not set. Run `./test.sh --tests-only <this test>`, "
            f"which starts one, or set {variable} yourself.",
            pytrace=False,
        )
    return value


@pytest.fixture(scope="session")
def pg_dsn() -> str:
    """The administrator's address of a PostgreSQL 15 or newer that belongs to the tests."""
    return _service("FLOWMATIK_TEST_PG_DSN", "PostgreSQL")


@pytest.fixture(scope="session")
def redis_url() -> str:
    """The address of a Redis 7 that belongs to the tests."""
    return _service("FLOWMATIK_TEST_REDIS_URL", "Redis")


@pytest.fixture
async def pg_database(pg_dsn: str) -> AsyncIterator[str]:
    """The address of a database of this test's own, empty, dropped afterwards even while something
    is still connected to it."""
    async with _database(pg_dsn) as url:
        yield url


@pytest.fixture(scope="session")
def pg_template(pg_dsn: str) -> Iterator[str]:
    """The name of a database with the newest schema and nothing else, which others are copies of."""
    name = f"test_{uuid4().hex}"
    asyncio.run(administer(pg_dsn, f'CREATE DATABASE "{name}"'))
    try:
        asyncio.run(upgrade(address_of(pg_dsn, name)))
        yield name
    finally:
        asyncio.run(administer(pg_dsn, f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
async def pg_migrated(pg_dsn: str, pg_template: str) -> AsyncIterator[str]:
    """As `pg_database`, with the schema: sooner there than one that every test migrates for itself."""
    async with _database(pg_dsn, f' TEMPLATE "{pg_template}"') as url:
        yield url


@asynccontextmanager
async def _database(dsn: str, made_from: str = "") -> AsyncGenerator[str]:
    name = f"test_{uuid4().hex}"
    await administer(dsn, f'CREATE DATABASE "{name}"{made_from}')
    try:
        yield address_of(dsn, name)
    finally:
        await administer(dsn, f'DROP DATABASE "{name}" WITH (FORCE)')


def address_of(dsn: str, name: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


async def administer(dsn: str, statement: str) -> None:
    connection = await cast("Any", asyncpg).connect(dsn, timeout=10)  # asyncpg ships no types
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of public data sets. Its absence is the only permitted skip, and under CI=true
    a failure."""
    named = os.environ.get("FLOWMATIK_TEST_DATA", "")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    if folder.is_dir():
        return folder
    message = f"no public data sets at {str(folder)!r}; name their folder in FLOWMATIK_TEST_DATA"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No FLOWMATIK_* variable of the person who runs the tests reaches what is tested."""
    for variable in list(os.environ):
        if variable.startswith("FLOWMATIK_") and not variable.startswith("FLOWMATIK_TEST_"):
            monkeypatch.delenv(variable)


async def open_redis(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A bare connection, for tests that only need to see that the server is there."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return await asyncio.wait_for(asyncio.open_connection(parts.hostname, parts.port), 120)
