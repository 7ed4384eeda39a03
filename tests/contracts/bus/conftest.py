"""`world`: each bus over each journal that it can have."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from flowmatik.core.streams import consumer, live, observed
from tests.contracts.bus.worlds import World, world_over
from tests.contracts.journal.stores import Store, memory_store, postgres_store, sqlite_store

# The journals themselves have contracts of their own (tests/contracts/journal).
BUSES = ["here/memory", "spread/memory", "spread/postgres"]


@pytest.fixture(params=BUSES)
def bus(request: pytest.FixtureRequest) -> str:
    """Which bus over which journal."""
    return str(request.param)


@pytest.fixture
def opening(
    request: pytest.FixtureRequest, bus: str, tmp_path: Path
) -> tuple[AbstractAsyncContextManager[Store], str]:
    """The journal and the address of Redis, "" for none."""
    kind, _, journal = bus.partition("/")
    redis_url = str(request.getfixturevalue("redis_url")) if kind == "spread" else ""
    if journal == "memory":
        return memory_store(), redis_url
    if journal == "sqlite":
        return sqlite_store(tmp_path), redis_url
    return postgres_store(str(request.getfixturevalue("pg_migrated"))), redis_url


@pytest.fixture
async def world(
    opening: tuple[AbstractAsyncContextManager[Store], str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    monkeypatch.setattr(consumer, "SWEEP_SECONDS", 0.3)
    for part in (consumer, live, observed):
        monkeypatch.setattr(part, "WAIT_SECONDS", 0.3)
    async with opening[0] as store, world_over(store, opening[1]) as made:
        yield made
