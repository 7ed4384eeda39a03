"""Fallbacks and circuit breakers in front of real servers that fail."""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from time import perf_counter
from typing import Any, cast

import pytest

from flowmatik.contracts.models import ModelReply, ModelRequest, TextDelta
from flowmatik.integrations.models.gateway import Gateway, GatewaySettings
from flowmatik.integrations.routing.table import BreakerRules, Deployment, Fallbacks, RouteTable
from flowmatik.kernel.clock import Clock, SystemClock
from flowmatik.kernel.errors import ModelError, ModelRejected, ModelUnavailable
from flowmatik.testing.clock import SkippingClock
from flowmatik.testing.openai_server import OpenAIServer, Step
from tests.integration.integrations.support import KEY, ask, provider

OVERFLOW = "This model's maximum context length is 10 tokens, however you requested 20 tokens."
FAILS = Step(kind="error", status=503)
# Half a minute of a clock that, where it is a SkippingClock, does not go on by itself.
RULES = BreakerRules(consecutive=3, open_seconds=30.0, jitter=0.0)


def deployment(place: str, server: OpenAIServer | str, **changes: Any) -> Deployment:
    """`place` is the deployment's and its provider's; "m" is what is asked for."""
    address = server if isinstance(server, str) else server.base_url
    return replace(Deployment(id=place, name="m", model=f"{place}/x", settings=provider(address)), **changes)


@asynccontextmanager
async def routed(clock: Clock, *deployments: Deployment, **changes: Any) -> AsyncGenerator[Gateway]:
    table = replace(RouteTable(deployments=deployments, breaker=RULES), **changes)
    opened = Gateway(GatewaySettings(providers={}, routes=table), clock)
    try:
        yield opened
    finally:
        await opened.close()


def request(**changes: Any) -> ModelRequest:
    return ask(**{"model": "m", **changes})


async def test_half_the_calls_to_the_first_provider_fail_and_callers_do_not_notice() -> None:
    chance = random.Random(5)
    flaky = [FAILS if chance.random() < 0.5 else Step() for _ in range(2000)]
    # Without breakers that open for long the first provider would hardly be asked.
    rules = BreakerRules(consecutive=8, minimum=50, failure_rate=0.9, open_seconds=0.01)
    times: list[float] = []

    async def call(models: Gateway, gate: asyncio.Semaphore) -> bool:
        async with gate:
            began = perf_counter()
            try:
                await models.complete(request())
            except ModelUnavailable:
                return False
            finally:
                times.append(perf_counter() - began)
            return True

    with OpenAIServer(*flaky) as first, OpenAIServer() as second:
        places = deployment("first", first), deployment("second", second, name="n")
        rule = {"m": Fallbacks(unavailable=("n",))}
        async with routed(SystemClock(), *places, fallbacks=rule, breaker=rules) as models:
            gate = asyncio.Semaphore(32)
            done = await asyncio.gather(*(call(models, gate) for _ in range(2000)))
        assert sum(done) >= 1998
        assert len(first.calls) > 200
        assert len(first.calls) + len(second.calls) <= 4000
        health = models.deployments()[0]
    assert health.calls["unavailable"] > 50
    assert sorted(times)[1979] < 10.0  # p99, on a machine that is busy


async def test_a_dead_provider_gets_no_call_while_it_is_left_alone_and_is_probed_by_one() -> None:
    clock = SkippingClock()
    with OpenAIServer(FAILS) as dead, OpenAIServer(Step(text="Second.")) as second:
        places = deployment("dead", dead), deployment("second", second, name="n")
        async with routed(clock, *places, fallbacks={"m": Fallbacks(unavailable=("n",))}) as models:
            replies = [await models.complete(request()) for _ in range(20)]
            assert {reply.text for reply in replies} == {"Second."}
            assert len(dead.calls) == 3
            assert models.deployments()[0].state == "open"
            await clock.sleep(30.0)
            await asyncio.gather(*(models.complete(request()) for _ in range(50)))
            assert len(dead.calls) == 4
            assert models.deployments()[0].open_seconds == 60.0
            dead.tell(Step(text="Back."))
            await clock.sleep(60.0)
            assert (await models.complete(request())).text == "Back."
            assert models.deployments()[0].state == "closed"


async def test_a_thousand_callers_at_the_moment_of_recovery_send_one_probe() -> None:
    clock = SkippingClock()
    with OpenAIServer(FAILS) as server:
        async with routed(clock, deployment("only", server), rounds=1) as models:
            for _ in range(3):
                with pytest.raises(ModelUnavailable):
                    await models.complete(request())
            server.tell(Step(first_seconds=0.2))
            await clock.sleep(30.0)
            calls = (models.complete(request()) for _ in range(1000))
            done = await asyncio.gather(*calls, return_exceptions=True)
            assert len(server.calls) == 1
            assert sum(isinstance(one, ModelReply) for one in done) == 1
            codes = {one.code for one in done if isinstance(one, ModelUnavailable)}
            assert codes == {"model.unavailable.open"}


