"""What the provider makes of answers that are odd, wrong or refused, over real HTTP, streamed and whole."""

import logging
from typing import Any

import pytest

from flowmatik.contracts.models import ModelReply, ModelRequest, TextDelta, ToolSchema, Usage
from flowmatik.integrations.models.gateway import Gateway
from flowmatik.integrations.prose_calls import tool_calls_in_prose
from flowmatik.kernel.errors import ModelMalformed, ModelRejected, ModelUnavailable
from flowmatik.testing.clock import SkippingClock
from flowmatik.testing.openai_server import Limits, OpenAIServer, Step, ToolUse, Weather
from tests.integration.integrations.support import ask, gateway

PRICES = {"some-model": (1.0, 2.0)}
LOOK_UP = ToolSchema(
    name="look_up", description="Looks it up", parameters={"type": "object", "properties": {"q": {}}}
)
BOTH = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


async def replied(models: Gateway, request: ModelRequest, *, streamed: bool) -> ModelReply:
    if not streamed:
        return await models.complete(request)
    *deltas, last = [item async for item in models.stream(request)]
    assert isinstance(last, ModelReply)
    assert "".join(item.text for item in deltas if isinstance(item, TextDelta)) == last.text
    return last


@BOTH
@pytest.mark.filterwarnings("ignore:Failed to extract usage")  # what the library says of the numbers
@pytest.mark.parametrize("usage", [(0, 0), (10, 0), (-3, 7), (7, -3), (10**15, 5), (5, 10**30)])
async def test_usage_that_cannot_be_right_is_unknown_so_that_the_worst_case_is_settled(
    usage: tuple[int, int], streamed: bool
) -> None:
    with OpenAIServer(Step(usage=usage)) as server:
        async with gateway(server, SkippingClock(), prices=PRICES) as models:
            reply = await replied(models, ask(), streamed=streamed)
    assert (reply.text, reply.usage, reply.cost_micros) == ("Hello.", Usage(known=False), None)


