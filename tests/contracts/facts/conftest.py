"""Facts over every store, with a clock that the test moves."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flowmatik.contracts.budgets import Bearing
from flowmatik.contracts.database import Database
from flowmatik.contracts.security import Principal
from flowmatik.memory.facts import FactStore, StoredFacts
from flowmatik.memory.facts.viewing import Viewers
from tests.contracts.stores import opened

START = datetime(2026, 1, 1, tzinfo=UTC)


class HandClock:
    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - START).total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.pass_by(seconds=seconds)

    def pass_by(self, **time: float) -> None:
        self.at += timedelta(**time)


class KnownBearers:
    """`usr_1` and `usr_2` are in the team `sales`, and `key_1` is a key of `usr_1`."""

    async def bearing(self, workspace_id: str, principal: str) -> Bearing:
        owner = "usr_1" if principal == "key_1" else principal
        principals = (principal,) if owner == principal else (principal, owner)
        teams = ("sales",) if owner in ("usr_1", "usr_2") and workspace_id == "acme" else ()
        return Bearing(principals=principals, teams=teams)


def user(name: str = "usr_1", workspace: str = "acme", *scopes: str) -> Principal:
    return Principal(
        id=name, name=name, workspace_id=workspace, scopes=frozenset(scopes or ("memory:write",))
    )


ADMIN = user("usr_9", "acme", "admin")


@pytest.fixture
async def database(dsn: str, tmp_path: Path) -> AsyncIterator[Database]:
    async with opened(dsn, tmp_path) as found:
        yield found


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(database: Database, clock: HandClock) -> FactStore:
    return FactStore(database, clock)


@pytest.fixture
def facts(store: FactStore) -> StoredFacts:
    return StoredFacts(store, Viewers(KnownBearers()))
