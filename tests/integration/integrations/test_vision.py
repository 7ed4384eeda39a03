"""Pictures go to models that see them, in each vendor's form, and to no others."""

from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from flowmatik.contracts.images import ImageMessage, image_of
from flowmatik.contracts.model_access import Verdict
from flowmatik.contracts.models import Message, ModelRequest
from flowmatik.integrations.layers.answers import MemoryAnswers
from flowmatik.integrations.layers.caching import Cached
from flowmatik.integrations.layers.settings import CacheSettings
from flowmatik.integrations.models.gateway import Gateway, GatewaySettings
from flowmatik.integrations.probing.adapting import Adapted
from flowmatik.integrations.probing.picture import red_square
from flowmatik.integrations.probing.probing import Findings
from flowmatik.integrations.probing.store import StoredProbes
from flowmatik.integrations.provider import ProviderSettings
from flowmatik.integrations.routing.table import RouteTable
from flowmatik.kernel.errors import ModelRejected
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore
from flowmatik.testing.anthropic_server import AnthropicServer
from flowmatik.testing.clock import SkippingClock
from flowmatik.testing.openai_server import OpenAIServer, Step
from tests.integration.integrations.support import KEY, MODEL, gateway
from tests.integration.integrations.test_routes import deployment
from tests.unit.integrations.layers.support import HandClock

RED = red_square()
SHOWN = ImageMessage(role="user", content="What is it?", images=(RED,))
NO_IMAGES = Step(kind="error", status=400, message="this model does not support images", when="image_url")


def ask(model: str = MODEL, **changes: Any) -> ModelRequest:
    request = ModelRequest(model=model, messages=(SHOWN,), timeout=20.0, workspace_id="w")
    return replace(request, **changes)


@pytest.fixture
async def probes(tmp_path: Path) -> AsyncIterator[StoredProbes]:
    await upgrade(str(tmp_path / "journal.db"))
    store = SqliteStore(str(tmp_path / "journal.db"))
    yield StoredProbes(SqliteDatabase(store), HandClock())
    await store.close()


@pytest.mark.parametrize("model", ["openai/gpt-4o", "openai/gpt-5.4-mini", "anthropic/claude-x"])
async def test_a_picture_arrives_whole_in_the_form_of_each_api(model: str) -> None:
    provider = model.partition("/")[0]
    server = AnthropicServer(key=KEY) if provider == "anthropic" else OpenAIServer(key=KEY)
    with server:
        settings = ProviderSettings(base_url=server.base_url, api_key=KEY, attempts=1)
        opened = Gateway(GatewaySettings(providers={provider: settings}), SkippingClock())
        assert (await opened.complete(ask(model))).text
        assert [item async for item in opened.stream(ask(model))]
        await opened.close()
        bodies = [str(call["body"]) for call in server.calls]
    assert len(bodies) == 2
    for body in bodies:
        assert "What is it?" in body
        assert "image/png" in body


async def test_the_scripted_server_refuses_what_is_no_picture() -> None:
    spoilt = replace(RED, data=b"no picture")
    wrong = replace(RED, media_type="image/jpeg")
    with OpenAIServer(key=KEY) as server:
        async with gateway(server, SkippingClock()) as opened:
            for image in (spoilt, wrong):
                with pytest.raises(ModelRejected, match="image"):
                    await opened.complete(ask(messages=(replace(SHOWN, images=(image,)),)))


async def test_a_model_known_to_see_nothing_is_not_asked(probes: StoredProbes) -> None:
    blind = (Verdict(capability="vision", able=False),)
    await probes.put("w", MODEL, Findings(verdicts=blind, cost_micros=0))
    with OpenAIServer(key=KEY) as server:
        async with gateway(server, HandClock()) as opened:
            adapted = Adapted(opened.bare(MODEL)[1], probes, HandClock())
            with pytest.raises(ModelRejected) as refused:
                await adapted.complete(ask())
            with pytest.raises(ModelRejected) as streamed:
                await anext(adapted.stream(ask()))
            assert refused.value.code == streamed.value.code == "model.vision"
            assert not server.calls
            plain = ask(messages=(Message(role="user", content="Hello"),))
            assert (await adapted.complete(plain)).text
            assert (await adapted.complete(ask(workspace_id="other"))).text


async def test_a_model_that_refuses_a_picture_is_remembered(probes: StoredProbes) -> None:
    with OpenAIServer(NO_IMAGES, Step(), key=KEY) as server:
        async with gateway(server, HandClock()) as opened:
            adapted = Adapted(opened.bare(MODEL)[1], probes, HandClock())
            for _ in range(2):
                with pytest.raises(ModelRejected) as refused:
                    await adapted.complete(ask())
                assert refused.value.code == "model.vision"
            assert len(server.calls) == 1
    kept = await probes.get("w", MODEL)
    assert kept is not None
    assert kept.able("vision") is False


async def test_the_offline_model_says_that_it_sees_nothing_and_another_deployment_is_asked() -> None:
    with OpenAIServer(Step(text="Red."), key=KEY) as server:
        near = replace(deployment("near", server), model="local/extractive", settings=None, weight=100.0)
        table = RouteTable(deployments=(near, deployment("far", server)))
        opened = Gateway(GatewaySettings(providers={}, routes=table), SkippingClock())
        assert (await opened.complete(ask("m"))).text == "Red."
        with pytest.raises(ModelRejected) as refused:
            await opened.complete(ask("local/extractive"))
        await opened.close()
    assert refused.value.code == "model.vision"


async def test_the_worst_case_holds_what_a_picture_may_cost() -> None:
    with OpenAIServer(key=KEY) as server:
        async with gateway(server, SkippingClock(), prices={"some-model": (1.0, 1.0)}) as opened:
            plain = ask(messages=(Message(role="user", content=SHOWN.content),))
            with_picture, without = opened.worst_case_micros(ask()), opened.worst_case_micros(plain)
    assert with_picture is not None
    assert without is not None
    assert 6_500 <= with_picture - without < 7_000


async def test_an_answer_is_kept_for_one_picture_and_not_for_another() -> None:
    other = image_of(RED.data + b"\x00")
    with OpenAIServer(key=KEY) as server:
        async with gateway(server, HandClock()) as opened:
            settings = CacheSettings(seconds=60, on=True)
            cached = Cached(opened.bare(MODEL)[1], "d", settings, MemoryAnswers(HandClock()))
            for image in (RED, RED, other):
                await cached.complete(ask(messages=(replace(SHOWN, images=(image,)),)))
        assert len(server.calls) == 2


def test_a_picture_shows_its_hash_and_never_its_bytes() -> None:
    assert RED.sha256 == sha256(RED.data).hexdigest()
    assert repr(RED.data)[2:20] not in repr(ask())
