"""Limits over HTTP and through the remote client: whose they are, and whom they may not concern."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from flowmatik.app.remote_backend import RemoteBackend
from flowmatik.app.serving import serve
from flowmatik.app.web import words
from flowmatik.contracts.limits import EVERYWHERE, Limit
from flowmatik.contracts.security import Principal
from flowmatik.kernel.errors import InvalidInput, NotFound, PermissionDenied
from tests.integration.api_apps import app_with
from tests.unit.core.engines import running_engine


class People:
    """An `Identity` in which a credential is SCOPE@WORKSPACE."""

    async def authenticate(self, credential: str) -> Principal:
        scope, _, workspace = credential.partition("@")
        return Principal(id="p", name="p", workspace_id=workspace, scopes=frozenset({scope}))


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    async with running_engine() as engine:
        app = app_with(limits=engine.limits, identity=People(), upload_dir=tmp_path, words=words)
        async with serve(app, host="127.0.0.1", port=0) as server:
            yield server.url


async def test_a_limit_is_set_told_and_lifted_through_the_remote_client(url: str) -> None:
    remote = RemoteBackend(url, "admin@default")
    own = Limit(workspace_id="default", scope="model:far/m", per_minute=60.0, burst=5)
    shared = Limit(workspace_id=EVERYWHERE, scope="runs", most=4, weight=2.0)
    try:
        for limit in (own, shared):
            await remote.limits.put(limit)
        assert sorted(await remote.limits.list("default"), key=lambda one: one.scope) == [own, shared]
        await remote.limits.lift(EVERYWHERE, "runs")
        assert await remote.limits.list("default") == [own]
        with pytest.raises(NotFound):
            await remote.limits.lift("default", "runs")
        with pytest.raises(InvalidInput):
            await remote.limits.put(Limit(workspace_id="default", scope="everything", most=1))
    finally:
        await remote.close()


async def test_a_workspace_limits_itself_and_nobody_else(url: str) -> None:
    first, other = RemoteBackend(url, "admin@default"), RemoteBackend(url, "admin@b")
    shared = Limit(workspace_id=EVERYWHERE, scope="runs", most=4)
    own = Limit(workspace_id="b", scope="runs", most=2)
    try:
        await first.limits.put(shared)
        await other.limits.put(own)
        assert await first.limits.list("default") == [shared]
        assert {one.workspace_id for one in await other.limits.list("b")} == {"", "b"}
        for change in (other.limits.put(shared), other.limits.lift(EVERYWHERE, "runs")):
            with pytest.raises(PermissionDenied) as refused:
                await change
            assert refused.value.code == "auth.denied.everywhere"
        assert await first.limits.list("default") == [shared]
    finally:
        await first.close()
        await other.close()


async def test_the_weight_of_a_workspace_is_the_installations_to_set(url: str) -> None:
    first, other = RemoteBackend(url, "admin@default"), RemoteBackend(url, "admin@b")
    heavy = Limit(workspace_id="b", scope="runs", most=2, weight=3.0)

    async def known() -> list[Limit]:
        return await other.limits.list("b")

    try:
        for weight in (100.0, 0.5):
            with pytest.raises(PermissionDenied) as refused:
                await other.limits.put(Limit(workspace_id="b", scope="runs", most=2, weight=weight))
            assert refused.value.code == "auth.denied.weight"
        assert await known() == []
        await first.limits.put(heavy)
        assert await known() == await first.limits.list("b") == [heavy]
        assert await first.limits.list("default") == []

        placed = await other.limits.put(Limit(workspace_id="b", scope="runs", most=9), keep_weight=True)
        assert placed == replace(heavy, most=9)
        await other.limits.put(replace(heavy, most=7))
        with pytest.raises(PermissionDenied):
            await other.limits.put(replace(heavy, weight=1.0))
        await other.limits.lift("b", "runs")
        assert await known() == [replace(heavy, most=None)], "its weight is not its own to lift"
        await first.limits.lift("b", "runs")
        assert await known() == []
    finally:
        await first.close()
        await other.close()


async def test_limits_of_another_workspace_are_for_administrators_of_the_installation(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": "Bearer admin@b"}) as client:
        answers = [
            await client.get("/v1/limits", params={"workspace": "c"}),
            await client.put("/v1/limits/runs", json={"most": 1, "workspace": "c"}),
            await client.delete("/v1/limits/runs", params={"workspace": "c"}),
            await client.put("/v1/limits/runs", json={"most": 1, "weight": 100}),
        ]
        spanish = {"Accept-Language": "es"}
        told = await client.put("/v1/limits/runs", json={"most": 1, "weight": 100}, headers=spanish)
        wrong = await client.put("/v1/limits/tool:x", json={"most": 1, "burst": 2}, headers=spanish)
    codes = [one.json()["code"] for one in answers]
    assert codes == [*["auth.denied.everywhere"] * 3, "auth.denied.weight"]
    assert wrong.json()["detail"].endswith("puede ser de 1 a 1,000,000, junto a per_minute")
    assert "el de b es 1" in told.json()["detail"]


async def test_limits_are_for_administrators(url: str) -> None:
    async with httpx.AsyncClient(
        base_url=url, headers={"Authorization": "Bearer runs:write@default"}
    ) as client:
        answers = [
            await client.get("/v1/limits"),
            await client.put("/v1/limits/runs", json={"most": 1}),
            await client.delete("/v1/limits/runs"),
        ]
    assert [one.status_code for one in answers] == [403] * 3
