"""Keys of providers stay where they belong: at every provider, in recordings, with pictures and in what is
sent to webhooks of alerts, while calls succeed and fail in every way."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from flowmatik.app.logs import configure_logging
from flowmatik.app.recording_files import write_recording
from flowmatik.app.settings import load_settings
from flowmatik.contracts.models import Message, ModelRequest
from flowmatik.integrations.models.gateway import Gateway, GatewaySettings
from flowmatik.integrations.probing.picture import red_square
from flowmatik.integrations.provider import ProviderSettings
from flowmatik.kernel.errors import FlowmatikError
from flowmatik.testing.clock import SkippingClock
from flowmatik.testing.openai_server import OpenAIServer, Step
from tests import canaries
from tests.canaries import Place
from tests.contracts.plugins.test_model_providers import REMOTE
from tests.integration.app.test_alert_hooks import KEY, SECRET, Receiver, is_signed
from tests.integration.app.test_secret_canaries import (
    CANARIES,
    ECHO,
    MODEL_KEY,
    PROFILE,
    WAYS,
    home,
    name_of,
    said,
    served,
    variables,
)
from tests.integration.integrations.vendors import server_of
from tests.unit.core.engines import eventually

__all__ = ["said"]
VENDOR_KEY, ACCESS_KEY = "kanarieAnbieter4Vw19", "kanarieZugang2Fd70"
OF_VENDORS = {"the key": VENDOR_KEY, "the access key": ACCESS_KEY}
RED = red_square()
SEEING = """
model_list:
  - {model_name: eyes, model: custom/scripted, vision: true}
breaker: {consecutive: 1000, minimum: 1000}
rounds: 1
"""
FRAIL = """
model_list:
  - {model_name: frail, model: custom/scripted}
