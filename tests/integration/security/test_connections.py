"""Connections on both stores, with a strict authorisation server over real HTTP."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from flowmatik.contracts.database import Database
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import Conflict, InvalidInput, NotFound, ToolError
from flowmatik.security import ConnectionSettings, Sealer, StoredConnections
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.postgres import PostgresDatabase, open_pool
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore
from flowmatik.testing.app_server import served
from flowmatik.testing.oauth_server import OAuthServer

BACK = "http://127.0.0.1:7777/flowmatik/callback"


class LaterClock(SystemClock):
    """The system's, put forward at will."""

    ahead = timedelta()

    def now(self) -> Any:
        return super().now() + self.ahead


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    await upgrade(tmp_path / "journal.db")
    store = SqliteStore(tmp_path / "journal.db")
    yield SqliteDatabase(store)
    await store.close()


class Office:
    """Connections over a store, and the service that they are for."""

    def __init__(self, database: Database, folder: Path, server: OAuthServer, address: str) -> None:
        self.server, self.address, self.clock = server, address, LaterClock()
        self.database, self.folder = database, folder
        self.connections = self.another()

    def another(self) -> StoredConnections:
        """Those of another process on the same store."""
        oauth = ConnectionSettings(
            kind="oauth",
            authorize_url=f"{self.address}/authorize",
            token_url=f"{self.address}/token",
            revoke_url=f"{self.address}/revoke",
            client_id="flowmatik",
            client_secret="env:SECRET" if self.server.secret else None,
            scopes=["crm.read"],
        )
        known = {
            "crm": oauth,
            "team": oauth.model_copy(update={"shared": True}),
            "mail": ConnectionSettings(kind="api_key", header="X-Key"),
        }
        return StoredConnections(
            self.database, self.clock, Sealer(self.folder), known, values=lambda _: self.server.secret
        )

    async def agree(self, url: str) -> tuple[str, str]:
        """What the browser brings back: state and code."""
        async with httpx.AsyncClient(timeout=60) as browser:
            answer = await browser.get(url)
        assert answer.status_code == 307, answer.text
        assert answer.headers["location"].startswith(f"{BACK}?")
        fields = parse_qs(urlsplit(answer.headers["location"]).query)
        return fields["state"][0], fields["code"][0]

    async def login(self, who: str = "ada", name: str = "crm", *, shared: bool = False) -> None:
        begun = await self.connections.begin("default", who, name, BACK, shared=shared)
        state, code = await self.agree(begun.url)
        await self.connections.finish("default", who, state, code)


@asynccontextmanager
async def office(database: Database, folder: Path, **settings: Any) -> AsyncGenerator[Office]:
    server = OAuthServer(**settings)
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(served(server.app()))
        yield Office(database, folder / "keys", server, address)


async def code_of(work: Any) -> str:
    with pytest.raises((ToolError, InvalidInput, NotFound, Conflict)) as caught:
        await work
    return caught.value.code


@pytest.mark.parametrize("secret", ["", "very-secret"])
async def test_a_login_gives_a_token_to_its_person_and_to_nobody_else(
    database: Database, tmp_path: Path, secret: str
) -> None:
    async with office(database, tmp_path, secret=secret) as at:
        assert await code_of(at.connections.headers("default", "ada", "crm")) == "tool.connection.missing"
        await at.login()
        headers = await at.connections.headers("default", "ada", "crm")
        assert await at.server.accepts(headers["Authorization"])
        for workspace, who in (("default", "bob"), ("other", "ada"), ("default", "")):
            missing = at.connections.headers(workspace, who, "crm")
            assert await code_of(missing) == "tool.connection.missing"
        (mine, *_) = await at.connections.list("default", "ada")
        assert (mine.name, mine.state, mine.scopes) == ("crm", "ok", ("crm.read",))


async def test_state_and_code_are_good_once_and_for_whoever_began(database: Database, tmp_path: Path) -> None:
    async with office(database, tmp_path) as at:
        begun = await at.connections.begin("default", "ada", "crm", BACK)
        state, code = await at.agree(begun.url)
        for workspace, who in (("default", "eve"), ("other", "ada")):
            finish = at.connections.finish(workspace, who, state, code)
            assert await code_of(finish) == "input.connection.state"
        await at.connections.finish("default", "ada", state, code)
        again = at.connections.finish("default", "ada", state, code)
        assert await code_of(again) == "input.connection.state"
        late = await at.connections.begin("default", "ada", "crm", BACK)
        at.clock.ahead = timedelta(minutes=11)
        finish = at.connections.finish("default", "ada", late.state, "x")
        assert await code_of(finish) == "input.connection.state"


async def test_a_code_of_another_login_is_refused_for_its_verifier(
    database: Database, tmp_path: Path
) -> None:
    async with office(database, tmp_path) as at:
        first = await at.connections.begin("default", "ada", "crm", BACK)
        second = await at.connections.begin("default", "ada", "crm", BACK)
        _, code = await at.agree(first.url)
        finish = at.connections.finish("default", "ada", second.state, code)
        assert await code_of(finish) == "input.connection.refused"


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://ada@127.0.0.1/",
        "http://127.0.0.1/?x=1",
    ],
)
async def test_nobody_is_sent_to_a_strange_address(database: Database, tmp_path: Path, uri: str) -> None:
    async with office(database, tmp_path) as at:
        assert (
            await code_of(at.connections.begin("default", "ada", "crm", uri)) == "input.connection.redirect"
        )


