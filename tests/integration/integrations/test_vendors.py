"""Every provider over real HTTP, with its vendor's own client, against a server that speaks its format."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from flowmatik.contracts.models import Message, ModelReply, ModelRequest, ToolCall, ToolSchema
from flowmatik.integrations.models.gateway import Gateway, GatewaySettings
from flowmatik.integrations.provider import ProviderSettings
from flowmatik.kernel.errors import ModelRejected, ModelUnavailable
from flowmatik.testing.clock import SkippingClock
from flowmatik.testing.model_server import Step, ToolUse
from flowmatik.testing.model_server.serving import ScriptedServer
from tests.integration.integrations.support import KEY
from tests.integration.integrations.vendors import server_of

ALWAYS_TELL = ("anthropic", "bedrock", "mistral")  # what was used: without it an answer is none of theirs
VENDORS = ["anthropic", "azure", "bedrock", "google", "groq", "mistral", "openrouter"]
# Those who only speak OpenAI's format, each as the others, are in the contract of all plugins.
REMOTE = [*VENDORS, "openai"]
WORDS = "Answer with one JSON object of this JSON Schema"
CLOSED = {
    "type": "object",
    "properties": {"town": {"type": "string"}},
    "required": ["town"],
    "additionalProperties": False,
}
OPEN = {"type": "object", "properties": {"any": {"type": "object"}}}
TOOL = ToolSchema(
    name="weather",
    description="The weather of a town.",
    parameters={"type": "object", "properties": {"town": {"type": "string"}}, "required": ["town"]},
)


def settings_of(provider: str, base_url: str) -> ProviderSettings:
    settings = ProviderSettings(base_url=base_url, api_key=KEY)
    if provider != "bedrock":
        return settings
    return replace(settings, api_key="", access_key=KEY, secret_key=KEY, region="eu-west-1")


@asynccontextmanager
async def asking(
    provider: str, server: ScriptedServer, clock: SkippingClock | None = None, **changes: Any
) -> AsyncGenerator[Gateway]:
    settings = replace(settings_of(provider, server.address), **changes)
    chosen = GatewaySettings(providers={provider: settings}, default_model="local/extractive")
    gateway = Gateway(chosen, clock or SkippingClock())
    try:
        yield gateway
    finally:
        await gateway.close()


def ask(provider: str, model: str = "some-model", **changes: Any) -> ModelRequest:
    messages = (
        Message(role="system", content="Be brief."),
        Message(role="user", content="The weather in Oslo?"),
    )
    return replace(ModelRequest(model=f"{provider}/{model}", messages=messages, timeout=20.0), **changes)


async def last(gateway: Gateway, request: ModelRequest) -> ModelReply:
    items = [item async for item in gateway.stream(request)]
    assert isinstance(items[-1], ModelReply)
    return items[-1]


@pytest.mark.parametrize("provider", REMOTE)
async def test_a_tool_is_called_and_its_result_is_told(provider: str) -> None:
    use = ToolUse(name="weather", arguments='{"town": "Oslo"}', id="call12345")
    with server_of(provider, Step(text="", tools=(use,)), Step(text="Sunny.")) as server:
        async with asking(provider, server) as gateway:
            first = ask(provider, tools=(TOOL,))
            called = await gateway.complete(first)
            told = (
                *first.messages,
                Message(role="assistant", tool_calls=called.tool_calls),
                Message(role="tool", name="weather", tool_call_id=called.tool_calls[0].id, content="sunny"),
            )
            answered = await gateway.complete(replace(first, messages=told))
        sent = [str(call["body"]) for call in server.calls]
    assert (called.finish, called.tool_calls[0].name) == ("tool_calls", "weather")
    assert called.tool_calls[0].arguments == {"town": "Oslo"}
    assert answered.text == "Sunny."
    assert "The weather of a town." in sent[0]
    assert "Be brief." in sent[0]
    assert "sunny" in sent[1]


@pytest.mark.parametrize("provider", REMOTE)
async def test_a_stream_ends_with_the_calls_that_the_whole_answer_would_have_made(provider: str) -> None:
    use = ToolUse(name="weather", arguments='{"town": "Oslo"}', id="call12345")
    with server_of(provider, Step(text="Let me look.", tools=(use,))) as server:
        async with asking(provider, server) as gateway:
            request = ask(provider, tools=(TOOL,))
            whole, streamed = await gateway.complete(request), await last(gateway, request)
    assert (streamed.text, streamed.finish, streamed.usage) == (whole.text, whole.finish, whole.usage)
    assert [(one.name, one.arguments) for one in streamed.tool_calls] == [("weather", {"town": "Oslo"})]


@pytest.mark.parametrize("provider", REMOTE)
async def test_usage_tells_what_was_cached_and_both_ways_of_asking_agree(provider: str) -> None:
    with server_of(provider, Step(usage=(100, 9), cached=60)) as server:
        async with asking(provider, server) as gateway:
            whole, streamed = await gateway.complete(ask(provider)), await last(gateway, ask(provider))
    assert whole.usage == streamed.usage
    assert whole.usage.known
    # Amazon counts its input without what was cached; ours is always all of it.
    expected = 160 if provider == "bedrock" else 100
    assert (whole.usage.input_tokens, whole.usage.output_tokens) == (expected, 9)
    if provider not in ("groq", "mistral"):  # they tell it elsewhere, or not at all
        assert whole.usage.cached_input_tokens == 60


@pytest.mark.parametrize("provider", [one for one in REMOTE if one not in ALWAYS_TELL])
async def test_an_answer_without_usage_is_known_to_be_of_unknown_cost(provider: str) -> None:
    with server_of(provider, Step(usage=None)) as server:
        async with asking(provider, server, prices={"some-model": (1.0, 1.0)}) as gateway:
            reply = await gateway.complete(ask(provider))
    assert not reply.usage.known
    assert reply.cost_micros is None


@pytest.mark.parametrize("provider", REMOTE)
async def test_the_end_at_the_limit_is_told(provider: str) -> None:
    with server_of(provider, Step(finish="length")) as server:
        async with asking(provider, server) as gateway:
            assert (await gateway.complete(ask(provider))).finish == "length"


@pytest.mark.parametrize("provider", REMOTE)
async def test_a_schema_is_asked_for_and_the_answer_is_its_json(provider: str) -> None:
    with server_of(provider, Step(text='Here: {"town": "Oslo"} as asked')) as server:
        async with asking(provider, server) as gateway:
            reply = await gateway.complete(ask(provider, output_schema=CLOSED))
        assert "town" in str(server.calls[0]["body"])
    assert reply.text == '{"town": "Oslo"}'


@pytest.mark.parametrize(
    ("provider", "model", "schema", "native"),
    [
        ("anthropic", "claude-sonnet-5-5", CLOSED, True),
        ("anthropic", "claude-sonnet-5-5", OPEN, False),  # it would come back empty
        ("anthropic", "claude-of-old", CLOSED, False),  # does not know it
        ("google", "gemini-2.5-flash", CLOSED, True),
        ("mistral", "mistral-large-latest", CLOSED, False),
        ("openai_compatible", "any", OPEN, True),
    ],
)
async def test_the_vendor_holds_a_model_to_a_schema_where_it_can(
    provider: str, model: str, schema: dict[str, Any], native: bool
) -> None:
    with server_of(provider, Step(text="{}")) as server:
        async with asking(provider, server) as gateway:
            await gateway.complete(ask(provider, model, output_schema=schema))
        assert (WORDS not in str(server.calls[0]["body"])) == native


async def test_google_is_asked_in_words_where_a_tool_stands_beside_the_schema() -> None:
    with server_of("google", Step(text="{}")) as server:
        async with asking("google", server) as gateway:
            request = ask("google", "gemini-2.5-flash", tools=(TOOL,), output_schema=CLOSED)
            await gateway.complete(request)
        assert WORDS in str(server.calls[0]["body"])


@pytest.mark.parametrize("provider", REMOTE)
async def test_busy_vendors_are_asked_again_after_the_wait_that_they_want(provider: str) -> None:
    clock = SkippingClock()
    busy = Step(kind="rate_limited", retry_after=7)
    with server_of(provider, busy, Step(kind="overloaded"), Step(text="at last")) as server:
        async with asking(provider, server, clock) as gateway:
            assert (await gateway.complete(ask(provider))).text == "at last"
        assert len(server.calls) == 3
    if provider != "bedrock":  # Amazon names no wait
        assert 7 <= clock.slept[0] < 8


async def test_google_says_the_wait_in_the_error() -> None:
    clock = SkippingClock()
    busy = Step(kind="error", status=429, code="retry:9s")
    with server_of("google", busy, Step()) as server:
        async with asking("google", server, clock) as gateway:
            await gateway.complete(ask("google"))
    assert 9 <= clock.slept[0] < 10


@pytest.mark.parametrize("provider", REMOTE)
async def test_no_vendors_client_repeats_a_call_by_itself(provider: str) -> None:
    with server_of(provider, Step(kind="error", status=500)) as server:
        async with asking(provider, server, attempts=1) as gateway:
            with pytest.raises(ModelUnavailable):
                await gateway.complete(ask(provider))
            with pytest.raises(ModelUnavailable):
                await last(gateway, ask(provider))
        assert len(server.calls) == 2


@pytest.mark.parametrize("provider", VENDORS)
async def test_a_refused_request_says_why_in_the_vendors_words(provider: str) -> None:
    with server_of(provider, Step(kind="error", status=400, message=f"odd request by {KEY}")) as server:
        async with asking(provider, server) as gateway:
            with pytest.raises(ModelRejected, match="odd request by") as raised:
                await gateway.complete(ask(provider))
        assert len(server.calls) == 1
    assert KEY not in raised.value.message + str(raised.value.context)


@pytest.mark.parametrize("provider", REMOTE)
async def test_a_stream_cut_off_is_no_answer(provider: str) -> None:
    with server_of(provider, Step(kind="truncated", text="quite some text, in many pieces")) as server:
        async with asking(provider, server) as gateway:
            with pytest.raises(ModelUnavailable) as raised:
                await last(gateway, ask(provider))
        assert len(server.calls) == 1
    assert "status" not in raised.value.context, "the engine would take the call for free"


@pytest.mark.parametrize("provider", REMOTE)
async def test_a_stream_that_ends_without_saying_so_is_no_answer(provider: str) -> None:
    with server_of(provider, Step(text="half of", finish="")) as server:
        async with asking(provider, server) as gateway:
            with pytest.raises(ModelUnavailable):
                await last(gateway, ask(provider))


async def test_a_conversation_goes_on_at_another_vendor() -> None:
    """The ids of calls are those of who made them; another vendor takes them all the same."""
    call = ToolCall(id="call_abcdefghijklmnop", name="weather", arguments={"town": "Oslo"})
    for provider in VENDORS:
        with server_of(provider, Step(text="Sunny.")) as server:
            async with asking(provider, server) as gateway:
                request = ask(provider, tools=(TOOL,))
                messages = (
                    *request.messages,
                    Message(role="assistant", content="I look.", tool_calls=(call,)),
                    Message(role="tool", name="weather", tool_call_id=call.id, content="sunny"),
                    Message(role="user", content="And now?"),
                )
                reply = await gateway.complete(replace(request, messages=messages))
        assert reply.text == "Sunny."


async def test_what_a_model_thought_is_a_part_of_its_output() -> None:
    for provider in ("google", "groq", "openai"):
        with server_of(provider, Step(usage=(100, 9), reasoning=4)) as server:
            async with asking(provider, server) as gateway:
                usage = (await gateway.complete(ask(provider))).usage
        assert (usage.output_tokens, usage.reasoning_tokens) == (9, 4)


async def test_anthropic_is_sent_no_temperature_and_keeps_to_its_format() -> None:
    with server_of("anthropic", Step(text="Hello.")) as server:
        async with asking("anthropic", server) as gateway:
            await gateway.complete(ask("anthropic", max_output_tokens=77))
        body = server.calls[0]["body"]
    assert "temperature" not in body
    assert (body["max_tokens"], body["system"]) == (77, "Be brief.")


async def test_what_is_put_into_a_cache_costs_what_the_vendor_takes_for_it() -> None:
    prices: dict[str, Any] = {
        "prices": {"some-model": (1.0, 5.0)},
        "cached_prices": {"some-model": (0.1, 1.25)},
    }
    with server_of("anthropic", Step(usage=(1000, 10), cached=600, cache_written=300)) as server:
        async with asking("anthropic", server, **prices) as gateway:
            reply = await gateway.complete(ask("anthropic"))
            worst = gateway.worst_case_micros(ask("anthropic"))
    assert reply.usage.cache_write_tokens == 300
    assert reply.cost_micros == 100 + 60 + 375 + 50
    assert worst is not None
    assert worst >= 1.25 * 512 + 5 * 2048


async def test_a_bedrock_key_is_not_sent_in_the_clear() -> None:
    with server_of("bedrock", Step()) as server:
        async with asking("bedrock", server, api_key=KEY) as gateway:
            with pytest.raises(ModelRejected, match="HTTPS"):
                await gateway.complete(ask("bedrock"))
        assert not server.calls


async def test_azure_is_asked_for_its_deployment_by_the_version_that_is_set() -> None:
    with server_of("azure", Step(text="By date.")) as server:
        async with asking("azure", server, api_version="2024-10-21") as gateway:
            assert (await gateway.complete(ask("azure", "my-deployment"))).text == "By date."
