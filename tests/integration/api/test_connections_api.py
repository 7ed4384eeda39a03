"""Connections over HTTP: who may, whose they are, and what never leaves."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from flowmatik.app.remote import RemoteServer
from flowmatik.app.remote_connections import RemoteConnections
from flowmatik.app.web import words
from flowmatik.contracts.security import Principal
from flowmatik.kernel.clock import SystemClock
from flowmatik.security import ConnectionSettings, Sealer, StoredConnections
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore
from flowmatik.testing.app_server import served
from flowmatik.testing.oauth_server import OAuthServer
from tests.integration.api_apps import app_with
from tests.integration.security.test_connections import BACK, Office

KNOWN = {"mail": ConnectionSettings(kind="api_key", shared=True)}
KEY = "sesame-open-1234"


class Keys:
    async def authenticate(self, credential: str) -> Principal:
        scopes = {"reader": {"runs:read"}, "boss": {"admin"}}.get(credential, {"runs:read", "runs:write"})
        workspace = "b" if credential == "other" else "default"
        return Principal(id=credential, name=credential, workspace_id=workspace, scopes=frozenset(scopes))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    await upgrade(tmp_path / "journal.db")
    opened = SqliteStore(tmp_path / "journal.db")
    yield opened
    await opened.close()


@pytest.fixture
async def client(store: SqliteStore, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    connections = StoredConnections(
        SqliteDatabase(store), SystemClock(), Sealer(tmp_path / "keys"), KNOWN, values=str
    )
    app = app_with(identity=Keys(), connections=connections, words=words)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as opened:
        yield opened


def by(who: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {who}"}


async def test_a_key_is_its_persons_and_is_never_shown(client: httpx.AsyncClient) -> None:
    kept = await client.put("/v1/connections/mail", json={"secret": KEY}, headers=by("ada"))
    assert (kept.status_code, kept.json()["state"]) == (200, "ok")
    for who, state in (("ada", "ok"), ("bob", "none"), ("other", "none")):
        listed = await client.get("/v1/connections", headers=by(who))
        assert [one["state"] for one in listed.json()["items"] if not one["shared"]] == [state]
        assert KEY not in listed.text
    assert (await client.delete("/v1/connections/mail", headers=by("bob"))).status_code == 404
    assert (await client.delete("/v1/connections/mail", headers=by("ada"))).status_code == 204


async def test_scopes_are_asked_for(client: httpx.AsyncClient) -> None:
    body = {"secret": KEY}
    assert (await client.get("/v1/connections")).status_code == 401
    put = "/v1/connections/mail"
    assert (await client.put(put, json=body, headers=by("reader"))).status_code == 403
    shared = {**body, "shared": True}
    assert (await client.put(put, json=shared, headers=by("ada"))).status_code == 403
    assert (await client.put(put, json=shared, headers=by("boss"))).status_code == 200
    params = {"shared": "true"}
    assert (await client.delete(put, params=params, headers=by("ada"))).status_code == 403


async def test_what_cannot_be_used_is_told_in_the_readers_language(client: httpx.AsyncClient) -> None:
    spanish = {**by("ada"), "Accept-Language": "es"}
    unknown = await client.put("/v1/connections/none", json={"secret": KEY}, headers=spanish)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found.connection")
    assert unknown.json()["detail"].startswith("esta instalación no conoce")
    login = await client.post("/v1/connections/mail/login", json={"redirect_uri": BACK}, headers=by("ada"))
    assert (login.status_code, login.json()["code"]) == (409, "conflict.connection.kind")
    extra = await client.put("/v1/connections/mail", json={"secret": KEY, "other": KEY}, headers=by("ada"))
    assert extra.status_code == 422
    assert KEY not in extra.text


async def test_a_login_through_a_server_is_finished_by_whoever_began_it(
    store: SqliteStore, tmp_path: Path
) -> None:
    service = OAuthServer()
    async with served(service.app()) as address:
        office = Office(SqliteDatabase(store), tmp_path / "keys", service, address)
        app = app_with(identity=Keys(), connections=office.connections, words=words)
        async with served(app) as url:
            ada, eve = (RemoteServer(url, who) for who in ("ada", "eve"))
            begun = await RemoteConnections(ada).begin("", "", "crm", BACK)
            state, code = await office.agree(begun.url)
            with pytest.raises(Exception, match="not begun by you"):
                await RemoteConnections(eve).finish("", "", state, code)
            made = await RemoteConnections(ada).finish("", "", state, code)
            assert (made.name, made.state) == ("crm", "ok")
            assert {one.name for one in await RemoteConnections(ada).list("", "")} == {"crm", "mail", "team"}
            await RemoteConnections(ada).remove("", "", "crm")
            await ada.close()
            await eve.close()
