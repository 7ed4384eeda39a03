"""What goes wrong with an OpenAI-compatible server, over real HTTP."""

import asyncio
import logging
import socket
import traceback

import pytest

from flowmatik.contracts.models import ModelRequest, TextDelta
from flowmatik.integrations.models.gateway import Gateway
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import FlowmatikError, ModelMalformed, ModelRejected, ModelUnavailable
from flowmatik.testing.clock import SkippingClock
from flowmatik.testing.openai_server import OpenAIServer, Step
from tests.integration.integrations.support import KEY, ask, gateway
from tests.unit.core.engines import eventually

BUSY = Step(kind="rate_limited")


async def called(
    models: Gateway, request: ModelRequest, *, streamed: bool, seen: list[str] | None = None
) -> None:
    """One call in either way; the pieces of a stream go to `seen`."""
    if not streamed:
        await models.complete(request)
        return
    async for item in models.stream(request):
        if seen is not None and isinstance(item, TextDelta):
            seen.append(item.text)


async def test_a_limited_and_a_failing_call_are_tried_again_until_one_is_answered() -> None:
    clock = SkippingClock()
    with OpenAIServer(BUSY, Step(kind="error", status=503), Step(text="at last")) as server:
        async with gateway(server, clock) as models:
            reply = await models.complete(ask(idempotency_key="k"))
        assert reply.text == "at last"
        assert [call["idempotency_key"] for call in server.calls] == ["k", "k", "k"]
    assert len(clock.slept) == 2
    assert clock.slept[1] > 0.5 >= clock.slept[0] >= 0.25


async def test_what_the_server_asks_to_wait_is_waited() -> None:
    clock = SkippingClock()
    with OpenAIServer(Step(kind="rate_limited", retry_after=7), Step()) as server:
        async with gateway(server, clock) as models:
            await models.complete(ask())
    assert 7 <= clock.slept[0] < 8


async def test_a_wait_longer_than_the_time_left_is_not_begun() -> None:
    clock = SkippingClock()
    with OpenAIServer(Step(kind="rate_limited", retry_after=3600), Step()) as server:
        async with gateway(server, clock) as models:
            with pytest.raises(ModelUnavailable, match="429") as raised:
                await models.complete(ask(timeout=30.0))
        assert len(server.calls) == 1
    assert clock.slept == []
    assert raised.value.context["status"] == 429


async def test_attempts_end() -> None:
    with OpenAIServer(Step(kind="error", status=500)) as server:
        async with gateway(server, SkippingClock(), attempts=3) as models:
            with pytest.raises(ModelUnavailable, match="500") as raised:
                await models.complete(ask())
        assert len(server.calls) == 3
    assert raised.value.context["status"] == 500


