"""What every graph index promises, and the walks over each of them."""

from itertools import pairwise

import pytest

from flowmatik.contracts.indexes import Filter
from flowmatik.contracts.memory import DocumentLabels
from flowmatik.contracts.memory_graph import MOST_STEPS
from flowmatik.kernel.errors import InvalidInput, NotFound
from flowmatik.memory.entities import StoredEntities
from tests.contracts.memory.conftest import WS
from tests.contracts.plugins.graph_indexes.conftest import ALL, OTHER, World
from tests.integration.memory.support import StandingClock

ANA = Filter(principals=frozenset(["user:ana"]))
BEN = Filter(principals=frozenset(["user:ben"]))


def letter(title: str, *names: str) -> str:
    """A passage whose title and names are entities."""
    return f"# {title}\n\nIt is known that " + " and ".join(f"«{name}»" for name in names) + " met there.\n"


async def chain(world: World, *names: str) -> None:
    """Each one is named together with the next one, by a document of theirs only."""
    for n, (one, other) in enumerate(pairwise(names)):
        await world.put(f"{n}.md", letter(f"Letter {n}x", one, other))


async def test_what_a_passage_names_hangs_together(world: World) -> None:
    await world.put("a.md", letter("Zebra Club", "Red Kite", "Blue Whale"))
    await world.put("b.md", letter("Heron Club", "Red Kite", "Blue Whale"))
    assert await world.linked("red kite") == {"blue whale": 2, "zebra club": 1, "heron club": 1}
    assert await world.linked("zebra club") == {"red kite": 1, "blue whale": 1}
    assert await world.linked("green frog") == {}
    first, *_ = await world.search.links(WS, ["red kite"], 1, ALL)
    ids = [str(row[2]) for row in await world.shelf.rows("memory_chunks")]
    assert first.chunk == min(ids)


async def test_dates_and_quantities_join_nothing(world: World) -> None:
    await world.put("a.md", "# Zebra Club\n\nOn 3 May 2024 «Red Kite» paid 12 kg for it.")
    await world.put("b.md", "# Heron Club\n\nOn 3 May 2024 «Blue Whale» paid 12 kg for it.")
    assert set(await world.linked("red kite")) == {"zebra club"}


async def test_only_what_the_filter_leaves_joins(world: World) -> None:
    await world.put(
        "a/x.md",
        letter("Zebra Club", "Red Kite", "Blue Whale"),
        labels=DocumentLabels(acl=("user:ana",), tags=("t", "día"), dated="2024-05-31T10:00:00"),
    )
    await world.put("b/y.md", letter("Heron Club", "Red Kite", "Green Frog"))
    (source,) = [one for one in await world.shelf.sources() if one.endswith("x.md")]
    everything = {"zebra club", "blue whale", "heron club", "green frog"}
    of_a, of_b = {"zebra club", "blue whale"}, {"heron club", "green frog"}
    for where, wanted in (
        (ALL, everything),
        (ANA, everything),
        (BEN, of_b),
        (Filter(principals=frozenset()), of_b),
        (Filter(sources=(source,)), of_a),
        (Filter(sources=(source[:-1],)), set[str]()),
        (Filter(tags=("día", "none")), of_a),
        (Filter(tags=("none",)), set[str]()),
        (Filter(dated_from="2024-05", dated_until="2024-05"), of_a),
        (Filter(dated_from="2024-06"), set[str]()),
        (Filter(dated_until="2024-05-30"), set[str]()),
    ):
        assert set(await world.linked("red kite", where)) == wanted, where


