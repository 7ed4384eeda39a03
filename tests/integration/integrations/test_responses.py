"""OpenAI's models that reason are asked through the Responses API, all others through chat completions."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from flowmatik.contracts.models import Message, ModelReply, ModelRequest, TextDelta, ToolSchema
from flowmatik.integrations.chat_completions.vendor import reasons
from flowmatik.integrations.models.gateway import Gateway, GatewaySettings
from flowmatik.integrations.provider import ProviderSettings
from flowmatik.kernel.errors import ModelRejected, ModelUnavailable
from flowmatik.testing.clock import SkippingClock
from flowmatik.testing.model_server import Step, ToolUse
from flowmatik.testing.model_server.desk import Orders
from flowmatik.testing.model_server.serving import ScriptedServer
from flowmatik.testing.openai_server import OpenAIServer
from tests.integration.integrations.emulators.responses import routes
from tests.integration.integrations.support import KEY

TOOL = ToolSchema(name="weather", description="Of a town.", parameters={"type": "object", "properties": {}})
SCHEMA = {"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]}


def serving(*script: Step) -> ScriptedServer:
    return ScriptedServer(routes, Orders(script=script or (Step(),), key=KEY))


@asynccontextmanager
async def asking(address: str, *, api: str = "") -> AsyncGenerator[Gateway]:
    settings = ProviderSettings(base_url=f"{address}/v1", api_key=KEY, api=api)
    gateway = Gateway(GatewaySettings(providers={"openai": settings}), SkippingClock())
    try:
        yield gateway
    finally:
        await gateway.close()


def ask(model: str = "gpt-5.4-mini") -> ModelRequest:
    messages = (Message(role="system", content="Be brief."), Message(role="user", content="Oslo?"))
    return ModelRequest(model=f"openai/{model}", messages=messages, timeout=20.0, idempotency_key="k1")


def test_which_models_reason() -> None:
    for name in ("o3-mini", "gpt-5.4", "gpt-6-luna", "gpt-5-mini-2025-08-07"):
        assert reasons(name)
    for name in ("gpt-4.1-mini", "gpt-4o", "chat-latest", "gpt-5.2-chat-latest", "some-model"):
        assert not reasons(name)


async def test_a_model_that_reasons_is_asked_by_responses_and_nothing_is_stored_there() -> None:
    step = Step(text="Sunny.", usage=(90, 40), cached=64, reasoning=30)
    with serving(step) as server:
        async with asking(server.address) as gateway:
            whole = await gateway.complete(ask())
            items = [item async for item in gateway.stream(ask())]
        (call, _) = server.calls
    assert (whole.text, whole.finish) == ("Sunny.", "stop")
    assert (whole.usage.input_tokens, whole.usage.cached_input_tokens) == (90, 64)
    assert (whole.usage.output_tokens, whole.usage.reasoning_tokens) == (40, 30)
    assert items[-1] == whole
    assert "".join(item.text for item in items if isinstance(item, TextDelta)) == "Sunny."
    assert call["body"]["store"] is False
    assert call["body"]["max_output_tokens"] == 2048
    assert call["idempotency_key"] == "k1"


@pytest.mark.parametrize("model", ["gpt-5-mini", "gpt-6-luna", "o3-mini"])
async def test_a_model_that_refuses_a_temperature_gets_none(model: str) -> None:
    with serving() as server:
        async with asking(server.address) as gateway:
            await gateway.complete(ask(model))
        assert "temperature" not in server.calls[0]["body"]


@pytest.mark.parametrize(
    ("model", "most", "asked"),
    [
        ("gpt-6-luna", 256, "none"),
        ("gpt-6-luna", 2048, "low"),
        ("gpt-6-luna", 8192, None),
        ("gpt-5.4-mini", 256, None),
        ("o3-mini", 256, None),
    ],
)
async def test_a_model_that_thinks_unasked_leaves_room_for_its_answer(
    model: str, most: int, asked: str | None
) -> None:
    with serving() as server:
        async with asking(server.address) as gateway:
            await gateway.complete(replace(ask(model), max_output_tokens=most))
        assert server.calls[0]["body"].get("reasoning", {}).get("effort") == asked


async def test_by_chat_completions_a_model_that_thinks_unasked_gets_tools_and_is_told_not_to() -> None:
    with OpenAIServer(Step(text="By chat."), Step(text="By chat."), key=KEY) as server:
        async with asking(server.address, api="chat") as gateway:
            await gateway.complete(replace(ask("gpt-6-luna"), tools=(TOOL,), max_output_tokens=8192))
            await gateway.complete(replace(ask("gpt-6-luna"), max_output_tokens=8192))
        efforts = [call["body"].get("reasoning_effort") for call in server.calls]
    assert efforts == ["none", None]


async def test_tools_and_schemas_go_the_same_way() -> None:
    use = ToolUse(name="weather", arguments='{"town": "Oslo"}', id="call_7")
    with serving(
        Step(text="", tools=(use,)), Step(text="", tools=(use,)), Step(text='{"town":"Oslo"}')
    ) as one:
        async with asking(one.address) as gateway:
            called = await gateway.complete(replace(ask(), tools=(TOOL,)))
            last = [item async for item in gateway.stream(replace(ask(), tools=(TOOL,)))][-1]
            told = (
                *ask().messages,
                Message(role="assistant", tool_calls=called.tool_calls),
                Message(role="tool", name="weather", tool_call_id="call_7", content="sunny"),
            )
            answer = await gateway.complete(replace(ask(), messages=told, output_schema=SCHEMA))
        sent = [str(call["body"]) for call in one.calls]
    assert (called.finish, called.tool_calls[0].id) == ("tool_calls", "call_7")
    assert called.tool_calls[0].arguments == {"town": "Oslo"}
    assert isinstance(last, ModelReply)
    assert last.tool_calls == called.tool_calls
    assert answer.text == '{"town":"Oslo"}'
    assert "json_schema" in sent[2]
    assert "sunny" in sent[2]


async def test_the_end_at_the_limit_a_broken_stream_and_a_refusal_are_told_apart() -> None:
    with serving(
        Step(finish="length"), Step(kind="truncated", text="quite some text"), Step(finish="")
    ) as one:
        async with asking(one.address) as gateway:
            assert (await gateway.complete(ask())).finish == "length"
            for _ in range(2):
                with pytest.raises(ModelUnavailable):
                    print([item async for item in gateway.stream(ask())])
    with serving(Step(kind="error", status=400, message="not so")) as one:
        async with asking(one.address) as gateway:
            with pytest.raises(ModelRejected, match="not so"):
                await gateway.complete(ask())


@pytest.mark.parametrize(("model", "api"), [("gpt-4.1-mini", ""), ("gpt-5.4-mini", "chat")])
async def test_others_and_whoever_is_told_so_are_asked_by_chat_completions(model: str, api: str) -> None:
    with OpenAIServer(Step(text="By chat."), key=KEY) as server:
        async with asking(server.address, api=api) as gateway:
            assert (await gateway.complete(ask(model))).text == "By chat."


async def test_the_setting_asks_any_model_by_responses() -> None:
    with serving(Step(text="As told.")) as server:
        async with asking(server.address, api="responses") as gateway:
            assert (await gateway.complete(ask("gpt-4.1-mini"))).text == "As told."
