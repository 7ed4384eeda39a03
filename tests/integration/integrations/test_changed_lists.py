"""A gateway whose model list changes while it is at work."""

import asyncio
from dataclasses import replace

import pytest

from flowmatik.integrations.models.gateway import LONGEST_CALL_SECONDS
from flowmatik.integrations.routing.table import BreakerRules, RouteTable
from flowmatik.kernel.errors import ConfigurationError, ModelError, ModelRejected, ModelUnavailable
from flowmatik.testing.clock import SkippingClock
from flowmatik.testing.openai_server import OpenAIServer, Step
from tests.integration.integrations.support import KEY
from tests.integration.integrations.test_routes import FAILS, RULES, deployment, request, routed
from tests.unit.core.engines import eventually


async def called(server: OpenAIServer) -> bool:
    return bool(server.calls)


async def test_calls_under_way_end_where_they_began_and_the_next_go_to_the_new_list() -> None:
    slow = Step(text="old", seconds=1.0)
    with OpenAIServer(slow, key=KEY) as old, OpenAIServer(Step(text="new"), key=KEY) as new:
        async with routed(SkippingClock(), deployment("old", old)) as models:
            under_way = asyncio.create_task(models.complete(request()))
            await eventually(lambda: called(old), 120)
            models.take(RouteTable(deployments=(deployment("new", new),)))
            assert (await models.complete(request())).text == "new"
            assert (await under_way).text == "old"
            assert [one.id for one in models.deployments()] == ["new"]


async def test_what_is_known_of_a_deployment_that_stays_is_kept_and_a_changed_one_begins_anew() -> None:
    with OpenAIServer(FAILS, key=KEY) as bad, OpenAIServer(Step(), key=KEY) as other:
        stays, changes = deployment("stays", bad, name="a"), deployment("changes", bad, name="b")
        async with routed(SkippingClock(), stays, changes, rounds=1) as models:
            for name in ("a", "b"):
                for _ in range(3):
                    with pytest.raises(ModelUnavailable):
                        await models.complete(request(model=name))
            assert {one.state for one in models.deployments()} == {"open"}
            moved = deployment("changes", other, name="b")
            models.take(RouteTable(deployments=(stays, moved), rounds=1, breaker=RULES))
            states = {one.id: (one.state, sum(one.calls.values())) for one in models.deployments()}
            assert states == {"stays": ("open", 3), "changes": ("closed", 0)}
            assert (await models.complete(request(model="b"))).text


async def test_a_refused_key_that_was_replaced_is_tried() -> None:
    with OpenAIServer(key="right") as server:
        wrong = deployment("one", server)
        async with routed(SkippingClock(), wrong) as models:
            with pytest.raises(ModelRejected):
                await models.complete(request())
            assert models.deployments()[0].state == "broken"
            assert wrong.settings is not None
            right = replace(wrong, settings=replace(wrong.settings, api_key="right"))
            models.take(RouteTable(deployments=(right,)))
            assert (await models.complete(request())).text


async def test_new_rules_for_breakers_hold_for_those_that_stay() -> None:
    with OpenAIServer(FAILS, key=KEY) as bad:
        one = deployment("one", bad)
        async with routed(SkippingClock(), one, rounds=1, breaker=BreakerRules(consecutive=99)) as models:
            with pytest.raises(ModelUnavailable):
                await models.complete(request())
            models.take(RouteTable(deployments=(one,), rounds=1, breaker=BreakerRules(consecutive=2)))
            with pytest.raises(ModelUnavailable):
                await models.complete(request())
            assert models.deployments()[0].state == "open"


async def test_a_list_that_nobody_can_serve_changes_nothing() -> None:
    with OpenAIServer(key=KEY) as server:
        one = deployment("one", server)
        async with routed(SkippingClock(), one, default="m") as models:
            for unsound in (
                RouteTable(deployments=(replace(one, settings=None),)),
                RouteTable(deployments=(one,), default="nobody", breaker=BreakerRules(consecutive=1)),
            ):
                with pytest.raises(ConfigurationError):
                    models.take(unsound)
            assert models.default_model() == "m"
            assert (await models.complete(request())).text
            assert [one.id for one in models.deployments()] == ["one"]


async def test_without_a_list_any_more_names_are_unknown_and_its_connections_are_closed_in_the_end() -> None:
    clock = SkippingClock()
    with OpenAIServer(key=KEY) as server:
        async with routed(clock, deployment("one", server)) as models:
            _, provider = models.bare("m")
            await models.complete(request())
            models.take(None)
            with pytest.raises(ModelError) as unknown:
                await models.complete(request())
            assert unknown.value.code == "model.unknown"
            await models.tidy()
            await provider.complete(request(model="one/x"))  # a call that began before still ends
            await clock.sleep(LONGEST_CALL_SECONDS)
            await models.tidy()
            with pytest.raises(RuntimeError, match="closed"):
                await provider.complete(request(model="one/x"))


async def test_a_list_that_comes_back_finds_its_connections_again() -> None:
    clock = SkippingClock()
    with OpenAIServer(key=KEY) as server:
        one = deployment("one", server)
        async with routed(clock, one) as models:
            _, provider = models.bare("m")
            models.take(None)
            models.take(RouteTable(deployments=(one,)))
            assert models.bare("m")[1] is provider
            await clock.sleep(LONGEST_CALL_SECONDS)
            await models.tidy()
            assert (await models.complete(request())).text