async def test_an_entity_goes_with_the_last_passage_that_names_it(world: World) -> None:
    await world.put("a.md", letter("Zebra Club", "Red Kite", "Blue Whale"))
    await world.put("b.md", letter("Heron Club", "Red Kite"))
    await world.put("a.md", letter("Zebra Club", "Red Kite"))
    assert set(await world.linked("red kite")) == {"zebra club", "heron club"}
    await world.remove("a.md")
    assert set(await world.linked("red kite")) == {"heron club"}
    counts = await world.search.counts(WS)
    assert (counts.documents, counts.passages, counts.entities) == (1, 1, 2)
    await world.remove("b.md")
    counts = await world.search.counts(WS)
    assert (counts.passages, counts.entities, counts.mentions, counts.relations) == (0, 0, 0, 0)


async def test_nothing_of_another_workspace_is_seen_or_changed(world: World) -> None:
    await world.put("a.md", letter("Zebra Club", "Red Kite"))
    await world.put("b.md", letter("Heron Club", "Red Kite"), workspace=OTHER)
    assert await world.linked("red kite") == {"zebra club": 1}
    assert await world.linked("red kite", workspace=OTHER) == {"heron club": 1}
    assert (await world.search.counts(OTHER)).documents == 1
    await world.remove("b.md", workspace=OTHER)
    assert await world.linked("red kite", workspace=OTHER) == {}
    assert await world.linked("red kite") == {"zebra club": 1}


async def test_names_may_be_of_any_script_and_length(world: World) -> None:
    long = " ".join(f"Wordy{n}" for n in range(9))
    await world.put("a.md", letter("Ñandú {x} Club", "它's \\ b", "O'Hara $1 🦜", long))
    keys = {str(row[2]) for row in await world.shelf.rows("memory_mentions") if row[3] != "quantity"}
    assert {len(key) > 50 for key in keys} == {True, False}
    assert any("它" in key for key in keys)
    for key in keys:
        assert set(await world.linked(key)) == keys - {key}


async def test_neighbours_come_by_their_distance(world: World) -> None:
    await chain(world, "Red Kite", "Blue Whale", "Green Frog", "Grey Wolf", "White Swan")
    names = {"blue whale": 1, "green frog": 2, "grey wolf": 3}
    near = (await world.graph.near(WS, "Red Kite", hops=3, limit=100, where=ALL)).items
    assert {one.entity: one.hops for one in near if one.entity in names} == names
    assert "white swan" not in {one.entity for one in near}
    assert [one.hops for one in near] == sorted(one.hops for one in near)
    first = next(one for one in near if one.entity == "blue whale")
    assert (first.origin, first.passages, first.evidence.source) == ("red kite", 1, "0.md")
    assert len((await world.graph.near(WS, "red kite", hops=3, limit=2, where=ALL)).items) == 2


async def test_a_path_is_a_shortest_one_and_says_where_each_step_stands(world: World) -> None:
    await chain(world, "Red Kite", "Blue Whale", "Green Frog", "Grey Wolf")
    steps = (await world.graph.path(WS, "Red Kite", "Grey Wolf", where=ALL)).items
    assert [(one.origin, one.entity) for one in steps] == [
        ("red kite", "blue whale"),
        ("blue whale", "green frog"),
        ("green frog", "grey wolf"),
    ]
    assert [one.evidence.source for one in steps] == ["0.md", "1.md", "2.md"]
    assert all(one.evidence.lines for one in steps)
    await world.put("short.md", letter("Short Cut", "Red Kite", "Grey Wolf"))
    assert len((await world.graph.path(WS, "red kite", "grey wolf", where=ALL)).items) == 1
    assert (await world.graph.path(WS, "red kite", "red kite", where=ALL)).items == ()


async def test_where_there_is_no_way_there_is_no_path(world: World) -> None:
    names = [f"Animal Number{n}x" for n in range(MOST_STEPS + 2)]
    await chain(world, *names)
    await world.put("apart.md", letter("Island", "Lone Dodo"))
    assert (await world.graph.path(WS, names[0], "lone dodo", where=ALL)).items == ()
    assert len((await world.graph.path(WS, names[0], names[MOST_STEPS], where=ALL)).items) == MOST_STEPS
    assert (await world.graph.path(WS, names[0], names[MOST_STEPS + 1], where=ALL)).items == ()