async def test_a_closed_port_a_rate_limit_and_a_wrong_key_cost_no_caller_an_answer() -> None:
    with (
        OpenAIServer() as gone,
        OpenAIServer(Step(kind="rate_limited", retry_after=40)) as limited,
        OpenAIServer(key="another") as locked,
        OpenAIServer(Step(text="Fine.")) as fine,
    ):
        closed = gone.base_url
        gone.stop()
        places = [
            deployment("closed", closed),
            deployment("limited", limited),
            deployment("locked", locked),
            deployment("fine", fine),
        ]
        async with routed(SkippingClock(), *places) as models:
            replies = [await models.complete(request()) for _ in range(12)]
            states = {one.id: one.state for one in models.deployments()}
    assert {(reply.text, reply.model) for reply in replies} == {("Fine.", "fine/x")}
    assert len(limited.calls) == 1
    assert len(locked.calls) == 1
    assert states == {"closed": "open", "limited": "held", "locked": "broken", "fine": "closed"}
    assert KEY not in repr(replies)


async def test_a_request_that_is_too_long_goes_to_a_longer_model() -> None:
    with OpenAIServer(Step(kind="error", status=400, message=OVERFLOW)) as short, OpenAIServer() as long:
        places = deployment("short", short), deployment("long", long, name="n")
        async with routed(SkippingClock(), *places, fallbacks={"m": Fallbacks(context=("n",))}) as models:
            reply = await models.complete(request())
    assert reply.model == "long/x"
    assert [one.outcome for one in reply.attempts] == ["context", "ok"]


async def test_a_request_that_is_wrong_is_told_to_the_caller() -> None:
    with (
        OpenAIServer(Step(kind="error", status=400, message="no such parameter")) as one,
        OpenAIServer() as two,
    ):
        async with routed(SkippingClock(), deployment("one", one), deployment("two", two)) as models:
            with pytest.raises(ModelRejected, match="no such parameter"):
                await models.complete(request())
    assert not two.calls


@pytest.mark.parametrize("paid", [1, 2])
async def test_what_may_be_charged_is_done_as_often_as_is_reserved_for(paid: int) -> None:
    prices = {"x": (1.0, 1.0)}
    with (
        OpenAIServer(Step(kind="truncated")) as one,
        OpenAIServer(Step(kind="malformed")) as two,
        OpenAIServer() as three,
    ):
        places = [
            replace(place, settings=replace(provider(server.base_url), prices=prices))
            for place, server in (
                (deployment(n, s), s) for n, s in (("one", one), ("two", two), ("three", three))
            )
        ]
        async with routed(SkippingClock(), *places, paid_attempts=paid) as models:
            worst = models.worst_case_micros(request())
            with pytest.raises(ModelError) as caught:
                await models.complete(request())
        assert len(one.calls) + len(two.calls) == paid
        assert not three.calls
    assert "status" not in caught.value.context
    assert worst is not None
    assert worst >= paid * 2048


async def test_what_both_attempts_cost_is_within_the_reservation() -> None:
    settings = replace(provider("http://h/v1"), prices={"x": (1.0, 1.0)})
    with OpenAIServer(Step(kind="truncated")) as one, OpenAIServer(Step(usage=(11, 7))) as two:
        places = [
            deployment(n, s, settings=replace(settings, base_url=s.base_url))
            for n, s in (("one", one), ("two", two))
        ]
        async with routed(SkippingClock(), *places, paid_attempts=2) as models:
            worst = models.worst_case_micros(request())
            reply = await models.complete(request())
    assert worst is not None
    assert reply.cost_micros is not None
    assert reply.cost_micros == worst // 2 + 18


async def test_the_time_of_a_call_is_kept_whoever_is_asked() -> None:
    with OpenAIServer(Step(text="ready")) as ready:  # the client's library is loaded once, at leisure
        async with routed(SystemClock(), deployment("ready", ready)) as models:
            await models.complete(request())
    with OpenAIServer(Step(kind="silent")) as silent, OpenAIServer(Step(kind="silent")) as other:
        places = deployment("silent", silent, timeout=1.0), deployment("other", other)
        async with routed(SystemClock(), *places, paid_attempts=2) as models:
            began = perf_counter()
            with pytest.raises(ModelUnavailable) as caught:
                await models.complete(request(timeout=3.0))
            took = perf_counter() - began
    assert 2.9 < took < 120.0
    attempts = cast("list[dict[str, str]]", caught.value.context["attempts"])
    assert [one["outcome"] for one in attempts] == ["timeout", "timeout"]


async def test_a_stream_goes_elsewhere_before_its_first_piece_only() -> None:
    with OpenAIServer(FAILS) as failing, OpenAIServer(Step(text="Streamed well.")) as fine:
        places = deployment("failing", failing), deployment("fine", fine)
        async with routed(SkippingClock(), *places, paid_attempts=2) as models:
            items = [item async for item in models.stream(request())]
            assert "".join(one.text for one in items if isinstance(one, TextDelta)) == "Streamed well."
            failing.tell(Step(kind="truncated", text="Never to its end."))
            fine.tell(FAILS)

            async def listen() -> None:
                async for _ in models.stream(request()):
                    pass

            with pytest.raises(ModelUnavailable) as caught:
                await listen()
            assert "status" not in caught.value.context
            assert len(failing.calls) == 1