@pytest.mark.parametrize("status", [400, 404, 422])
async def test_a_refused_request_is_not_repeated_and_says_why(status: int) -> None:
    with OpenAIServer(Step(kind="error", status=status, message="no such thing")) as server:
        async with gateway(server, SkippingClock()) as models:
            with pytest.raises(ModelRejected, match="no such thing"):
                await models.complete(ask())
        assert len(server.calls) == 1


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_wrong_key_names_the_provider_and_never_the_key(
    streamed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with OpenAIServer(key="another") as server:
        async with gateway(server, SkippingClock()) as models:
            with pytest.raises(ModelRejected, match="'far' refused the API key") as raised:
                await called(models, ask(), streamed=streamed)
        assert len(server.calls) == 1
    shown = "".join(traceback.format_exception(raised.value)) + caplog.text + repr(raised.value.context)
    assert KEY not in shown


async def test_a_server_that_repeats_the_key_does_not_put_it_into_the_error() -> None:
    with OpenAIServer(Step(kind="error", status=400, message=f"bad header Bearer {KEY}")) as server:
        async with gateway(server, SkippingClock()) as models:
            with pytest.raises(ModelRejected) as raised:
                await models.complete(ask())
    assert KEY not in "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("kind", ["malformed", "wrong_shape"])
async def test_an_unreadable_answer_is_malformed(kind: str) -> None:
    with OpenAIServer(Step(kind="malformed" if kind == "malformed" else "wrong_shape")) as server:
        async with gateway(server, SkippingClock()) as models:
            with pytest.raises(ModelMalformed, match="not the expected JSON"):
                await models.complete(ask())
        assert len(server.calls) == 1


@pytest.mark.parametrize(
    "body",
    [
        "null",
        "[]",
        '"text"',
        "{}",
        '{"choices": null}',
        '{"choices": []}',
        '{"choices": [null]}',
        '{"choices": [{}]}',
        '{"choices": [{"message": null}]}',
        '{"choices": [{"message": {"role": "assistant", "content": 7}}]}',
        '{"choices": [{"message": {"role": "assistant", "tool_calls": [{}]}}]}',
        '{"choices": [{"message": {"role": "assistant", "content": "Hi"}}], "usage": {"prompt_tokens": "x"}}',
        '{"error": {"message": "overloaded"}}',
    ],
)
async def test_an_answer_of_any_other_shape_is_malformed_and_never_a_fault_of_ours(body: str) -> None:
    with OpenAIServer(Step(kind="raw", text=body)) as server:
        async with gateway(server, SkippingClock()) as models:
            with pytest.raises(ModelMalformed):
                print(await models.complete(ask()))
            with pytest.raises((ModelMalformed, ModelUnavailable)):
                print([item async for item in models.stream(ask())])


async def test_an_answer_cut_off_is_unavailable_and_is_not_paid_twice() -> None:
    with OpenAIServer(Step(kind="truncated")) as server:
        async with gateway(server, SkippingClock()) as models:
            with pytest.raises(ModelUnavailable) as raised:
                await models.complete(ask())
        assert len(server.calls) == 1
    assert "status" not in raised.value.context, "the engine would take the call for free"


async def test_a_stream_cut_off_gives_its_pieces_and_then_fails() -> None:
    seen: list[str] = []
    with OpenAIServer(Step(kind="truncated", text="a text of quite some length, in pieces")) as server:
        async with gateway(server, SkippingClock()) as models:
            with pytest.raises(ModelUnavailable):
                await called(models, ask(), streamed=True, seen=seen)
        assert len(server.calls) == 1
    assert "".join(seen)


async def test_a_stream_that_ends_without_saying_so_was_cut_off() -> None:
    with OpenAIServer(Step(finish="")) as server:
        async with gateway(server, SkippingClock()) as models:
            with pytest.raises(ModelUnavailable, match="broke off"):
                [item async for item in models.stream(ask())]


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_silent_server_is_given_up_in_time(streamed: bool) -> None:
    with OpenAIServer(Step(kind="silent")) as server:
        async with gateway(server, SkippingClock()) as models, asyncio.timeout(120):
            with pytest.raises(ModelUnavailable, match="answer"):
                await called(models, ask(timeout=0.3), streamed=streamed)
        assert len(server.calls) == 1


async def test_a_refused_connection_is_tried_again_and_known_to_be_free() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connecting is refused
        clock = SkippingClock()
        async with gateway(f"http://127.0.0.1:{taken.getsockname()[1]}/v1", clock) as models:
            with pytest.raises(ModelUnavailable, match="cannot be reached") as raised:
                await models.complete(ask())
    assert len(clock.slept) == 3
    assert raised.value.context["status"] == "not_sent"


async def test_a_cancelled_call_is_cancelled() -> None:
    with OpenAIServer(Step(kind="silent")) as server:
        async with gateway(server, SkippingClock()) as models:
            call = asyncio.create_task(models.complete(ask(timeout=300)))

            async def asked() -> bool:
                return len(server.calls) == 1

            await eventually(asked, 120)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert len(server.calls) == 1


async def test_the_real_clock_serves_too() -> None:
    with OpenAIServer(Step(kind="error", status=502), Step(text="again")) as server:
        async with gateway(server, SystemClock()) as models:
            assert (await models.complete(ask())).text == "again"


async def test_an_unconfigured_provider_is_refused_by_name() -> None:
    async with gateway("http://127.0.0.1:9/v1", SkippingClock()) as models:
        with pytest.raises(ModelRejected, match=r"nowhere/x.*configured providers are local, far"):
            await models.complete(ask(model="nowhere/x"))
        assert models.worst_case_micros(ask(model="nowhere/x")) == 0
        with pytest.raises(FlowmatikError):
            await anext(aiter(models.stream(ask(model="far"))))
