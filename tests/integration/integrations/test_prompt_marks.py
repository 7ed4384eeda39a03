"""Providers are told what to keep of a prompt, when it will be sent again; and only then."""

import json
from dataclasses import replace
from typing import Any

import pytest

from flowmatik.contracts.models import Message, ModelRequest, ToolSchema
from flowmatik.integrations.models.gateway import Gateway
from flowmatik.testing.model_server import Step
from tests.integration.integrations.test_vendors import asking
from tests.integration.integrations.vendors import server_of

TOOL = ToolSchema(name="look", description="Look.", parameters={"type": "object", "properties": {}})
SAID = (Message(role="system", content="Be brief."), Message(role="user", content="Hello"))
CLAUDE = "anthropic.claude-haiku-4-5-20251001-v1:0"
RUN = "run_0198c0de-0000-7000-8000-000000000001"
OTHER = "run_0198c0de-0000-7000-8000-000000000002"


def ask(model: str, **changes: Any) -> ModelRequest:
    request = ModelRequest(model=model, messages=SAID, tools=(TOOL,), again=True, run_id=RUN, timeout=20.0)
    return replace(request, **changes)


async def bodies(model: str, *asked: dict[str, Any], **settings: Any) -> list[dict[str, Any]]:
    """What the provider is sent for each of the requests."""
    provider = model.partition("/")[0]
    with server_of(provider, Step(text="Hi.")) as server:
        async with asking(provider, server, **settings) as gateway:
            for changes in asked:
                assert (await gateway.complete(ask(model, **changes))).text == "Hi."
        return [call["body"] for call in server.calls]


async def test_the_beginning_that_comes_again_is_marked_and_nothing_else() -> None:
    marked, plain = await bodies("anthropic/some-model", {}, {"again": False})
    assert marked["tools"][-1]["cache_control"] == {"type": "ephemeral", "ttl": "5m"}
    assert marked["system"][-1]["cache_control"] == {"type": "ephemeral", "ttl": "5m"}
    assert marked["cache_control"]["type"] == "ephemeral"
    assert "cache_control" not in json.dumps(plain)


async def test_bedrock_gets_points_for_models_that_know_them() -> None:
    point = {"cachePoint": {"type": "default"}}
    marked, plain = await bodies(f"bedrock/{CLAUDE}", {}, {"again": False})
    assert marked["toolConfig"]["tools"][-1] == point
    assert marked["system"][-1] == point
    assert marked["messages"][-1]["content"][-1] == point
    assert "cachePoint" not in json.dumps(plain)
    [unknown] = await bodies("bedrock/some.model", {})
    assert "cachePoint" not in json.dumps(unknown)


@pytest.mark.parametrize(
    "model", ["openai/gpt-4.1-mini", "openai/gpt-6-luna", "azure/my-deployment", "mistral/some-model"]
)
async def test_prompts_of_one_run_have_one_key_that_does_not_tell_which(model: str) -> None:
    first, second, other, plain, nobody = await bodies(
        model, {}, {}, {"run_id": OTHER}, {"again": False}, {"run_id": ""}
    )
    key = first["prompt_cache_key"]
    assert key == second["prompt_cache_key"] != other["prompt_cache_key"]
    assert RUN not in json.dumps(first)
    assert "prompt_cache_key" not in json.dumps([plain, nobody])


@pytest.mark.parametrize("provider", ["groq", "openai_compatible", "vllm", "ai302", "openrouter"])
async def test_who_does_not_know_of_keys_is_sent_none(provider: str) -> None:
    [body] = await bodies(f"{provider}/some-model", {})
    assert "cache" not in json.dumps(body)


async def test_a_dated_version_of_azure_is_sent_none() -> None:
    [body] = await bodies("azure/my-deployment", {}, api_version="2024-10-21")
    assert "cache" not in json.dumps(body)


async def test_openrouter_is_told_for_models_that_want_to_be() -> None:
    marked, plain = await bodies("openrouter/anthropic/some-model", {}, {"again": False})
    assert marked["cache_control"] == {"type": "ephemeral"}
    assert "cache_control" not in plain


@pytest.mark.parametrize("model", ["openrouter/anthropic/x", f"bedrock/{CLAUDE}", "anthropic/x"])
async def test_what_a_mark_may_cost_is_set_aside(model: str) -> None:
    def worst(gateway: Gateway) -> int:
        found = gateway.worst_case_micros(ask(model, max_output_tokens=1))
        assert found is not None
        return found

    provider, _, name = model.partition("/")
    with server_of(provider) as server:
        async with asking(provider, server, prices={name: (100.0, 0.0)}) as gateway:
            with_mark = worst(gateway)
        same: dict[str, Any] = {"prices": {name: (100.0, 0.0)}, "cached_prices": {name: (None, 100.0)}}
        async with asking(provider, server, **same) as gateway:
            assert with_mark == 1.25 * worst(gateway)
