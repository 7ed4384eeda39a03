"""The limit on wrong passwords holds through the API, however the tries come, and forgets in time."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from flowmatik.contracts.database import Row
from flowmatik.kernel.errors import JournalUnavailable, Unavailable
from flowmatik.security import StoredIdentity
from flowmatik.security.guesses import ATTEMPTS, MOST_NAMES, WINDOW_SECONDS, Guesses
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore
from tests.contracts.journal.stores import HandClock
from tests.integration.api_apps import app_with


@dataclass
class Service:
    client: httpx.AsyncClient
    clock: HandClock
    password: str

    async def login(self, password: str, username: str = "admin") -> int:
        body = {"username": username, "password": password}
        return (await self.client.post("/v1/auth/login", json=body)).status_code


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    await upgrade(tmp_path / "journal.db")
    store, clock = SqliteStore(tmp_path / "journal.db"), HandClock()
    identity = StoredIdentity(SqliteDatabase(store), clock, tmp_path / "keys")
    app = app_with(identity=identity, upload_dir=tmp_path)
    password = await identity.create_first_admin("default")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield Service(client=client, clock=clock, password=password or "")
    await store.close()


@pytest.mark.parametrize("username", ["admin", "nobody"])
async def test_of_many_tries_at_once_only_as_many_are_looked_at_as_one_after_the_other(
    service: Service, username: str
) -> None:
    tries = 3 * ATTEMPTS
    answers = Counter(await asyncio.gather(*(service.login(f"guess {n}", username) for n in range(tries))))
    assert answers == {401: ATTEMPTS, 429: tries - ATTEMPTS}
    assert await service.login(service.password, username) == 429
    service.clock.advance(WINDOW_SECONDS + 1)
    assert await service.login(service.password, username) == (200 if username == "admin" else 401)


async def test_the_right_password_takes_the_wrong_ones_before_it_back(service: Service) -> None:
    for _ in range(3):
        await asyncio.gather(*(service.login("guess") for _ in range(ATTEMPTS - 1)))
        assert await service.login(service.password) == 200


class Away:
    dialect = "sqlite"

    async def fetch(self, sql: str, *params: Any) -> list[Row]:
        raise JournalUnavailable("the store is away")

    async def transaction(self, statements: Any) -> list[int]:
        raise JournalUnavailable("the store is away")


async def test_a_login_that_the_store_could_not_answer_is_no_guess(tmp_path: Path) -> None:
    identity = StoredIdentity(cast("Any", Away()), HandClock(), tmp_path / "keys")
    for _ in range(2 * ATTEMPTS):
        with pytest.raises(JournalUnavailable):
            await identity.login("admin", "x")


def test_names_are_forgotten_after_a_minute_and_their_number_is_bounded() -> None:
    clock = HandClock()
    guesses = Guesses(clock)
    for n in range(MOST_NAMES + 50):
        guesses.begin(f"user {n}")
    assert len(guesses) == MOST_NAMES
    for _ in range(ATTEMPTS - 1):
        guesses.begin(f"user {MOST_NAMES + 49}")
    with pytest.raises(Unavailable):
        guesses.begin(f"user {MOST_NAMES + 49}")
    clock.advance(WINDOW_SECONDS + 1)
    guesses.begin("another")
    assert len(guesses) == 1
