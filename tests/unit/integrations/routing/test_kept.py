"""Answers that were kept, as the routes see them."""

import pytest

from flowmatik.contracts.models import ModelReply
from flowmatik.integrations.routing.table import RouteTable
from flowmatik.kernel.errors import ModelUnavailable
from tests.unit.integrations.routing.fakes import Provider, World, deployment, down


async def test_an_answer_that_was_kept_says_nothing_of_how_the_deployment_does() -> None:
    kept = ModelReply(text="kept", cached=True)
    world = World(
        RouteTable(deployments=(deployment("p/x"),), rounds=1),
        Provider({"p/x": [*[down()] * 5, kept, down()]}),
    )
    for _ in range(5):
        with pytest.raises(ModelUnavailable):
            await world.ask()
    await world.clock.sleep(7.0)
    assert (await world.ask()).cached
    with pytest.raises(ModelUnavailable):
        await world.ask()
    with pytest.raises(ModelUnavailable) as caught:
        await world.ask()
    assert caught.value.code == "model.unavailable.open", "one failed probe was enough"
    health = world.router.deployments()[0]
    assert (health.calls["cached"], health.calls.get("ok", 0), health.p50_ms) == (1, 0, None)
