"""Sources over HTTP: the whole platform, its address and its other half for the command line."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from flowmatik.api import create_app
from flowmatik.app.local_token import read_local_token
from flowmatik.app.remote_backend import RemoteBackend
from flowmatik.app.settings import load_settings
from flowmatik.app.web import api_services, serve_platform
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.security import Principal
from flowmatik.contracts.sources import NewSource, SyncReport
from flowmatik.kernel.errors import InvalidInput, NotFound

W = "default"
LOCAL = Principal(id="local", name="local", workspace_id=W, scopes=frozenset({"admin"}))


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    home = tmp_path / "home"
    home.mkdir()
    (home / "docs").mkdir()
    (home / "docs" / "a.md").write_text("# A\n\nThe heron wades.")
    async with open_platform(load_settings(home, {}), recover_all=False) as opened:
        yield opened


async def ended(remote: RemoteBackend, now: SyncReport) -> SyncReport:
    async with asyncio.timeout(120):
        while now.status == "running":
            await asyncio.sleep(0.05)
            now = await remote.sources.report(LOCAL, "docs", now.id)
    return now


async def test_what_ships_is_listed_in_the_language_of_the_reader(platform: Platform) -> None:
    async with serve_platform(platform, host="127.0.0.1", port=0) as serving:
        token = await asyncio.to_thread(read_local_token, platform.settings)
        spoken: list[list[str]] = []
        for language in ("en", "es"):
            remote = RemoteBackend(serving.url, token, language=language)
            try:
                template = await remote.templates.get(W, "company-support")
                listed = next(one for one in await remote.templates.list(W) if one.name == template.name)
                agents = [await remote.agents.get(W, "analyst"), (await remote.agents.list(W))[0]]
                spoken.append(
                    [
                        dict(await remote.sources.kinds())["folder"],
                        template.summary,
                        *(one.summary for one in (*template.parameters, *agents) if one.summary),
                    ]
                )
                assert listed == template
            finally:
                await remote.close()
    assert spoken[0][0] == "A folder on the server's disk"
    assert spoken[1][0] == "Una carpeta del disco del servidor"
    assert not set(spoken[0]) & set(spoken[1])


async def test_a_source_is_added_synced_hooked_and_removed_through_a_server(platform: Platform) -> None:
    async with serve_platform(platform, host="127.0.0.1", port=0) as serving:
        token = await asyncio.to_thread(read_local_token, platform.settings)
        remote = RemoteBackend(serving.url, token, language="en")
        try:
            place = str(platform.settings.home / "docs")
            assert "folder" in dict(await remote.sources.kinds())
            made = await remote.sources.add(
                LOCAL, NewSource(name="docs", kind="folder", settings={"path": place}, tags=("birds",))
            )
            assert made == (await remote.sources.list(LOCAL))[0]
            report = await ended(remote, await remote.sources.sync(LOCAL, "docs"))
            assert (report.status, report.added) == ("done", 1)
            assert (await remote.sources.syncs(LOCAL, made.id))[0] == report
            assert not await remote.sources.failures(LOCAL, "docs")
            assert [one.tags for one in await platform.memory.documents(W)] == [("birds",)]
            path = await remote.sources.hook(LOCAL, "docs")
            async with httpx.AsyncClient(base_url=serving.url) as anybody:
                assert (await anybody.post(path)).status_code == 202
                assert (await anybody.post(path + "x")).status_code == 404
            assert (await ended(remote, await remote.sources.retry(LOCAL, "docs"))).status == "done"
            with pytest.raises(InvalidInput):
                await remote.sources.add(LOCAL, NewSource(name="x", kind="folder", settings={"pth": place}))
            assert await remote.sources.remove(LOCAL, "docs") == 1
            with pytest.raises(NotFound):
                await remote.sources.get(LOCAL, "docs")
        finally:
            await remote.close()


async def test_who_may_not_and_where_not(platform: Platform) -> None:
    transport = httpx.ASGITransport(app=create_app(api_services(platform)))
    writer = (await platform.identity.create_key(LOCAL, "writer", ("memory:write",))).secret
    admin = (await platform.identity.create_key(LOCAL, "admin", ("admin",))).secret
    body = {"name": "docs", "kind": "folder", "settings": {"path": "/etc"}}
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        assert (await client.post("/v1/sources", json=body)).status_code == 401
        for key in (writer, admin):
            answer = await client.post("/v1/sources", json=body, headers={"Authorization": f"Bearer {key}"})
            assert answer.status_code == 403
        assert answer.json()["code"] == "auth.path"


async def test_why_a_source_cannot_be_used_is_said_in_the_language_of_the_reader(platform: Platform) -> None:
    await platform.sources.add(LOCAL, NewSource(name="docs", kind="folder", settings={"path": "/not/there"}))
    begun = await platform.sources.sync(LOCAL, "docs")
    async with asyncio.timeout(60):
        status = begun.status
        while status == "running":
            await asyncio.sleep(0.05)
            status = (await platform.sources.report(LOCAL, "docs", begun.id)).status
    key = (await platform.identity.create_key(LOCAL, "admin", ("admin",))).secret
    headers = {"Authorization": f"Bearer {key}", "Accept-Language": "es"}
    transport = httpx.ASGITransport(app=create_app(api_services(platform)))
    async with httpx.AsyncClient(transport=transport, base_url="http://x", headers=headers) as client:
        shown = [
            (await client.get(f"/v1/sources/docs/syncs/{begun.id}")).json(),
            (await client.get("/v1/sources/docs/syncs")).json()["items"][0],
            (await client.get("/v1/sources/docs")).json()["last"],
            (await client.get("/v1/sources")).json()["items"][0]["last"],
        ]
        for one in shown:
            assert "ahora: no existe;" in one["reason"]
            assert one["code"] == "unavailable.source"
        other = await client.get("/v1/sources/docs", headers={"Accept-Language": "en"})
        assert "No such file" in other.json()["last"]["reason"]
        for cron, said in (("bad", "tiene cinco campos"), ("61 * * * *", "minuto incorrecto")):
            body = {"name": "x", "kind": "threads", "cron": cron}
            answer = await client.post("/v1/sources", json=body)
            assert said in answer.json()["detail"], answer.text
        body = {"name": "x", "kind": "folder"}
        assert "es obligatorio" in (await client.post("/v1/sources", json=body)).json()["detail"]
