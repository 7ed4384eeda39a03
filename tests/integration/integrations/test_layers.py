"""Layers around real providers, over HTTP: 429 with Retry-After, windows that the server enforces."""

from dataclasses import replace
from typing import Any

import pytest

from flowmatik.contracts.models import Message, ModelReply
from flowmatik.integrations.layers.answers import MemoryAnswers
from flowmatik.integrations.layers.compose import LayerParts, layered
from flowmatik.integrations.layers.settings import Described, LimitSettings, Undescribed, settings_of
from flowmatik.integrations.layers.share import LocalShare
from flowmatik.integrations.models.gateway import Gateway, GatewaySettings
from flowmatik.integrations.provider import ModelProvider
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import ConfigurationError, ModelRejected, ModelUnavailable
from flowmatik.testing.clock import SkippingClock
from flowmatik.testing.openai_server import OpenAIServer, Step
from tests.integration.integrations.support import ask, provider
from tests.unit.integrations.layers.support import call, result

LONG = "The contract says many things at length. " * 25
OVERFLOW = "This model's maximum context length is 3000 tokens. However, your messages have more."


def opened(server: OpenAIServer, clock: Clock, **described: Any) -> Gateway:
    parts = LayerParts(
        share=LocalShare(clock), clock=clock, answers=MemoryAnswers(clock), models=lambda: gateway
    )

    def around(deployment: Described, inner: ModelProvider) -> ModelProvider:
        if not deployment.id.startswith("far/"):
            return inner
        said = replace(Undescribed(id=deployment.id, model="far/some-model"), **described)
        return layered(said.id, inner, settings_of(said), parts)

    settings = {"far": provider(server.base_url, attempts=1), "near": provider(server.base_url, attempts=1)}
    gateway = Gateway(GatewaySettings(providers=settings), clock, around)
    return gateway


def talk(rounds: int = 12) -> tuple[Message, ...]:
    exchanges = [message for n in range(rounds) for message in (call(n), result(n, f"{n}: {LONG}"))]
    return (Message(role="user", content="Find the contracts."), *exchanges)


async def test_a_429_pauses_the_deployment_for_as_long_as_it_asks() -> None:
    clock = SkippingClock()
    with OpenAIServer(Step(kind="rate_limited", retry_after=7.0), Step(text="Here.")) as server:
        gateway = opened(server, clock, limits=LimitSettings(max_parallel=2))
        with pytest.raises(ModelUnavailable):
            await gateway.complete(ask())
        begun = clock.monotonic()
        assert (await gateway.complete(ask())).text == "Here."
        await gateway.close()
    assert 7.0 <= clock.monotonic() - begun < 8.0


async def test_a_server_that_refuses_for_the_length_is_sent_less() -> None:
    refused = Step(kind="error", status=400, message=OVERFLOW, when='"0: The contract')
    with OpenAIServer(refused, Step(text="Found.")) as server:
        gateway = opened(server, SkippingClock(), context_policy="trim")
        reply = await gateway.complete(ask(messages=talk(), max_output_tokens=200))
        sent = server.calls[-1]["body"]["messages"]
        await gateway.close()
    assert reply.text == "Found."
    assert len(server.calls) == 2
    assert any("left out here" in str(message["content"]) for message in sent)


async def test_a_summary_is_asked_of_the_cheap_model_and_both_are_sent() -> None:
    summary = Step(when="Summarise this part", text="All contracts are signed.")
    with OpenAIServer(summary, Step(text="Found.")) as server:
        gateway = opened(
            server,
            SkippingClock(),
            context_tokens=3000,
            context_policy="summarise",
            summariser="near/cheap",
        )
        items = [item async for item in gateway.stream(ask(messages=talk(), max_output_tokens=200))]
        await gateway.close()
        first, second = (one["body"] for one in server.calls)
    assert (first["model"], second["model"]) == ("cheap", "some-model")
    assert "All contracts are signed." in str(second["messages"])
    assert isinstance(items[-1], ModelReply)
    assert items[-1].usage.input_tokens == 22, "both calls' tokens"


async def test_without_a_policy_the_providers_refusal_is_the_callers() -> None:
    with OpenAIServer(Step(kind="error", status=400, message=OVERFLOW)) as server:
        gateway = opened(server, SkippingClock())
        with pytest.raises(ModelRejected):
            await gateway.complete(ask(messages=talk()))
        await gateway.close()
    assert len(server.calls) == 1


async def test_a_listed_deployment_keeps_answers_for_so_many_seconds() -> None:
    with OpenAIServer(Step(text="once"), Step(text="twice")) as server:
        gateway = opened(server, SkippingClock(), cache_seconds=60)
        said = [(await gateway.complete(ask(workspace_id=one))).text for one in ("a", "a", "b", "")]
        await gateway.close()
    assert said == ["once", "once", "twice", "twice"]
    assert len(server.calls) == 3


def test_a_policy_that_there_is_not_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="cut; write trim"):
        settings_of(Undescribed(id="x", context_policy="cut"))
