"""`store`: each journal in turn, empty."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.contracts.journal.stores import Store, memory_store, postgres_store, sqlite_store


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> AbstractAsyncContextManager[Store]:
    if request.param == "memory":
        return memory_store()
    if request.param == "sqlite":
        return sqlite_store(tmp_path)
    dsn: str = request.getfixturevalue("pg_migrated")
    return postgres_store(dsn)


@pytest.fixture
async def store(opening: AbstractAsyncContextManager[Store]) -> AsyncIterator[Store]:
    async with opening as opened:
        yield opened