async def test_nobody_is_led_over_what_he_may_not_see(world: World) -> None:
    await world.put("a.md", letter("Zebra Club", "Red Kite", "Blue Whale"))
    await world.put(
        "b.md",
        letter("Secret Club", "Blue Whale", "Grey Wolf", "Dark Moth"),
        labels=DocumentLabels(acl=("user:ana",)),
    )
    await world.put("c.md", letter("Heron Club", "Grey Wolf", "White Swan"))
    assert len((await world.graph.path(WS, "red kite", "white swan", where=ANA)).items) == 3
    assert (await world.graph.path(WS, "red kite", "white swan", where=BEN)).items == ()
    seen = {one.entity for one in (await world.graph.near(WS, "red kite", hops=3, where=BEN)).items}
    assert seen == {"zebra club", "blue whale"}
    with pytest.raises(NotFound) as hidden:
        await world.graph.near(WS, "dark moth", where=BEN)
    with pytest.raises(NotFound) as absent:
        await world.graph.near(WS, "green moth", where=BEN)
    assert hidden.value.code == absent.value.code == "not_found.entity_linked"
    assert hidden.value.message.replace("dark", "green") == absent.value.message


async def test_what_people_have_joined_is_one(world: World) -> None:
    await world.put("a.md", letter("Zebra Club", "Red Kite", "Big Blue"))
    await world.put("b.md", letter("Heron Club", "Blue Whale", "Grey Wolf"))
    entities = StoredEntities(world.shelf.database, StandingClock())
    assert (await world.graph.path(WS, "red kite", "grey wolf", where=ALL)).items == ()
    await entities.merge(WS, "big blue", "blue whale", by="ana")
    steps = (await world.graph.path(WS, "red kite", "grey wolf", where=ALL)).items
    assert [(one.origin, one.entity) for one in steps] == [
        ("red kite", "blue whale"), ("blue whale", "grey wolf")
    ]  # fmt: skip
    near = {one.entity for one in (await world.graph.near(WS, "Big Blue", where=ALL)).items}
    assert {"red kite", "grey wolf"} <= near
    await entities.split(WS, "big blue")
    assert (await world.graph.path(WS, "red kite", "grey wolf", where=ALL)).items == ()


async def test_what_is_joined_with_a_name_that_may_not_be_seen_is_called_by_its_own(world: World) -> None:
    await world.put("a.md", letter("Zebra Club", "Red Kite", "Big Blue"))
    hidden = DocumentLabels(acl=("user:ana",))
    await world.put("b.md", letter("Heron Club", "Blue Whale", "Grey Wolf"), labels=hidden)
    await world.put("c.md", letter("Otter Club", "Lone Stoat", "Grey Wolf"), labels=hidden)
    entities = StoredEntities(world.shelf.database, StandingClock())
    await entities.merge(WS, "big blue", "blue whale", by="ana")
    await entities.merge(WS, "lone stoat", "red kite", by="ana")
    near = {one.entity for one in (await world.graph.near(WS, "red kite", where=BEN)).items}
    assert near == {"zebra club", "big blue"}
    (step,) = (await world.graph.path(WS, "big blue", "red kite", where=BEN)).items
    assert (step.origin, step.entity) == ("big blue", "red kite")
    for name in ("blue whale", "lone stoat"):
        with pytest.raises(NotFound):
            await world.graph.near(WS, name, where=BEN)
    hers = (await world.graph.near(WS, "red kite", where=ANA)).items
    assert "blue whale" in {one.entity for one in hers}


@pytest.mark.parametrize(("hops", "limit", "code"), [(0, 5, "hops"), (4, 5, "hops"), (1, 0, "limit")])
async def test_what_is_out_of_bounds_is_refused(world: World, hops: int, limit: int, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await world.graph.near(WS, "x", hops=hops, limit=limit, where=ALL)
    assert caught.value.code == f"input.{code}"
