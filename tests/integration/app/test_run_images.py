"""Pictures for runs: from the command line, over HTTP and through the remote twin, to a model that is a real
server, and what is left of them afterwards."""

import base64
import io
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from PIL import Image as Painted

from flowmatik.agents import ReducerLoop
from flowmatik.app.local_token import read_local_token
from flowmatik.app.remote_backend import RemoteBackend
from flowmatik.app.settings import load_settings
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import open_platform
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.core.recordings.replaying import replayed
from flowmatik.integrations.probing.picture import red_square
from flowmatik.kernel.errors import InvalidInput
from flowmatik.testing.openai_server import OpenAIServer, Step
from tests.integration.app.test_plans import Served

RED = red_square()
CLERK = """
apiVersion: flowmatik/v1
kind: Agent
metadata: {name: looker}
summary: Says what there is to see.
role: looker
skills: [sights]
model: MODEL
instructions: Say what you see.
"""
LIST = """
model_list:
  - model_name: sharp
    model: custom/scripted
    vision: true
  - model_name: dull
    model: custom/other
    vision: false
"""
PLACE = b"41 24 12.2 N"


@pytest.fixture
def model() -> Iterator[OpenAIServer]:
    with OpenAIServer(Step(text="A red square.")) as server:
        yield server


@pytest.fixture
async def served(model: OpenAIServer, tmp_path: Path) -> AsyncIterator[Served]:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    (tmp_path / "models.yaml").write_text(LIST)
    named = {"FLOWMATIK_MODEL_BASE_URL": model.base_url, "FLOWMATIK_MODEL": "custom/scripted"}
    settings = load_settings(tmp_path, named)
    async with (
        open_platform(settings, recover_all=True) as platform,
        serve_platform(platform, host="127.0.0.1", port=0) as server,
    ):
        for name, model_name in (("looker", "sharp"), ("dull-looker", "dull")):
            text = CLERK.replace("MODEL", model_name).replace("{name: looker}", f"{{name: {name}}}")
            await platform.agents.apply("default", text, filename="looker.yaml")
        yield Served(platform, server.url, read_local_token(settings))


def photograph() -> bytes:
    """That says where it was taken."""
    exif = Painted.Exif()
    exif[0x010E] = PLACE.decode()
    out = io.BytesIO()
    Painted.new("RGB", (64, 64), (255, 0, 0)).save(out, "JPEG", exif=exif)
    return out.getvalue()


def shown(model: OpenAIServer) -> list[bytes]:
    """The pictures of the last request that the model got."""
    body = model.calls[-1]["body"]
    parts = [part for one in body["messages"] if isinstance(one["content"], list) for part in one["content"]]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    return [base64.b64decode(url.partition(",")[2]) for url in urls]


async def test_the_command_line_shows_a_picture_and_says_nothing_of_where_it_was_taken(
    served: Served, model: OpenAIServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "red.jpg"
    file.write_bytes(photograph())
    asked = ("run", "What is it?", "--agent", "looker", "--image", str(file))
    code, said = await served.command(capsys, *asked)
    assert (code, said["answer"]["text"]) == (0, "A red square."), said
    (sent,) = shown(model)
    assert PLACE in photograph()
    assert PLACE not in sent
    assert sent.startswith(b"\xff\xd8\xff")


async def test_over_http_a_picture_is_a_part_of_the_form(served: Served, model: OpenAIServer) -> None:
    run = json.dumps({"goal": "What is it?", "agent": "looker"})
    async with httpx.AsyncClient(base_url=served.url, headers=served.headers, timeout=60) as client:
        answer = await client.post(
            "/v1/runs/with-images",
            data={"run": run},
            files=[("images", ("x.txt", RED.data, "text/plain"))],
            headers={"Idempotency-Key": "k1"},
        )
        assert answer.status_code == 202, answer.text
        run_id = answer.json()["id"]
        assert await served.ended(run_id) is RunStatus.SUCCEEDED
        assert shown(model) == [RED.data]
        view = (await client.get(f"/v1/runs/{run_id}")).json()
        assert [one["sha256"] for one in view["pictures"]] == [RED.sha256]
        blob = await client.get(f"/v1/runs/{run_id}/blobs/{RED.sha256}")
        assert (blob.content, blob.headers["content-type"]) == (RED.data, "image/png")
        for data, files, status, code in (
            ({"run": "{"}, [("images", RED.data)], 422, "input.invalid"),
            ({"run": '{"goal": "g", "colour": 1}'}, [("images", RED.data)], 422, "input.invalid"),
            ({"run": run}, [], 422, "input.invalid"),
            ({"run": run}, [("images", b"GIF, they said")], 422, "input.image"),
            ({"run": run}, [("images", RED.data)] * 9, 422, "input.images"),
            ({"run": run.replace("looker", "dull-looker")}, [("images", RED.data)], 422, "input.vision"),
        ):
            wrong = await client.post("/v1/runs/with-images", data=data, files=files or {"x": b""})
            assert (wrong.json()["code"], wrong.status_code) == (code, status)
        assert (await client.post("/v1/runs/with-images", headers={"Authorization": ""})).status_code == 401


async def test_the_remote_twin_sends_pictures_and_recordings_hold_their_hashes_alone(
    served: Served, model: OpenAIServer
) -> None:
    backend = RemoteBackend(served.url, served.key)
    try:
        new = NewRun(goal="What is it?", agent="looker", images=(RED,))
        run_id = await backend.runs.create("default", new)
        view = await backend.runs.wait("default", run_id)
        assert (view.status, view.pictures[0].sha256) == (RunStatus.SUCCEEDED, RED.sha256)
        assert await backend.blobs.read("default", run_id, RED.sha256) == RED.data
        with pytest.raises(InvalidInput):
            await backend.runs.create("default", replace(new, images=(replace(RED, data=b"none"),)))
        with pytest.raises(InvalidInput, match="dull"):
            await backend.runs.create("default", replace(new, agent="dull-looker"))
        recording = await backend.recordings.record("default", run_id)
    finally:
        await backend.close()
    assert recording.replays
    told = json.dumps([event.payload for event in recording.runs[0].events])
    assert RED.sha256 in told
    assert base64.b64encode(RED.data).decode() not in told
    (request,) = recording.runs[0].requests.values()
    assert request.messages[1]["images"] == [RED.told]
    assert replayed(recording, ReducerLoop()).difference is None


async def test_a_model_that_refuses_pictures_costs_nothing_and_is_known_afterwards(
    served: Served, model: OpenAIServer
) -> None:
    text = CLERK.replace("MODEL", "custom/scripted")  # of which the list says nothing
    await served.platform.agents.apply("default", text, filename="looker.yaml")
    refusing = Step(kind="error", status=400, message="image input is not supported", when="image_url")
    model.tell(refusing)
    new = NewRun(goal="What is it?", agent="looker", images=(RED,))
    run_id = await served.platform.runs.create("default", new)
    assert await served.ended(run_id) is RunStatus.FAILED
    view = await served.platform.runs.get("default", run_id)
    assert (view.error_code, view.cost_micros) == ("model.vision", 0)
    with pytest.raises(InvalidInput):
        await served.platform.runs.create("default", new)
