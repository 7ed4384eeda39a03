"""What the gateway expects of every model provider; run over each manifest that there is.

Those that call a server are pointed at one of ours; the offline one needs none.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from flowmatik.contracts.models import Message, ModelReply, ModelRequest, TextDelta
from flowmatik.integrations.models.gateway import Gateway, GatewaySettings, provider_plugins
from flowmatik.integrations.provider import ProviderSettings
from flowmatik.kernel.errors import ModelMalformed, ModelRejected, ModelUnavailable
from flowmatik.kernel.plugins import Manifest
from flowmatik.testing.clock import SkippingClock
from flowmatik.testing.openai_server import Step
from tests.integration.integrations.support import KEY
from tests.integration.integrations.vendors import server_of

MANIFESTS = provider_plugins().manifests()
REMOTE = [manifest for manifest in MANIFESTS if manifest.id != "local"]


def asked(manifest: Manifest) -> ModelRequest:
    model = "local/extractive" if manifest.id == "local" else f"{manifest.id}/some-model"
    return ModelRequest(model=model, messages=(Message(role="user", content="Say hello"),), timeout=20.0)


@asynccontextmanager
async def only(manifest: Manifest, base_url: str, *, key: str = KEY) -> AsyncGenerator[Gateway]:
    settings = ProviderSettings(base_url=base_url, api_key=key, attempts=1)
    if manifest.id == "bedrock":  # its API key goes over HTTPS alone
        settings = replace(settings, api_key="", access_key=key, secret_key=key, region="eu-west-1")
    named = {} if manifest.id == "local" else {manifest.id: settings}
    opened = Gateway(GatewaySettings(providers=named, default_model=asked(manifest).model), SkippingClock())
    try:
        yield opened
    finally:
        await opened.close()


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda manifest: manifest.id)
async def test_an_answer_and_its_stream_are_whole(manifest: Manifest) -> None:
    with server_of(manifest.id, Step(text="Hello there.")) as server:
        async with only(manifest, server.address) as gateway:
            reply = await gateway.complete(asked(manifest))
            items = [item async for item in gateway.stream(asked(manifest))]
    assert reply.text
    assert isinstance(items[-1], ModelReply)
    assert "".join(item.text for item in items if isinstance(item, TextDelta)) == items[-1].text == reply.text


@pytest.mark.parametrize("manifest", REMOTE, ids=lambda manifest: manifest.id)
async def test_a_wrong_key_is_rejected_without_being_shown(manifest: Manifest) -> None:
    with server_of(manifest.id, Step(), key="another") as server:
        async with only(manifest, server.address) as gateway:
            with pytest.raises(ModelRejected) as caught:
                await gateway.complete(asked(manifest))
    assert caught.value.code == "model.key"
    assert manifest.id in caught.value.message
    assert KEY not in repr(caught.value) + caught.value.message + str(caught.value.context)


@pytest.mark.parametrize("manifest", REMOTE, ids=lambda manifest: manifest.id)
@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (Step(kind="malformed"), ModelMalformed),
        (Step(kind="truncated"), ModelUnavailable),
        (Step(kind="rate_limited"), ModelUnavailable),
        (Step(kind="error", status=503), ModelUnavailable),
        (Step(kind="error", status=400), ModelRejected),
    ],
    ids=lambda value: value.kind if isinstance(value, Step) else "",
)
async def test_what_goes_wrong_at_the_vendors_is_told_apart(
    manifest: Manifest, step: Step, kind: type[Exception]
) -> None:
    if (manifest.id, step.kind) == ("bedrock", "truncated"):
        kind = ModelMalformed  # AWS's client takes what came for a whole answer that says nothing
    with server_of(manifest.id, step) as server:
        async with only(manifest, server.address) as gateway:
            with pytest.raises(kind):
                await gateway.complete(asked(manifest))


@pytest.mark.parametrize("manifest", REMOTE, ids=lambda manifest: manifest.id)
async def test_a_closed_port_is_unavailable(manifest: Manifest) -> None:
    with server_of(manifest.id, Step()) as server:
        gone = server.address
    async with only(manifest, gone) as gateway:
        with pytest.raises(ModelUnavailable):
            await gateway.complete(asked(manifest))