@BOTH
async def test_usage_above_what_was_reserved_is_booked_as_it_is_and_flagged(
    streamed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with OpenAIServer(Step(usage=(11, 5_000))) as server:
        async with gateway(server, SkippingClock(), prices=PRICES) as models:
            request = ask(max_output_tokens=50)
            reply = await replied(models, request, streamed=streamed)
            worst = models.worst_case_micros(request)
    assert worst is not None
    assert reply.cost_micros == 11 + 2 * 5_000 > worst
    assert "counts more tokens than the call could use" in caplog.text


@BOTH
@pytest.mark.parametrize("where", ["last", "every", "finish"])
async def test_usage_counts_once_wherever_the_server_says_it(where: Any, streamed: bool) -> None:
    with OpenAIServer(Step(text="a text of several pieces", usage=(100, 9), usage_in=where)) as server:
        async with gateway(server, SkippingClock(), prices=PRICES) as models:
            reply = await replied(models, ask(), streamed=streamed)
        assert server.calls[0]["body"].get("stream_options", {"include_usage": True}) == {
            "include_usage": True
        }
    assert reply.usage == Usage(input_tokens=100, output_tokens=9)


@BOTH
async def test_a_request_that_is_too_long_has_a_code_of_its_own_and_is_not_repeated(streamed: bool) -> None:
    with OpenAIServer(limits=Limits(context=100)) as server:
        async with gateway(server, SkippingClock()) as models:
            with pytest.raises(ModelRejected, match="too long for the model 'some-model'") as raised:
                await replied(models, ask("x" * 1000), streamed=streamed)
        assert len(server.calls) == 1
    assert raised.value.code == "model.context_overflow"
    assert raised.value.context["status"] == 400
    assert not raised.value.retryable


@BOTH
@pytest.mark.parametrize("form", ["seconds", "date", "ms"])
@pytest.mark.parametrize("kind", ["rate_limited", "overloaded"])
async def test_what_a_busy_server_asks_to_wait_is_waited_in_whatever_form_it_says_so(
    kind: Any, form: Any, streamed: bool
) -> None:
    clock = SkippingClock()
    with OpenAIServer(Step(kind=kind, retry_after=9, retry_form=form), Step(text="now")) as server:
        async with gateway(server, clock) as models:
            assert (await replied(models, ask(), streamed=streamed)).text == "now"
    [slept] = clock.slept
    assert 7.5 < slept < 9.5  # a date has no fractions


@pytest.mark.parametrize("form", ["seconds", "date", "ms"])
async def test_a_wait_beyond_the_deadline_is_not_begun_in_whatever_form_it_is_asked(form: Any) -> None:
    clock = SkippingClock()
    with OpenAIServer(Step(kind="overloaded", retry_after=3600, retry_form=form)) as server:
        async with gateway(server, clock) as models:
            with pytest.raises(ModelUnavailable, match="529") as raised:
                await models.complete(ask(timeout=30.0))
        assert len(server.calls) == 1
    assert clock.slept == []
    assert raised.value.context["status"] == 529


@pytest.mark.parametrize(
    "asked", ["soon", "-5", "1e400", "Thu, 01 Jan 1970 00:00:00 GMT", "Someday, 99 Foo 2026"]
)
async def test_a_time_to_wait_that_is_past_or_unreadable_leaves_our_own(asked: str) -> None:
    clock = SkippingClock()
    busy = Step(kind="error", status=503, headers=(("retry-after", asked),))
    with OpenAIServer(busy, Step(text="now")) as server:
        async with gateway(server, clock) as models:
            assert (await models.complete(ask())).text == "now"
    assert 0 <= clock.slept[0] <= 0.5


async def test_an_overloaded_server_is_unavailable_after_growing_waits() -> None:
    clock = SkippingClock()
    with OpenAIServer(Step(kind="overloaded")) as server:
        async with gateway(server, clock) as models:
            with pytest.raises(ModelUnavailable) as raised:
                await models.complete(ask())
        assert len(server.calls) == 4
    assert clock.slept == sorted(clock.slept)
    assert raised.value.retryable


@BOTH
async def test_calls_with_one_id_are_told_apart(streamed: bool) -> None:
    tools = tuple(ToolUse(name="look_up", arguments=f'{{"q": {n}}}', id="same") for n in range(3))
    with OpenAIServer(Step(text="", tools=tools, interleaved=True)) as server:
        async with gateway(server, SkippingClock()) as models:
            reply = await replied(models, ask(tools=(LOOK_UP,)), streamed=streamed)
    assert [call.id for call in reply.tool_calls] == ["same", "same_2", "same_3"]
    assert [call.arguments for call in reply.tool_calls] == [{"q": 0}, {"q": 1}, {"q": 2}]


@BOTH
async def test_a_refusal_keeps_the_models_reason_and_a_filter_says_that_it_filtered(streamed: bool) -> None:
    with OpenAIServer(Step(refusal="I will not."), Step(text="cut", finish="content_filter")) as server:
        async with gateway(server, SkippingClock()) as models:
            refused = await replied(models, ask(), streamed=streamed)
            filtered = await replied(models, ask(), streamed=streamed)
    assert (refused.text, refused.finish) == ("I will not.", "refused")
    assert (filtered.text, filtered.finish) == ("cut", "filtered")


@BOTH
async def test_another_model_than_the_one_asked_for_is_named(streamed: bool) -> None:
    with OpenAIServer(Step(served="cheaper-model")) as server:
        async with gateway(server, SkippingClock(), prices=PRICES) as models:
            reply = await replied(models, ask(), streamed=streamed)
    assert reply.model == "far/cheaper-model"
    assert reply.cost_micros == 11 + 2 * 7, "what was asked for is what was reserved"


async def test_a_call_in_prose_stays_text_until_somebody_who_knows_the_model_reads_it() -> None:
    tools = (ToolUse(name="look_up", arguments='{"q": "x"}'),)
    with OpenAIServer(Step(text="Well.", tools=tools, prose="tag")) as server:
        async with gateway(server, SkippingClock()) as models:
            reply = await models.complete(ask(tools=(LOOK_UP,)))
    assert (reply.tool_calls, reply.finish) == ((), "stop")
    rest, [call] = tool_calls_in_prose(reply.text, (LOOK_UP,))
    assert (rest, call.arguments) == ("Well.", {"q": "x"})


@BOTH
@pytest.mark.parametrize("kind", ["cut_json", "bad_chunk", "no_choices", "hung_up", "reset", "truncated"])
@pytest.mark.parametrize("cut_at", [0.0, 0.6])
async def test_a_spoilt_answer_is_paid_once_and_no_fault_of_ours(
    kind: Any, cut_at: float, streamed: bool
) -> None:
    with OpenAIServer(Step(kind=kind, cut_at=cut_at)) as server:
        async with gateway(server, SkippingClock()) as models:
            with pytest.raises((ModelMalformed, ModelUnavailable)) as raised:
                await replied(models, ask(), streamed=streamed)
        assert len(server.calls) == 1
    assert "status" not in raised.value.context, "the engine would take the call for free"


async def test_an_error_within_a_stream_may_have_been_charged() -> None:
    with OpenAIServer(Step(kind="stream_error", code="rate_limit_exceeded")) as server:
        async with gateway(server, SkippingClock()) as models:
            with pytest.raises(ModelUnavailable) as raised:
                await replied(models, ask(), streamed=True)
        assert len(server.calls) == 1
    assert "status" not in raised.value.context


async def test_of_calls_that_fail_half_of_the_time_nearly_all_are_answered_in_the_end() -> None:
    with OpenAIServer(weather=Weather(seed=5, errors=0.5)) as server:
        async with gateway(server, SkippingClock(), attempts=8) as models:
            for _ in range(40):
                assert (await models.complete(ask(timeout=60.0))).text == "Hello."


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
