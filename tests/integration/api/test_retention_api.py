"""Retention over HTTP and on the command line of a server: who may, and what is answered."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowmatik.app.remote import RemoteServer
from flowmatik.app.remote_retention import RemoteRetention
from flowmatik.app.web import words
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun
from flowmatik.contracts.security import Principal
from flowmatik.contracts.tools import Effect, ToolContext
from flowmatik.core.build import EngineHandle
from flowmatik.kernel.errors import Conflict, Gone, NotFound
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.integration.api_apps import app_with
from tests.unit.core.engines import running_engine
from tests.unit.core.test_retention import finished

BEARER = {"Authorization": "Bearer admin"}


class Keys:
    async def authenticate(self, credential: str) -> Principal:
        scopes = {"reader": {"runs:read"}, "writer": {"runs:write"}}.get(credential, {"admin"})
        workspace = "b" if credential == "other" else "default"
        return Principal(id=credential, name=credential, workspace_id=workspace, scopes=frozenset(scopes))


@pytest.fixture
async def engine() -> AsyncIterator[EngineHandle]:
    async with running_engine() as opened:
        yield opened


@pytest.fixture
def transport(engine: EngineHandle, tmp_path: Path) -> httpx.ASGITransport:
    return served(engine, tmp_path)


def served(engine: EngineHandle, folder: Path) -> httpx.ASGITransport:
    app = app_with(
        runs=engine.runs,
        identity=Keys(),
        control=engine.control,
        retention=engine.retention,
        bulk=engine.bulk,
        upload_dir=folder,
        words=words,
    )
    return httpx.ASGITransport(app=app)


@pytest.fixture
async def client(transport: httpx.ASGITransport) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as opened:
        yield opened


async def test_a_run_is_held_released_and_deleted(client: httpx.AsyncClient, engine: EngineHandle) -> None:
    run_id = await finished(engine)
    place = f"/v1/runs/{run_id}"
    held = await client.put(f"{place}/hold", json={"reason": "a lawsuit"}, headers=BEARER)
    assert (held.status_code, held.json()["by"], held.json()["reason"]) == (200, "admin", "a lawsuit")
    refused = await client.delete(place, headers={**BEARER, "Accept-Language": "es"})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict.run_kept")
    assert "está retenida; libérala antes" in refused.text
    assert (await client.delete(f"{place}/hold", headers=BEARER)).status_code == 204
    assert (await client.delete(f"{place}/hold", headers=BEARER)).status_code == 404
    gone = await client.delete(place, headers=BEARER)
    assert (gone.status_code, gone.json()["run_id"], gone.json()["blobs"]) == (200, run_id, 0)
    for asked in (client.get(place, headers=BEARER), client.delete(place, headers=BEARER),
                  client.get(f"{place}/events", headers=BEARER)):  # fmt: skip
        answer = await asked
        assert (answer.status_code, answer.json()["code"]) == (410, "gone.run")
    other = await client.get(place, headers={"Authorization": "Bearer other"})
    assert other.status_code == 404, "another workspace does not learn that it was there"


async def test_runs_that_ended_in_doubt_are_deleted_when_that_is_said(tmp_path: Path) -> None:
    began = asyncio.Semaphore(0)

    async def hang(arguments: dict[str, Any], context: ToolContext) -> Any:
        began.release()
        await asyncio.Event().wait()

    tools = FunctionTools({"pay": FunctionTool(function=hang, effect=Effect.ONCE, timeout=60)})
    plan = (PlanTask(id="s", objective="", tool="pay"),)
    async with (
        running_engine(tools=tools) as engine,
        httpx.AsyncClient(
            transport=served(engine, tmp_path), base_url="http://here", headers=BEARER
        ) as client,
    ):
        runs = [await engine.runs.create("default", NewRun(goal="g", plan=plan)) for _ in range(2)]
        for _ in runs:
            await began.acquire()
        for run_id in runs:
            await engine.control.cancel_hard("default", run_id)
        await engine.bus.drain()
        one, other = (f"/v1/runs/{run_id}" for run_id in runs)
        assert (await client.delete(one)).json()["code"] == "conflict.run_kept"
        assert (await client.delete(one, params={"acknowledge_doubt": "true"})).status_code == 200
        ask = {"action": "delete", "all": True}
        assert (await client.post("/v1/runs/bulk", json=ask)).json()["failed"] == 1
        assert (await client.post("/v1/runs/bulk", json={**ask, "acknowledge_doubt": True})).json()[
            "done"
        ] == 1
        assert (await client.get(other)).status_code == 410


async def test_the_key_of_a_deleted_run_answers_409(client: httpx.AsyncClient, engine: EngineHandle) -> None:
    run_id = await finished(engine, key="k")
    await engine.retention.delete("default", run_id)
    headers = {**BEARER, "Idempotency-Key": "k"}
    answer = await client.post("/v1/runs", json={"goal": "g"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict.run_deleted")


async def test_the_days_of_a_workspace_are_read_and_set(client: httpx.AsyncClient) -> None:
    put = await client.put("/v1/retention", json={"runs_days": 7}, headers=BEARER)
    assert (put.status_code, put.json()["runs_days"], put.json()["own"]) == (200, 7, True)
    hold = await client.put("/v1/retention/hold", json={"reason": "an audit"}, headers=BEARER)
    assert hold.json()["run_id"] == ""
    read = (await client.get("/v1/retention", headers={"Authorization": "Bearer reader"})).json()
    assert (read["runs_days"], [one["reason"] for one in read["holds"]]) == (7, ["an audit"])
    assert (await client.delete("/v1/retention/hold", headers=BEARER)).status_code == 204
    again = await client.put("/v1/retention", json={"runs_days": None}, headers=BEARER)
    assert again.json()["own"] is False
    for body in ({"runs_days": -1}, {"runs_days": 10**9}, {}, {"runs_days": 1, "x": 1}):
        assert (await client.put("/v1/retention", json=body, headers=BEARER)).status_code == 422


@pytest.mark.parametrize("who", ["reader", "writer"])
async def test_only_an_administrator_deletes_and_holds(
    client: httpx.AsyncClient, engine: EngineHandle, who: str
) -> None:
    run_id = await finished(engine)
    headers, reason = {"Authorization": f"Bearer {who}"}, {"reason": "r"}
    for answer in (
        await client.delete(f"/v1/runs/{run_id}", headers=headers),
        await client.put(f"/v1/runs/{run_id}/hold", json=reason, headers=headers),
        await client.delete(f"/v1/runs/{run_id}/hold", headers=headers),
        await client.put("/v1/retention", json={"runs_days": 1}, headers=headers),
        await client.put("/v1/retention/hold", json=reason, headers=headers),
        await client.delete("/v1/retention/hold", headers=headers),
    ):
        assert answer.status_code == 403


async def test_the_command_lines_twin_of_a_server_gets_the_same_errors(
    transport: httpx.ASGITransport, engine: EngineHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = RemoteServer("http://here", "admin")
    await server.close()
    here = httpx.AsyncClient(transport=transport, base_url="http://here", headers=BEARER)
    monkeypatch.setattr(server, "_client", here)  # no socket is needed
    remote = RemoteRetention(server)
    try:
        run_id = await finished(engine)
        assert (await remote.set_days("", 3)).runs_days == 3
        assert (await remote.hold("", run_id, reason="r", by="")).run_id == run_id
        with pytest.raises(Conflict):
            await remote.delete("", run_id)
        await remote.release("", run_id)
        with pytest.raises(NotFound):
            await remote.release("", run_id)
        await remote.delete("", run_id)
        with pytest.raises(Gone):
            await remote.delete("", run_id)
        assert (await remote.policy("")).holds == ()
    finally:
        await server.close()


async def test_a_run_is_replayed_against_another_version(
    client: httpx.AsyncClient, engine: EngineHandle
) -> None:
    run_id = await finished(engine)
    place, reader = f"/v1/runs/{run_id}/replay", {"Authorization": "Bearer reader"}
    for body in (None, {}, {"against": "newest"}, {"against": "4"}):
        answer = await client.post(place, json=body, headers=reader)
        assert (answer.status_code, answer.json()["differences"]) == (200, [])
    wrong = await client.post(place, json={"against": "99"}, headers=reader)
    assert (wrong.status_code, wrong.json()["code"]) == (422, "input.against")
    agent = {"name": "n", "version": "1", "role": "r", "summary": "", "instructions": ""}
    strange = await client.post(place, json={"agent": agent}, headers=reader)
    assert (strange.status_code, strange.json()["code"]) == (422, "input.against_agent")
