"""What a call costs when several deployments had a part in it, and who is paid."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from flowmatik.contracts.models import ModelReply, ModelRequest, TextDelta, Usage
from flowmatik.integrations.routing.table import Fallbacks, RouteTable
from flowmatik.kernel.errors import ModelError, ModelUnavailable
from tests.unit.integrations.routing.fakes import Provider, World, ask, cut, deployment, down, late

A, B, C = (deployment(f"{one}/x") for one in "pqr")
PRICES = {"p/x": 100, "q/x": 70, "r/x": 300}
FILTERED = ModelReply(text="", finish="filtered")


def world(answers: dict[str, list[Any]], *deployments: Any, **changes: Any) -> World:
    listed = RouteTable(deployments=deployments or (A, B, C), paid_attempts=2, **changes)
    return World(listed, Provider(answers, PRICES))


def knowing(most: int) -> ModelUnavailable:
    """A stream that broke off after it had said what it read."""
    error = cut()
    error.most_micros = most
    return error


async def failing(world: World) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await world.ask()
    return caught.value


async def test_each_provider_gets_what_its_attempt_may_have_cost() -> None:
    reply = await world({"p/x": [late()]}).ask()
    assert (reply.cost_micros, reply.paid) == (170, {"q": 70, "p": 100})


async def test_what_only_the_one_that_answered_was_paid_is_said_once() -> None:
    assert (await world({"p/x": [down()]}).ask()).paid == {}
    reply = await world({"p/x": [late()]}, A, deployment("p/y")).ask()
    assert (reply.cost_micros, reply.paid) == (100, {})


async def test_an_answer_that_was_filtered_is_paid_beside_the_one_that_took_its_place() -> None:
    rules = {"m": Fallbacks(content=("r/x",), paid_attempts=2)}
    reply = await world({"p/x": [FILTERED]}, A, fallbacks=rules).ask()
    assert (reply.cost_micros, reply.paid) == (400, {"r": 300, "p": 100})
    alone = await world({"p/x": [FILTERED], "r/x": [late()]}, A, fallbacks=rules).ask()
    assert (alone.finish, alone.cost_micros, alone.paid) == ("filtered", 400, {"p": 100, "r": 300})


class Mute(Provider):
    """It does not say what it used."""

    async def complete(self, request: ModelRequest) -> ModelReply:
        reply = await super().complete(request)
        return replace(reply, cost_micros=None, usage=Usage(known=False))


@pytest.mark.parametrize(
    ("answers", "price", "cost", "paid"),
    [
        ({}, 100, 100, {"p": 100}),
        ({}, 0, 0, {"p": 0}),
        ({"p/x": [late()]}, 100, 170, {"q": 70, "p": 100}),
        ({"p/x": [late()]}, None, None, {"q": 70, "p": 0}),
    ],
)
async def test_a_usage_that_nobody_knows_costs_at_most_the_worst_case_of_who_answered(
    answers: dict[str, list[Any]], price: int | None, cost: int | None, paid: dict[str, int]
) -> None:
    listed = RouteTable(deployments=(A, B), fallbacks={"m": Fallbacks(unavailable=("r/x",))}, paid_attempts=2)
    reply = await World(listed, Mute(answers, {**PRICES, "p/x": price})).ask()
    assert (reply.cost_micros, reply.paid, reply.usage.known) == (cost, paid, False)


async def test_where_only_one_may_serve_the_reservation_is_its_worst_case() -> None:
    reply = await World(RouteTable(deployments=(A,)), Mute({}, PRICES)).ask()
    assert (reply.cost_micros, reply.paid) == (None, {})


async def test_an_attempt_that_knows_how_much_it_can_have_cost_costs_no_more() -> None:
    reply = await world({"p/x": [knowing(8)]}).ask()
    assert (reply.cost_micros, reply.paid) == (78, {"q": 70, "p": 8})
    free = await world({"p/x": [knowing(0)]}).ask()
    assert (free.cost_micros, free.paid) == (70, {})


@pytest.mark.parametrize(("first", "second", "most"), [(8, None, 78), (None, 5, 105), (8, 5, 13)])
async def test_an_error_says_what_all_attempts_together_can_have_cost(
    first: int | None, second: int | None, most: int
) -> None:
    errors = [late() if one is None else knowing(one) for one in (first, second)]
    error = await failing(world({"p/x": errors[:1], "q/x": errors[1:]}))
    assert error.most_micros == most
    assert error.paid == {"p": first or 100, "q": second or 70}


async def test_an_error_after_an_attempt_without_a_price_says_nothing_of_the_most() -> None:
    provider = Provider({"p/x": [late()], "q/x": [knowing(5)]}, {"p/x": None, "q/x": 70})
    error = await failing(World(RouteTable(deployments=(A, B), paid_attempts=2), provider))
    assert (error.most_micros, error.paid) == (None, {"p": 0, "q": 5})


async def test_a_free_error_costs_nobody_anything() -> None:
    error = await failing(world({one: [down()] for one in PRICES}))
    assert (error.most_micros, dict(error.paid)) == (None, {})


class Breaking(Provider):
    """The second one breaks off what it had begun to say."""

    async def stream(self, request: ModelRequest) -> AsyncIterator[TextDelta | ModelReply]:
        reply = await self.complete(request)
        yield TextDelta(text=reply.text)
        raise knowing(5)


async def test_a_stream_that_breaks_off_costs_what_came_before_it_too() -> None:
    listed = RouteTable(deployments=(A, B), paid_attempts=2)
    router = World(listed, Breaking({"p/x": [late()]}, PRICES)).router
    with pytest.raises(ModelError) as caught:
        _ = [item async for item in router.stream(ask())]
    assert (caught.value.most_micros, caught.value.paid) == (105, {"p": 100, "q": 5})


async def test_who_sums_up_what_is_too_long_may_be_paid_too() -> None:
    summing = deployment("p/x", context_policy="summarise", summariser="cheap")
    listed = RouteTable(deployments=(summing, deployment("r/small", "cheap")))
    router = World(listed, Provider({})).router
    assert router.providers_of("m") == ("p", "r")
    assert router.providers_of("cheap") == ("r",)
