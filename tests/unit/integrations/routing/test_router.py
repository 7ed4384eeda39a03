"""Where calls go, and where they go next."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest

from flowmatik.contracts.models import ModelReply, TextDelta, Usage
from flowmatik.integrations.routing.table import BreakerRules, Fallbacks, Limits, RouteTable
from flowmatik.kernel.errors import ModelError, ModelRejected, ModelUnavailable
from tests.unit.integrations.routing.fakes import (
    Provider,
    World,
    ask,
    cut,
    deployment,
    down,
    late,
    refused,
    too_long,
    unreadable,
)

A, B, C = (deployment(f"{one}/x") for one in "pqr")
FILTERED = ModelReply(text="", finish="filtered")


def table(*deployments: Any, **changes: Any) -> RouteTable:
    return RouteTable(deployments=deployments or (A, B), **changes)


async def test_calls_of_one_name_are_shared_by_weight_and_evenly() -> None:
    world = World(table(A, deployment("q/x", weight=3.0)), Provider({}))
    for _ in range(400):
        await world.ask()
    assert world.provider.counts == {"p/x": 100, "q/x": 300}
    assert world.provider.counts.keys() == set(world.provider.models[-4:])


async def test_of_calls_side_by_side_each_goes_to_the_one_with_the_least_to_do() -> None:
    gate = asyncio.Event()

    class Slow(Provider):
        async def complete(self, request: Any) -> ModelReply:
            reply = await super().complete(request)
            await gate.wait()
            return reply

    world = World(table(A, deployment("q/x", weight=3.0)), Slow({}))
    calls = [asyncio.create_task(world.ask()) for _ in range(40)]
    await asyncio.sleep(0)
    assert world.provider.counts == {"p/x": 10, "q/x": 30}
    assert [one.in_flight for one in world.router.deployments()] == [10, 30]
    gate.set()
    await asyncio.gather(*calls)
    assert [one.in_flight for one in world.router.deployments()] == [0, 0]


async def test_one_that_is_full_is_asked_only_when_all_are() -> None:
    gate = asyncio.Event()

    class Slow(Provider):
        async def complete(self, request: Any) -> ModelReply:
            reply = await super().complete(request)
            await gate.wait()
            return reply

    world = World(table(deployment("p/x", limits=Limits(max_parallel=2), weight=100.0), B), Slow({}))
    calls = [asyncio.create_task(world.ask()) for _ in range(6)]
    await asyncio.sleep(0)
    assert world.provider.counts == {"p/x": 2, "q/x": 4}
    gate.set()
    await asyncio.gather(*calls)


async def test_what_cost_nothing_goes_on_to_the_next_at_once_and_the_reply_says_so() -> None:
    world = World(table(), Provider({"p/x": [down()]}))
    reply = await world.ask()
    assert (reply.model, world.clock.slept) == ("q/x", [])
    assert [(one.deployment, one.outcome) for one in reply.attempts] == [
        ("p/x", "unavailable"),
        ("q/x", "ok"),
    ]


async def test_a_reply_at_the_first_attempt_tells_of_no_attempts() -> None:
    assert (await World(table(), Provider({})).ask()).attempts == ()


async def test_fallbacks_are_asked_in_order_when_a_name_has_nobody_left() -> None:
    rules = {"m": Fallbacks(unavailable=("n", "r/z"))}
    world = World(
        table(A, deployment("q/x", "n"), fallbacks=rules), Provider({"p/x": [down()], "q/x": [down()]})
    )
    assert (await world.ask()).model == "r/z"
    assert world.provider.models == ["p/x", "q/x", "r/z"]


async def test_when_all_fail_it_is_tried_again_after_a_pause_and_not_for_ever() -> None:
    world = World(table(), Provider({"p/x": [down()], "q/x": [down()]}))
    with pytest.raises(ModelUnavailable) as caught:
        await world.ask()
    assert world.provider.counts == {"p/x": 4, "q/x": 4}
    assert len(world.clock.slept) == 3
    assert caught.value.context["status"] == 503
    assert len(cast("list[Any]", caught.value.context["attempts"])) == 8
    assert world.clock.slept == sorted(world.clock.slept)


async def test_no_pause_goes_beyond_the_time_of_the_call() -> None:
    world = World(table(A), Provider({"p/x": [down()]}))
    with pytest.raises(ModelUnavailable):
        await world.ask(timeout=0.6)
    assert world.clock.monotonic() < 0.6


async def test_a_call_takes_no_longer_than_the_list_allows() -> None:
    world = World(table(A, seconds=0.6), Provider({"p/x": [down()]}))
    with pytest.raises(ModelUnavailable):
        await world.ask(timeout=600.0)
    assert world.clock.monotonic() < 0.6
    assert world.provider.asked[0].timeout == 0.6


async def test_each_attempt_has_what_is_left_of_the_time_and_no_more_than_its_own() -> None:
    world = World(
        table(A, deployment("q/x", timeout=9.9)), Provider({"p/x": [down()], "q/x": [down(), "ok"]})
    )
    await world.ask(timeout=10.0)
    waited = world.clock.slept[0]
    assert [round(one.timeout, 6) for one in world.provider.asked[:3]] == [10.0, 9.9, round(10.0 - waited, 6)]


@pytest.mark.parametrize("failure", [late, cut, unreadable])
async def test_what_may_have_been_charged_is_not_followed_by_another_attempt(failure: Any) -> None:
    world = World(table(), Provider({"p/x": [failure()]}, {"p/x": 100, "q/x": 70}))
    with pytest.raises(ModelError) as caught:
        await world.ask()
    assert world.provider.models == ["p/x"]
    assert "status" not in caught.value.context
    assert world.router.worst_case_micros(ask()) == 100


async def test_it_is_when_the_reservation_covers_both_and_then_both_are_paid_for() -> None:
    provider = Provider({"p/x": [late()]}, {"p/x": 100, "q/x": 70, "r/x": 300})
    world = World(table(A, B, C, fallbacks={"m": Fallbacks(paid_attempts=2)}), provider)
    reply = await world.ask()
    assert (reply.model, reply.cost_micros) == ("q/x", 170)
    assert world.router.worst_case_micros(ask()) == 400


async def test_no_call_makes_more_paid_attempts_than_it_reserves_for() -> None:
    provider = Provider(
        {one: [late()] for one in ("p/x", "q/x", "r/x")}, dict.fromkeys(("p/x", "q/x", "r/x"), 9)
    )
    world = World(table(A, B, C, paid_attempts=2), provider)
    with pytest.raises(ModelUnavailable):
        await world.ask()
    assert len(provider.asked) == 2


async def test_an_error_after_a_paid_attempt_never_says_that_it_was_free() -> None:
    provider = Provider({"p/x": [late()], "q/x": [refused("no")]}, {"p/x": 100, "q/x": 70})
    with pytest.raises(ModelUnavailable) as caught:
        await World(table(paid_attempts=2), provider).ask()
    assert caught.value.code == "model.unavailable.timeout"
    assert "status" not in caught.value.context


async def test_a_free_model_may_be_late_without_an_end_to_the_call() -> None:
    world = World(table(), Provider({"p/x": [late()]}, {"p/x": 0, "q/x": 70}))
    assert (await world.ask()).cost_micros == 70


async def test_the_worst_case_is_unknown_when_that_of_anybody_who_may_serve_is() -> None:
    provider = Provider({}, {"p/x": 5, "r/z": None})
    rules = {"m": Fallbacks(context=("r/z",))}
    assert World(table(A), provider).router.worst_case_micros(ask()) == 5
    assert World(table(A, fallbacks=rules), provider).router.worst_case_micros(ask()) is None


async def test_a_request_that_is_wrong_goes_nowhere_else() -> None:
    world = World(
        table(fallbacks={"m": Fallbacks(unavailable=("r/z",))}), Provider({"p/x": [refused("bad")]})
    )
    with pytest.raises(ModelRejected):
        await world.ask()
    assert world.provider.models == ["p/x"]
    assert world.router.deployments()[0].state == "closed"


async def test_one_that_is_too_long_goes_to_those_with_more_room() -> None:
    small, same, large = (
        deployment(f"{p}/x", context_tokens=n) for p, n in zip("pqr", (10, 10, 20), strict=True)
    )
    world = World(table(small, same, large), Provider({"p/x": [too_long()]}))
    assert (await world.ask()).model == "r/x"
    assert world.provider.models == ["p/x", "r/x"]


async def test_and_to_the_fallbacks_for_that() -> None:
    rules = {"m": Fallbacks(unavailable=("q/never",), context=("r/long",))}
    world = World(table(A, fallbacks=rules), Provider({"p/x": [refused(code="model.context_overflow")]}))
    assert (await world.ask()).model == "r/long"
    assert world.provider.models == ["p/x", "r/long"]


async def test_without_anybody_longer_the_caller_is_told() -> None:
    with pytest.raises(ModelRejected):
        await World(table(A), Provider({"p/x": [too_long()]})).ask()


async def test_content_that_one_will_not_speak_of_goes_to_those_named_for_it_when_both_can_be_paid() -> None:
    rules = {"m": Fallbacks(content=("r/z",), paid_attempts=2)}
    provider = Provider({"p/x": [FILTERED]}, {"p/x": 3, "r/z": 4})
    reply = await World(table(A, fallbacks=rules), provider).ask()
    assert (reply.model, reply.cost_micros) == ("r/z", 7)


async def test_filtered_content_is_the_answer_when_nobody_else_may_be_paid_or_has_one() -> None:
    provider = Provider({"p/x": [FILTERED], "r/z": [down()]}, {"p/x": 3, "r/z": 4})
    one = {"m": Fallbacks(content=("r/z",))}
    two = {"m": Fallbacks(content=("r/z",), paid_attempts=2)}
    assert (await World(table(A, fallbacks=one), provider).ask()).finish == "filtered"
    assert provider.models == ["p/x"]
    reply = await World(table(A, fallbacks=two), provider).ask()
    assert (reply.finish, reply.cost_micros) == ("filtered", 3)


async def test_a_deployment_that_asks_to_be_left_alone_is_until_then_and_a_call_waits_for_it() -> None:
    world = World(table(A), Provider({"p/x": [down(429, retry_after=7.0), "ok"]}))
    assert (await world.ask()).text == "ok"
    assert 7.0 <= world.clock.slept[0] < 8.0
    other = World(table(), Provider({"p/x": [down(429, retry_after=7.0), "ok"]}))
    for _ in range(3):
        await other.ask()
    assert other.provider.models == ["p/x", "q/x", "q/x", "q/x"]
    assert other.router.deployments()[0].state == "held"


async def test_a_wrong_key_is_not_tried_again_and_others_serve() -> None:
    world = World(table(), Provider({"p/x": [refused(code="model.key", status=401)]}))
    for _ in range(4):
        await world.ask()
    assert world.provider.counts == {"p/x": 1, "q/x": 4}
    assert world.router.deployments()[0].state == "broken"
    alone = World(table(A), Provider({"p/x": [refused(code="model.key", status=401)]}))
    for _ in range(3):
        with pytest.raises(ModelRejected) as caught:
            await alone.ask()
        assert caught.value.code == "model.key"
    assert alone.provider.counts == {"p/x": 1}


async def test_a_dead_provider_gets_no_call_while_it_is_left_alone_and_nobody_waits_for_it() -> None:
    world = World(table(A, rounds=1), Provider({"p/x": [down()]}))
    for _ in range(5):
        with pytest.raises(ModelUnavailable):
            await world.ask()
    for _ in range(100):
        with pytest.raises(ModelUnavailable) as caught:
            await world.ask()
        assert caught.value.code == "model.unavailable.open"
        assert caught.value.context["status"] == "not_sent"
    assert world.provider.counts == {"p/x": 5}


async def test_a_thousand_callers_at_the_moment_of_recovery_send_one_probe() -> None:
    gate = asyncio.Event()

    class Gated(Provider):
        async def complete(self, request: Any) -> ModelReply:
            reply = await super().complete(request)
            await gate.wait()
            return reply

    provider = Gated({"p/x": [*[down()] * 5, "ok"]})
    world = World(table(A, rounds=1), provider)
    for _ in range(5):
        with pytest.raises(ModelUnavailable):
            await world.ask()
    await world.clock.sleep(7.0)
    calls = [asyncio.create_task(world.ask()) for _ in range(1000)]
    await asyncio.sleep(0)
    gate.set()
    done = await asyncio.gather(*calls, return_exceptions=True)
    assert len(provider.asked) == 6
    assert sum(isinstance(one, ModelReply) for one in done) == 1
    assert world.router.deployments()[0].state == "closed"


async def test_a_cancelled_probe_does_not_keep_the_deployment_out() -> None:
    class Hanging(Provider):
        async def complete(self, request: Any) -> ModelReply:
            reply = await super().complete(request)
            if len(self.asked) == 6:
                await asyncio.Event().wait()
            return reply

    world = World(table(A, rounds=1), Hanging({"p/x": [*[down()] * 5, "ok"]}))
    for _ in range(5):
        with pytest.raises(ModelUnavailable):
            await world.ask()
    await world.clock.sleep(7.0)
    probe = asyncio.create_task(world.ask())
    await asyncio.sleep(0)
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    assert (await world.ask()).text == "ok"
    health = world.router.deployments()[0]
    assert (health.in_flight, health.calls["dropped"]) == (0, 1)


async def test_a_stream_goes_elsewhere_before_its_first_piece() -> None:
    world = World(table(), Provider({"p/x": [down()]}))
    items = [item async for item in world.router.stream(ask())]
    assert [item.text for item in items if isinstance(item, TextDelta)] == ["ok"]
    assert isinstance(items[-1], ModelReply)
    assert [one.outcome for one in items[-1].attempts] == ["unavailable", "ok"]


@pytest.mark.parametrize("how", ["cut", "fell"])
async def test_and_what_breaks_within_a_stream_may_have_been_charged(how: str) -> None:
    provider = Provider({"p/x": [how]}, {"p/x": 100})
    broken, told = World(table(paid_attempts=2), provider), list[Any]()

    async def listen() -> None:
        async for item in broken.router.stream(ask()):
            told.append(item)

    with pytest.raises(ModelUnavailable) as caught:
        await listen()
    assert (len(told), broken.provider.models) == (1, ["p/x"])
    assert "status" not in caught.value.context


async def test_a_stream_that_nobody_reads_to_its_end_is_no_failure() -> None:
    world = World(table(A), Provider({}))
    stream = cast("AsyncGenerator[Any]", world.router.stream(ask()))
    await anext(stream)
    await stream.aclose()
    health = world.router.deployments()[0]
    assert (health.state, health.in_flight, dict(health.calls)) == ("closed", 0, {"dropped": 1})


async def test_tags_choose_among_deployments_also_of_those_that_stand_in() -> None:
    eu, us = deployment("p/x", tags=frozenset({"eu", "fast"})), deployment("q/x", tags=frozenset({"us"}))
    stand_in = deployment("r/x", "n", tags=frozenset({"eu"}))
    rules = {"m": Fallbacks(unavailable=("n", "q/plain"))}
    world = World(table(eu, us, stand_in, aliases={"a": "m"}, fallbacks=rules), Provider({"p/x": [down()]}))
    for model in ("m@eu", "a@eu", "tag:eu"):
        assert (await world.ask(model)).model == "r/x"
    assert "q/x" not in world.provider.counts
    assert (await world.ask("tag:us")).model == "q/x"
    with pytest.raises(ModelRejected, match=r"'m@mars'.*mars.*eu, fast, us"):
        await world.ask("m@mars")


async def test_a_name_that_nobody_serves_is_refused_unsent() -> None:
    world = World(table(), Provider({}))
    with pytest.raises(ModelRejected, match=r"'n'.*p, q, r; the model list has m"):
        await world.ask("n")
    with pytest.raises(ModelRejected):
        await world.ask("elsewhere/x")
    assert world.router.worst_case_micros(ask("n")) == 0
    assert world.router.providers_of("n") == ()


async def test_who_may_serve_is_known_in_order() -> None:
    rules = {"m": Fallbacks(unavailable=("r/z", "p/y"))}
    world = World(table(B, A, fallbacks=rules, aliases={"a": "m"}), Provider({}))
    assert world.router.providers_of("a") == ("q", "p", "r")
    assert world.router.providers_of("p/anything") == ("p",)
    assert world.router.price_micros("a", Usage(input_tokens=3)) == 3


async def test_what_a_deployment_may_be_asked_is_bounded() -> None:
    world = World(table(deployment("p/x", max_output_tokens=100)), Provider({}))
    await world.ask(max_output_tokens=5000)
    await world.ask(max_output_tokens=50)
    assert [one.max_output_tokens for one in world.provider.asked] == [100, 50]


async def test_half_the_calls_failing_is_not_noticed_by_callers() -> None:
    answers: list[Any] = [down(), "ok"] * 1000
    rules = BreakerRules(consecutive=5, minimum=10, failure_rate=0.5)
    world = World(table(breaker=rules), Provider({"p/x": answers}))
    for _ in range(2000):
        await world.ask()
        await world.clock.sleep(0.01)
    assert world.provider.counts["p/x"] < 500


async def test_its_own_work_is_measured() -> None:
    world = World(table(), Provider({}))
    for _ in range(20):
        await world.ask()
    assert sum(world.router.overhead().counts.values()) == 20
    assert world.router.overhead().seconds < 1.0
    health = world.router.deployments()[0]
    assert (health.calls["ok"], health.p50_ms) == (10, 0.0)