async def test_many_at_once_in_two_processes_renew_a_rotating_token_once(
    database: Database, tmp_path: Path
) -> None:
    async with office(database, tmp_path) as at:
        await at.login()
        at.clock.ahead = timedelta(hours=2)
        processes = (at.connections, at.another())
        asked = [one.headers("default", "ada", "crm") for one in processes for _ in range(10)]
        found = await asyncio.gather(*asked)
        assert (len({one["Authorization"] for one in found}), at.server.refreshed) == (1, 1)
        assert await at.server.accepts(found[0]["Authorization"])


async def test_a_token_that_the_service_refuses_is_renewed_once_and_then_marked(
    database: Database, tmp_path: Path
) -> None:
    async with office(database, tmp_path) as at:
        await at.login()
        first = await at.connections.headers("default", "ada", "crm")
        second = await at.connections.headers("default", "ada", "crm", refused=first)
        assert second != first
        assert await at.connections.headers("default", "ada", "crm", refused=first) == second
        at.server.ended |= set(at.server.refresh.values())
        work = at.connections.headers("default", "ada", "crm", refused=second)
        assert await code_of(work) == "tool.connection.refused"
        assert (await at.connections.list("default", "ada"))[0].state == "refused"
        asked = at.server.refreshed
        assert await code_of(at.connections.headers("default", "ada", "crm")) == "tool.connection.refused"
        assert at.server.refreshed == asked
        await at.login()
        assert await at.server.accepts(
            (await at.connections.headers("default", "ada", "crm"))["Authorization"]
        )


async def test_a_service_that_is_away_harms_no_connection(database: Database, tmp_path: Path) -> None:
    async with office(database, tmp_path) as at:
        await at.login()
        at.clock.ahead, at.server.away = timedelta(hours=2), True
        assert await code_of(at.connections.headers("default", "ada", "crm")) == "tool.connection.unreachable"
        at.server.away = False
        assert await at.server.accepts(
            (await at.connections.headers("default", "ada", "crm"))["Authorization"]
        )


async def test_the_workspaces_connection_helps_out_only_where_the_operator_says_so(
    database: Database, tmp_path: Path
) -> None:
    async with office(database, tmp_path) as at:
        await at.login(name="crm", shared=True)
        await at.login(name="team", shared=True)
        assert await code_of(at.connections.headers("default", "bob", "crm")) == "tool.connection.missing"
        shared = await at.connections.headers("default", "bob", "team")
        await at.login("bob", "team")
        assert await at.connections.headers("default", "bob", "team") != shared


async def test_what_is_removed_is_revoked_and_gone(database: Database, tmp_path: Path) -> None:
    async with office(database, tmp_path) as at:
        await at.login()
        headers = await at.connections.headers("default", "ada", "crm")
        await at.connections.remove("default", "ada", "crm")
        assert not await at.server.accepts(headers["Authorization"])
        assert len(at.server.revoked) == 2
        assert await code_of(at.connections.remove("default", "ada", "crm")) == "not_found.connection.own"


async def test_keys_are_kept_sealed_and_bound_to_their_owner(database: Database, tmp_path: Path) -> None:
    async with office(database, tmp_path) as at:
        await at.connections.put("default", "ada", "mail", "sesame-1234")
        assert await at.connections.headers("default", "ada", "mail") == {"X-Key": "sesame-1234"}
        rows = database.within("default")
        (row,) = await rows.fetch("SELECT sealed FROM connections WHERE workspace_id = $1", "default")
        assert "sesame" not in str(row[0])
        await rows.transaction(
            [("UPDATE connections SET owner = $1 WHERE workspace_id = $2", ("eve", "default"))]
        )
        with pytest.raises(Exception, match="cannot be opened"):
            await at.connections.headers("default", "eve", "mail")
        assert await code_of(at.connections.put("default", "ada", "crm", "x")) == "conflict.connection.kind"
        assert await code_of(at.connections.put("default", "ada", "none", "x")) == "not_found.connection"
        assert (
            await code_of(at.connections.put("default", "ada", "mail", "a\nb")) == "input.connection.secret"
        )


async def test_logins_renewals_and_ownership_hold_on_postgresql_too(pg_migrated: str, tmp_path: Path) -> None:
    await upgrade(pg_migrated)
    pool = await open_pool(pg_migrated, role="flowmatik_api")
    database = PostgresDatabase(pool)
    try:
        for test in (
            test_state_and_code_are_good_once_and_for_whoever_began,
            test_many_at_once_in_two_processes_renew_a_rotating_token_once,
            test_a_token_that_the_service_refuses_is_renewed_once_and_then_marked,
            test_what_is_removed_is_revoked_and_gone,
            test_keys_are_kept_sealed_and_bound_to_their_owner,
        ):
            await test(database, tmp_path)
        assert await database.fetch("SELECT name FROM connections") == []  # no workspace, no row
    finally:
        await pool.close()
