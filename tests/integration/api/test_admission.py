"""A gateway that is overrun says so at once, and goes on answering whom it has let in."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from flowmatik.app.web import words
from flowmatik.contracts.runs import RunStatus, RunView
from flowmatik.contracts.security import Principal
from flowmatik.kernel.events import CloudEvent
from tests.integration.api_apps import app_with

AT = "2026-01-01T00:00:00+00:00"


class Held:
    """A `Runs` that answers when it is let go."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.entered = asyncio.Semaphore(0)

    async def get(self, workspace_id: str, run_id: str) -> RunView:
        if run_id == "run_slow":
            self.entered.release()
            await self.go.wait()
        return RunView(id=run_id, workspace_id="a", goal="g", status=RunStatus.RUNNING, created_at=AT)

    async def status(self, workspace_id: str, run_id: str) -> RunStatus:
        return (await self.get(workspace_id, run_id)).status

    async def events(
        self, workspace_id: str, run_id: str, *, after_seq: int = 0, follow: bool = False
    ) -> AsyncIterator[CloudEvent]:
        self.entered.release()
        await self.go.wait()
        for event in ():
            yield event


class Anybody:
    async def authenticate(self, credential: str) -> Principal:
        return Principal(id="p", name="p", workspace_id="a", scopes=frozenset({"admin"}))


@pytest.fixture
def runs() -> Held:
    return Held()


@pytest.fixture
async def client(runs: Held, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = app_with(
        runs=runs, identity=Anybody(), upload_dir=tmp_path, words=words, max_in_flight=2, max_streams=1
    )
    headers = {"Authorization": "Bearer x", "Accept-Language": "es"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://here", headers=headers) as opened:
        yield opened


async def test_above_the_limit_a_request_gets_503_and_may_come_again(
    client: httpx.AsyncClient, runs: Held
) -> None:
    let_in = [asyncio.create_task(client.get("/v1/runs/run_slow")) for _ in range(2)]
    for _ in let_in:
        await runs.entered.acquire()
    refused = await client.get("/v1/runs/run_1")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["X-Content-Type-Options"] == "nosniff"
    told = refused.json()
    assert (told["code"], told["status"]) == ("unavailable.requests", 503)
    assert "peticiones en curso" in told["detail"]
    english = await client.get("/v1/runs/run_1", headers={"Accept-Language": "en"})
    assert "2 requests are under way" in english.json()["detail"]
    assert (await client.get("/health/live")).status_code == 200
    assert (await client.get("/metrics")).status_code == 404  # of this process, which keeps none
    runs.go.set()
    assert [(await task).status_code for task in let_in] == [200, 200]
    assert (await client.get("/v1/runs/run_1")).status_code == 200


async def test_streams_are_counted_apart(client: httpx.AsyncClient, runs: Held) -> None:
    stream = asyncio.create_task(client.get("/v1/runs/run_1/events"))
    await runs.entered.acquire()
    refused = await client.get("/v1/runs/run_1/events", params={"deltas": "true"})
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert refused.json()["code"] == "unavailable.streams"
    assert "flujos de sucesos" in refused.json()["detail"]
    let_in = [asyncio.create_task(client.get("/v1/runs/run_slow")) for _ in range(2)]
    for _ in let_in:
        await runs.entered.acquire()  # the stream takes none of their places
    runs.go.set()
    assert [(await task).status_code for task in (stream, *let_in)] == [200] * 3
    assert (await client.get("/v1/runs/run_1/events")).status_code == 200
