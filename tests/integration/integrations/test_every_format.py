"""What is odd, wrong or refused means the same in every format that models are asked in: chat completions,
the Responses API and Anthropic's messages, whole and streamed."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from flowmatik.contracts.models import Message, ModelReply, ModelRequest, Usage
from flowmatik.integrations.models.gateway import Gateway, GatewaySettings
from flowmatik.integrations.probing.adapting import Adapted
from flowmatik.integrations.probing.store import StoredProbes
from flowmatik.integrations.provider import ProviderSettings
from flowmatik.kernel.errors import ModelMalformed, ModelRejected, ModelUnavailable
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore
from flowmatik.testing.anthropic_server import AnthropicServer
from flowmatik.testing.clock import SkippingClock
from flowmatik.testing.model_server import Limits, Step
from flowmatik.testing.model_server.serving import ScriptedServer
from flowmatik.testing.openai_server import OpenAIServer
from tests.integration.integrations.test_odd_answers import replied
from tests.integration.integrations.test_probing import REFUSES_TOOLS, SAID_IN_PROSE, WEATHER
from tests.unit.integrations.layers.support import HandClock

PRICES = {"some-model": (1.0, 2.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    provider: str
    serve: Callable[..., ScriptedServer]
    api: str = ""


FORMATS = {
    "chat": Format(provider="openai", serve=OpenAIServer, api="chat"),
    "responses": Format(provider="openai", serve=OpenAIServer, api="responses"),
    "messages": Format(provider="anthropic", serve=AnthropicServer),
}
EACH = pytest.mark.parametrize("asked", FORMATS.values(), ids=list(FORMATS))
BOTH = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


@asynccontextmanager
async def asking(
    asked: Format, server: ScriptedServer, clock: Any = None, **changes: Any
) -> AsyncGenerator[Gateway]:
    base_url = server.address if asked.provider == "anthropic" else f"{server.address}/v1"
    settings = ProviderSettings(base_url=base_url, api_key="k", api=asked.api, prices=PRICES)
    chosen = GatewaySettings(providers={asked.provider: replace(settings, **changes)})
    gateway = Gateway(replace(chosen, default_model="local/extractive"), clock or SkippingClock())
    try:
        yield gateway
    finally:
        await gateway.close()


def ask(asked: Format, text: str = "Say hello", **changes: Any) -> ModelRequest:
    said = (Message(role="user", content=text),)
    request = ModelRequest(model=f"{asked.provider}/some-model", messages=said, timeout=20.0)
    return replace(request, **changes)


@EACH
@BOTH
@pytest.mark.filterwarnings("ignore:Failed to extract usage")  # what the library says of the numbers
@pytest.mark.parametrize("usage", [(0, 0), (10, 0), (-3, 7), (7, -3), (5, 10**30)])
async def test_usage_that_cannot_be_right_is_unknown(
    asked: Format, usage: tuple[int, int], streamed: bool
) -> None:
    with asked.serve(Step(usage=usage)) as server:
        async with asking(asked, server) as gateway:
            reply = await replied(gateway, ask(asked), streamed=streamed)
    assert (reply.text, reply.usage, reply.cost_micros) == ("Hello.", Usage(known=False), None)


@EACH
@BOTH
async def test_usage_above_what_was_reserved_is_booked_as_it_is(asked: Format, streamed: bool) -> None:
    with asked.serve(Step(usage=(11, 5_000))) as server:
        async with asking(asked, server) as gateway:
            request = ask(asked, max_output_tokens=50)
            reply = await replied(gateway, request, streamed=streamed)
            worst = gateway.worst_case_micros(request)
    assert worst is not None
    assert reply.cost_micros == 11 + 2 * 5_000 > worst


@EACH
@BOTH
async def test_without_a_price_there_is_neither_a_cost_nor_a_bound(asked: Format, streamed: bool) -> None:
    with asked.serve(Step()) as server:
        async with asking(asked, server, prices={}) as gateway:
            reply = await replied(gateway, ask(asked), streamed=streamed)
            assert gateway.worst_case_micros(ask(asked)) is None
    assert (reply.usage.known, reply.cost_micros) == (True, None)


@EACH
@BOTH
async def test_a_request_that_is_too_long_has_its_own_code_and_is_not_repeated(
    asked: Format, streamed: bool
) -> None:
    with asked.serve(limits=Limits(context=100)) as server:
        async with asking(asked, server) as gateway:
            with pytest.raises(ModelRejected) as raised:
                await replied(gateway, ask(asked, "x" * 1000), streamed=streamed)
        assert len(server.calls) == 1
    assert (raised.value.code, raised.value.context["status"]) == ("model.context_overflow", 400)


@EACH
@BOTH
@pytest.mark.parametrize("kind", ["rate_limited", "overloaded"])
async def test_a_busy_server_is_asked_again_after_the_wait_that_it_wants(
    asked: Format, kind: Any, streamed: bool
) -> None:
    clock = SkippingClock()
    with asked.serve(Step(kind=kind, retry_after=7), Step()) as server:
        async with asking(asked, server, clock) as gateway:
            assert (await replied(gateway, ask(asked), streamed=streamed)).text == "Hello."
        assert len(server.calls) == 2
    assert clock.monotonic() >= 7


@EACH
@BOTH
@pytest.mark.parametrize("kind", ["cut_json", "bad_chunk", "hung_up", "reset", "truncated", "wrong_shape"])
async def test_a_spoilt_answer_is_paid_once_and_may_have_been_charged(
    asked: Format, kind: Any, streamed: bool
) -> None:
    with asked.serve(Step(kind=kind, text="a text of many pieces", cut_at=0.6)) as server:
        async with asking(asked, server) as gateway:
            with pytest.raises((ModelMalformed, ModelUnavailable)) as raised:
                await replied(gateway, ask(asked), streamed=streamed)
        assert len(server.calls) == 1
    assert "status" not in raised.value.context


@EACH
@BOTH
async def test_the_end_at_the_limit_and_a_filter_are_told(asked: Format, streamed: bool) -> None:
    with asked.serve(Step(finish="length"), Step(text="No.", finish="content_filter")) as server:
        async with asking(asked, server) as gateway:
            ends = [(await replied(gateway, ask(asked), streamed=streamed)).finish for _ in range(2)]
    assert ends[0] == "length"
    assert ends[1] in ("filtered", "refused")


@pytest.fixture
async def probes(tmp_path: Path) -> AsyncIterator[StoredProbes]:
    await upgrade(str(tmp_path / "journal.db"))
    store = SqliteStore(str(tmp_path / "journal.db"))
    yield StoredProbes(SqliteDatabase(store), HandClock())
    await store.close()


@EACH
@BOTH
async def test_calls_in_prose_are_read_from_a_model_that_takes_no_tools(
    asked: Format, streamed: bool, probes: StoredProbes
) -> None:
    with asked.serve(REFUSES_TOOLS, Step(text=SAID_IN_PROSE)) as server:
        async with asking(asked, server, HandClock()) as gateway:
            adapted = Adapted(gateway, probes, HandClock())
            request = ask(asked, tools=(WEATHER,), workspace_id="w")
            if streamed:
                *_, reply = [item async for item in adapted.stream(request)]
            else:
                reply = await adapted.complete(request)
        assert "tools" not in server.calls[-1]["body"]
    assert isinstance(reply, ModelReply)
    [call] = reply.tool_calls
    assert (call.name, call.arguments, reply.finish) == ("get_weather", {"city": "Paris"}, "tool_calls")
