"""The router over HTTP and on the command line of a server: who may, and what is answered."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowmatik.app.remote import RemoteServer
from flowmatik.app.remote_router import RemoteRouter
from flowmatik.app.web import words
from flowmatik.contracts.routing import Feedback
from flowmatik.contracts.security import Principal
from flowmatik.kernel.errors import InvalidInput, NotFound
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore
from tests.integration.api_apps import app_with
from tests.integration.learning.test_router import WS, House

BEARER = {"Authorization": "Bearer admin"}


class Keys:
    async def authenticate(self, credential: str) -> Principal:
        scopes = {"reader": {"agents:read", "runs:read"}}.get(credential, {"admin"})
        workspace = "b" if credential == "other" else WS
        return Principal(id=credential, name=credential, workspace_id=workspace, scopes=frozenset(scopes))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    await upgrade(tmp_path / "journal.db")
    store = SqliteStore(tmp_path / "journal.db")
    opened = House(SqliteDatabase(store))
    await opened.engine.start(recover_all=True)
    yield opened
    await opened.engine.stop()
    await store.close()


@pytest.fixture
def transport(house: House, tmp_path: Path) -> httpx.ASGITransport:
    runs = house.engine.runs
    app = app_with(runs=runs, identity=Keys(), router=house.router, upload_dir=tmp_path, words=words)
    return httpx.ASGITransport(app=app)


async def test_the_command_line_of_a_server_does_what_that_of_a_home_does(
    house: House, transport: httpx.ASGITransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = RemoteServer("http://here", "admin")
    await server.close()
    here = httpx.AsyncClient(transport=transport, base_url="http://here", headers=BEARER)
    monkeypatch.setattr(server, "_client", here)  # no socket is needed
    remote = RemoteRouter(server)
    try:
        view = await house.run("the delivery of my parcel is late")
        await house.learned(1)
        assert (await remote.show("")) == await house.router.show(WS)
        assert await remote.feedback("", Feedback(run_id=view.id, good=False)) == ("t",)
        assert next(one.bad for one in (await remote.show("")).routes) == 3.0
        state = await remote.export("")
        assert (await remote.reset("")).routes == ()
        assert (await remote.import_state("", state)).version == 4
        assert (await remote.rollback("", 1)).version == 5
        assert (await remote.explore("", on=False)).explore is False
        with pytest.raises(NotFound) as missing:
            await remote.rollback("", 99)
        assert missing.value.code == "not_found.router_version"
        with pytest.raises(InvalidInput) as refused:
            await remote.import_state("", {"format": 9})
        assert refused.value.code == "input.router_state"
    finally:
        await server.close()


async def test_changing_needs_the_right_and_another_workspace_sees_nothing(
    house: House, transport: httpx.ASGITransport
) -> None:
    view = await house.run("send me the invoice for my payment")
    await house.learned(1)

    async def ask(key: str, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}", "Accept-Language": "es"}
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.request(method, path, headers=headers, **more)

    assert (await ask("reader", "GET", "/v1/router")).json()["version"] == 1
    assert (await ask("other", "GET", "/v1/router")).json()["version"] == 0
    feedback = f"/v1/runs/{view.id}/feedback"
    for method, path, body in (
        ("POST", "/v1/router/reset", None),
        ("PUT", "/v1/router/exploration", {"on": False}),
        ("POST", feedback, {"good": True}),
    ):
        assert (await ask("reader", method, path, json=body)).status_code == 403
    assert (await ask("other", "POST", feedback, json={"good": True})).status_code == 404
    assert (await ask("admin", "POST", feedback, json={"good": True, "more": 1})).status_code == 422
    route = (await ask("reader", "GET", f"/v1/runs/{view.id}")).json()["tasks"][0]["route"]
    assert route["reason"] == "el mejor de 2 agentes con la habilidad 'support' para esta tarea"
    assert len(route["candidates"]) == 2
