"""A workspace's own templates, and the agents made from them: the same on every store."""

import pytest

from flowmatik.agents import StoredTemplates, inventory_of
from flowmatik.contracts.channels import Author
from flowmatik.kernel.errors import InvalidInput, NotFound, ProfileInvalid
from tests.contracts.catalogue.conftest import WS, SecondClock, Shelf
from tests.unit.agents.test_templates import GOOD

ADA = Author(by="ada", reason="needed")


@pytest.fixture
def templates(shelf: Shelf) -> StoredTemplates:
    there = inventory_of({"calculate"}, {"local": ("extractive",)})
    return StoredTemplates(shelf.database, shelf.catalogue, SecondClock(), there)


async def test_own_templates_stand_beside_those_that_ship(templates: StoredTemplates) -> None:
    shipped = [one.name for one in await templates.list(WS)]
    mine = await templates.apply(WS, GOOD, filename="t.yaml", author=ADA)
    assert [one.name for one in await templates.list(WS)] == sorted([*shipped, "reader"])
    assert (await templates.get(WS, "reader")) == mine
    assert not mine.shipped
    later = await templates.apply(WS, GOOD.replace("Reads.", "Reads all."), filename="t.yaml", author=ADA)
    assert (await templates.get(WS, "reader")).version == later.version != mine.version
    own = GOOD.replace("  name: reader", "  name: specialist", 1)
    await templates.apply(WS, own, filename="t.yaml", author=ADA)
    assert not (await templates.get(WS, "specialist")).shipped
    assert (await templates.get("other", "specialist")).shipped


async def test_a_workspace_sees_its_own_templates_only(templates: StoredTemplates) -> None:
    await templates.apply(WS, GOOD, filename="t.yaml")
    with pytest.raises(NotFound, match="specialist"):
        await templates.get("other", "reader")


async def test_an_agent_made_from_a_template_says_from_which_and_with_what(
    templates: StoredTemplates, shelf: Shelf
) -> None:
    template = await templates.apply(WS, GOOD, filename="t.yaml", author=ADA)
    values: dict[str, str | int] = {"name": "tides", "topic": "the tides"}
    agent = await templates.make(WS, "reader", values, channel="canary", author=ADA)
    assert (await shelf.catalogue.get(WS, "tides@canary")) == agent
    assert (await shelf.catalogue.profile(WS, agent.ref())) == await templates.render(WS, "reader", values)
    origin = (await shelf.versions.standing(WS, "tides")).versions[0].origin
    assert (origin.kind, origin.by, origin.template) == ("template", "ada", f"reader@{template.version}")
    assert origin.parameters == {**values, "tone": "brief", "count": 3}


async def test_what_is_wrong_changes_nothing(templates: StoredTemplates, shelf: Shelf) -> None:
    with pytest.raises(ProfileInvalid, match="there is no tool 'teleport'"):
        await templates.apply(WS, GOOD.replace("calculate", "teleport"), filename="t.yaml")
    await templates.apply(WS, GOOD, filename="t.yaml")
    with pytest.raises(InvalidInput, match="topic: is missing"):
        await templates.make(WS, "reader", {"name": "half"})
    with pytest.raises(NotFound):
        await shelf.catalogue.get(WS, "half")