breaker: {consecutive: 2, open_seconds: 30}
rounds: 1
"""


def settings_of(provider: str, address: str) -> ProviderSettings:
    settings = ProviderSettings(base_url=address, api_key=VENDOR_KEY, attempts=1, timeout=1.0)
    if provider != "bedrock":  # its API key goes over HTTPS alone
        return settings
    return replace(settings, api_key="", access_key=ACCESS_KEY, secret_key=VENDOR_KEY, region="eu-west-1")


async def fails(gateway: Gateway, request: ModelRequest, *, streamed: bool) -> list[Place]:
    try:
        if streamed:
            async for _ in gateway.stream(request):
                continue
        else:
            await gateway.complete(request)
    except FlowmatikError as error:
        return [canaries.error(error)]
    return []


@pytest.mark.parametrize("provider", [manifest.id for manifest in REMOTE])
async def test_no_error_and_no_log_of_any_provider_shows_its_key(
    provider: str, tmp_path: Path, said: io.StringIO
) -> None:
    environ = {"FLOWMATIK_LOG_LEVEL": "debug"}  # no key is among them: nothing but its form could hide it
    configure_logging(load_settings(home(tmp_path / "home"), environ), said)
    seen: list[Place] = []
    asked = ModelRequest(
        model=f"{provider}/some-model", messages=(Message(role="user", content="?"),), timeout=1.0
    )
    with server_of(provider) as server:
        chosen = GatewaySettings(providers={provider: settings_of(provider, server.address)})
        gateway = Gateway(replace(chosen, default_model="local/extractive"), SkippingClock())
        try:
            for step in WAYS[1:]:
                for streamed in (False, True):
                    server.tell(step)
                    seen += await fails(gateway, asked, streamed=streamed)
        finally:
            await gateway.close()
    assert len(seen) > len(WAYS)
    assert canaries.found(OF_VENDORS, [*seen, Place("the log", said.getvalue().encode())]) == []


async def test_no_recording_of_a_run_with_a_picture_holds_a_key_however_it_ends(
    tmp_path: Path, said: io.StringIO
) -> None:
    folder = home(tmp_path / "home")
    (folder / "models.yaml").write_text(SEEING)
    with OpenAIServer(key=MODEL_KEY) as model:
        settings = load_settings(folder, variables(model))
        configure_logging(settings, said)
        async with served(settings) as (platform, client):
            profile = PROFILE.replace("role: worker", "role: worker\nmodel: eyes")
            await platform.agents.apply("default", profile, filename="clerk.yaml")
            places: list[Place] = []
            statuses: set[str] = set()
            for step in (*WAYS[:4], *WAYS[8:13]):
                model.tell(step)
                answer = await client.post(
                    "/v1/runs/with-images",
                    data={"run": json.dumps({"goal": f"g {name_of(step)}", "agent": "clerk"})},
                    files=[("images", RED.data)],
                )
                run_id = answer.json()["id"]
                view = await platform.runs.wait("default", run_id)
                statuses.add(view.status.value)
                file = tmp_path / "recordings" / f"{run_id}.json"
                file.parent.mkdir(exist_ok=True)
                write_recording(file, await platform.recordings.record("default", run_id))
                fetched = await client.get(f"/v1/runs/{run_id}/recording")
                assert fetched.status_code == 200
                for one in (answer, fetched, await client.get(f"/v1/runs/{run_id}")):
                    places.append(canaries.answer(one))
            places += canaries.files(folder)
    places += [*canaries.files(folder), *canaries.files(tmp_path / "recordings")]
    places.append(Place("the log", said.getvalue().encode()))
    assert statuses == {"succeeded", "failed"}
    assert canaries.found(CANARIES, places) == []
    recordings = [place for place in places if place.name.startswith("run_")]
    assert len(recordings) == 9
    assert all(RED.sha256.encode() in place.content for place in recordings)


async def test_no_webhook_is_sent_a_key_and_none_of_its_secrets_is_kept(
    tmp_path: Path, said: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALERTS_SIGNING", SECRET)
    folder, receiver = home(tmp_path / "home"), Receiver()
    monkeypatch.setenv("ALERTS_ADDRESS", f"{receiver.url}?token={CANARIES['the password in an address']}")
    (folder / "models.yaml").write_text(FRAIL)
    hook = {"url": "env:ALERTS_ADDRESS", "secret": "env:ALERTS_SIGNING", "allow_private": True}
    secrets = {**CANARIES, "what alerts are signed with": SECRET, "its bytes": KEY.decode()}
    places: list[Place] = []
    with OpenAIServer(Step(kind="error", status=500, message=ECHO), key=MODEL_KEY) as model:
        settings = load_settings(folder, variables(model))
        configure_logging(settings, said)
        async with served(settings) as (platform, client):
            profile = PROFILE.replace("role: worker", "role: worker\nmodel: frail")
            await platform.agents.apply("default", profile, filename="clerk.yaml")
            added = await client.post("/v1/alerts/hooks", json=hook)
            receiver.status = 500
            tried = await client.post(f"/v1/alerts/hooks/{added.json()['id']}/test")
            receiver.status = 204
            created = await client.post("/v1/runs", json={"goal": "g", "agent": "clerk"})
            await platform.runs.wait("default", created.json()["id"])

            async def told() -> bool:
                return len(receiver.got) > 1

            await eventually(told, 60)
            listed = await client.get("/v1/alerts/hooks")
            sent = await client.get(f"/v1/alerts/hooks/{added.json()['id']}/deliveries")
            places += [canaries.answer(one) for one in (added, tried, created, listed, sent)]
            places += canaries.files(folder)
    receiver.close()
    assert is_signed(*receiver.got[-1])
    assert b"frail" in receiver.got[-1][1]
    bodies = [Place("a webhook", json.dumps(headers).encode() + body) for headers, body in receiver.got]
    places += [*bodies, *canaries.files(folder), Place("the log", said.getvalue().encode())]
    assert canaries.found(secrets, places) == []
