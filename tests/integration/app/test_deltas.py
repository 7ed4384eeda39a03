"""Text of a model while it is written, watched at a gateway of another process than the run's."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from flowmatik.app.backend import Backend
from flowmatik.app.remote_backend import RemoteBackend
from flowmatik.app.settings import Settings, load_settings
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.runs import NewRun
from flowmatik.testing.openai_server import OpenAIServer, Step
from tests.own_redis import OwnRedis, own_redis

TEXT = "uno dos tres cuatro cinco seis siete ocho nueve diez " * 3
PROFILE = """
apiVersion: flowmatik/v1
kind: Agent
metadata: {name: clerk}
role: worker
summary: Writes things.
instructions: Write it.
skills: [documents]
"""
Sent = tuple[str, str, dict[str, Any]]


def home(folder: Path, **environment: str) -> Settings:
    (folder / ".flowmatik").mkdir(mode=0o700, parents=True)
    (folder / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    return load_settings(folder, {f"FLOWMATIK_{name}": value for name, value in environment.items()})


@asynccontextmanager
async def gateway_of(platform: Platform) -> AsyncGenerator[httpx.AsyncClient]:
    async with serve_platform(platform, host="127.0.0.1", port=0) as serving:
        token = (platform.settings.keys / "local-token").read_text(encoding="utf-8").strip()
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=serving.url, headers=headers, timeout=30) as client:
            yield client


async def frames(client: httpx.AsyncClient, run_id: str, last: str = "0") -> AsyncIterator[Sent]:
    """The id, the name and the data of each event."""
    path, headers = f"/v1/runs/{run_id}/events", {"Last-Event-ID": last}
    async with client.stream("GET", path, params={"deltas": "true"}, headers=headers) as answer:
        assert answer.status_code == 200
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            fields |= {name: value} if line else {}
            if not line and "data" in fields:
                yield fields.get("id", ""), fields["event"], json.loads(fields["data"])
            if not line:
                fields = {}


def text_in(sent: list[Sent]) -> str:
    """As one who watches puts it together; none of it may be missing."""
    text = ""
    for id_, name, data in sent:
        if name == "delta":
            assert id_ == ""
            assert data["at"] == len(text)
            text += data["text"]
    return text


async def test_who_watches_at_another_gateway_sees_text_and_facts_and_without_redis_the_facts(
    tmp_path: Path, pg_migrated: str
) -> None:
    step = Step(text=TEXT, first_seconds=0.3, piece_seconds=0.02)
    async with own_redis(tmp_path) as redis:
        with OpenAIServer(step) as model:
            shared = {"DATABASE_URL": pg_migrated, "REDIS_URL": redis.url}
            shared |= {"MODEL_BASE_URL": model.base_url, "MODEL": "custom/scripted"}
            one, two = home(tmp_path / "one", **shared), home(tmp_path / "two", **shared)
            async with (
                open_platform(one, recover_all=False) as driving,
                open_platform(two, recover_all=False) as watching,
                gateway_of(watching) as client,
            ):
                await driving.agents.apply("default", PROFILE, filename="clerk.yaml")
                await _both_are_seen(driving, client)
                await _facts_are_seen(driving, client, redis)
        assert len(model.calls) == 2  # nobody who watches makes a call more


async def _both_are_seen(driving: Platform, client: httpx.AsyncClient) -> None:
    run_id = await driving.runs.create("default", NewRun(goal="g", agent="clerk"))
    seen = [sent async for sent in frames(client, run_id)]
    await _ended_well(driving, run_id, seen)
    assert not (await driving.runs.replay("default", run_id)).differences
    assert TEXT.startswith(text_in(seen))
    assert len(text_in(seen)) > len(TEXT) / 2
    names = [name for _, name, _ in seen]
    assert names.count("delta") > 3
    assert "delta" not in names[names.index("flowmatik.CallSucceeded") :]
    gone = await client.get("/v1/runs/run_x/events", params={"deltas": "true"})
    assert gone.status_code == 404


async def _facts_are_seen(driving: Platform, client: httpx.AsyncClient, redis: OwnRedis) -> None:
    """Redis ends with the first text that is seen."""
    run_id = await driving.runs.create("default", NewRun(goal="h", agent="clerk"))
    seen: list[Sent] = []
    async with asyncio.timeout(120):
        async for sent in frames(client, run_id):
            seen.append(sent)
            if sent[1] == "delta":
                await redis.stop()
    await _ended_well(driving, run_id, seen)
    # Cut off after its first facts it gets the others, and no text of calls that have ended.
    again = [data["seq"] async for _, _, data in frames(client, run_id, "2")]
    assert again == [data["seq"] for id_, _, data in seen if id_][2:]


async def _ended_well(driving: Platform, run_id: str, seen: list[Sent]) -> None:
    facts = [event.to_json() async for event in driving.runs.events("default", run_id)]
    assert [data for id_, _, data in seen if id_] == facts
    view = await driving.runs.get("default", run_id)
    assert view.answer is not None
    assert view.answer.text == TEXT


async def test_the_command_line_reads_along_at_a_server_and_at_the_home_itself(tmp_path: Path) -> None:
    with OpenAIServer(Step(text=TEXT, first_seconds=0.3, piece_seconds=0.01)) as model:
        settings = home(tmp_path / "one", MODEL_BASE_URL=model.base_url, MODEL="custom/scripted")
        async with (
            open_platform(settings, recover_all=False) as platform,
            gateway_of(platform) as client,
        ):
            await platform.agents.apply("default", PROFILE, filename="clerk.yaml")
            remote = RemoteBackend(str(client.base_url), client.headers["Authorization"].split()[1])
            run_id = await platform.runs.create("default", NewRun(goal="g", agent="clerk"))
            heard: dict[bool, str] = {}

            async def read(backend: Backend) -> None:
                async with backend.deltas.watch("default", run_id) as deltas:
                    heard[backend.here] = ""
                    async for delta in deltas:
                        heard[backend.here] += getattr(delta, "text", "")

            reading = [asyncio.create_task(read(backend)) for backend in (platform, remote)]
            await platform.runs.wait("default", run_id)
            await asyncio.wait_for(reading[1], 120)  # it ends with its run
            reading[0].cancel()
            await asyncio.gather(*reading, return_exceptions=True)
            await remote.close()
    assert heard == {True: TEXT, False: TEXT}
