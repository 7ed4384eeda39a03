"""Whoever asks what thousands of models would cost takes nobody's breaker away."""

from flowmatik.contracts.models import Usage
from flowmatik.integrations.routing.routes import MOST_PLAIN
from flowmatik.integrations.routing.table import RouteTable
from tests.unit.integrations.routing.fakes import Provider, World, deployment


async def test_names_that_were_only_asked_about_make_way_for_those_that_are_called() -> None:
    world = World(RouteTable(deployments=(deployment("p/x"),)), Provider({}))
    await world.ask("q/before")
    for n in range(2 * MOST_PLAIN):
        world.router.price_micros(f"p/junk-{n}", Usage())
    for _ in range(2):
        await world.ask("q/after")
        await world.ask("q/before")
    calls = {one.id: one.calls for one in world.router.deployments()}
    assert calls == {"p/x": {}, "q/before": {"ok": 3}, "q/after": {"ok": 2}}


async def test_of_names_that_are_called_the_oldest_make_way() -> None:
    world = World(None, Provider({}))
    for n in range(MOST_PLAIN + 3):
        await world.ask(f"p/{n}")
    known = [one.id for one in world.router.deployments()]
    assert (len(known), known[0], known[-1]) == (MOST_PLAIN, "p/3", f"p/{MOST_PLAIN + 2}")
