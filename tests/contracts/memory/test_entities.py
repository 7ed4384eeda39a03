"""People join and part entities and name them beforehand; documents that come again change none of that."""

import asyncio

import pytest

from flowmatik.contracts.memory import DocumentLabels
from flowmatik.contracts.memory_care import ErasureRequest
from flowmatik.contracts.memory_entities import GazetteerEntry
from flowmatik.kernel.errors import Conflict, FlowmatikError, InvalidInput, NotFound
from flowmatik.memory import StoredEntities, StoredMemoryCare
from flowmatik.memory.graph.merging import resolutions
from tests.contracts.memory.conftest import WS, Shelf
from tests.integration.memory.support import StandingClock

BY = "usr_1"


def entities_of(shelf: Shelf) -> StoredEntities:
    return StoredEntities(shelf.database, StandingClock())


def care_of(shelf: Shelf) -> StoredMemoryCare:
    return StoredMemoryCare(shelf.memory, StandingClock())


async def keys(shelf: Shelf, workspace: str = WS, text: str = "") -> dict[str, tuple[str, ...]]:
    return {one.key: one.merged for one in await entities_of(shelf).list(workspace, text=text)}


async def filled(shelf: Shelf, workspace: str = WS) -> None:
    shelf.write("a.md", "# Notes\n\nThe report by Zurbano Logistics was late. Zurbano Logistics paid.")
    shelf.write("b.md", "# Letters\n\nWe wrote to Grupo Zurbano about it.")
    await shelf.take(workspace=workspace)


async def test_two_entities_are_one_until_somebody_parts_them(shelf: Shelf) -> None:
    await filled(shelf)
    await filled(shelf, "another")
    entities = entities_of(shelf)
    before = await keys(shelf)
    one = await entities.merge(WS, "Grupo Zurbano", "Zurbano Logistics", by=BY)
    assert (one.key, one.merged, one.mentions) == ("zurbano logistics", ("grupo zurbano",), 3)
    assert one.documents == ("a.md", "b.md")
    assert set(one.names) == {"Zurbano Logistics", "Grupo Zurbano"}
    assert await entities.show(WS, "Grupo Zurbano") == one
    assert await keys(shelf, text="grupo") == {"zurbano logistics": ("grupo zurbano",)}
    assert await resolutions(shelf.database.within(WS), WS) == {"grupo zurbano": "zurbano logistics"}
    assert await keys(shelf, "another") == before, "another workspace has entities of its own"
    parted = await entities.split(WS, "Grupo Zurbano")
    assert (parted.key, parted.mentions, parted.documents) == ("grupo zurbano", 1, ("b.md",))
    assert await keys(shelf) == before


async def test_a_merge_outlasts_rebuilding_and_documents_that_come_again(shelf: Shelf) -> None:
    await filled(shelf)
    entities = entities_of(shelf)
    await entities.merge(WS, "grupo zurbano", "zurbano logistics", by=BY)
    await care_of(shelf).rebuild(WS)
    await shelf.memory.remove(WS, "b.md")
    assert (await entities.show(WS, "zurbano logistics")).mentions == 2
    await shelf.take()
    assert (await entities.show(WS, "zurbano logistics")).mentions == 3
    await entities.split(WS, "grupo zurbano")
    assert (await entities.show(WS, "zurbano logistics")).mentions == 2


async def test_what_makes_no_sense_is_refused_and_changes_nothing(shelf: Shelf) -> None:
    await filled(shelf)
    entities = entities_of(shelf)
    a, b = "zurbano logistics", "grupo zurbano"
    for wrong, code in (((a, a), "input.entity"), ((a, "nobody"), "not_found.entity"),
                        (("\x00", b), "not_found.entity"), (("", b), "not_found.entity")):  # fmt: skip
        with pytest.raises(FlowmatikError) as caught:
            await entities.merge(WS, *wrong, by=BY)
        assert caught.value.code == code
    with pytest.raises(NotFound):
        await entities.merge("another", a, b, by=BY)
    with pytest.raises(Conflict) as alone:
        await entities.split(WS, a)
    assert alone.value.code == "conflict.entity_alone"
    await entities.merge(WS, b, a, by=BY)
    with pytest.raises(InvalidInput):
        await entities.merge(WS, a, b, by=BY)
    with pytest.raises(Conflict) as merged:
        await entities.merge(WS, b, "letters", by=BY)
    assert merged.value.code == "conflict.entity_merged"
    assert await shelf.rows("memory_merges", "another") == []
    assert len(await shelf.rows("memory_merges")) == 1


async def test_two_people_who_join_two_entities_both_ways_make_no_circle(shelf: Shelf) -> None:
    await filled(shelf)
    a, b = "zurbano logistics", "grupo zurbano"
    entities = entities_of(shelf)
    both = await asyncio.gather(
        entities.merge(WS, a, b, by=BY), entities.merge(WS, b, a, by="usr_2"), return_exceptions=True
    )
    assert sum(isinstance(one, InvalidInput | Conflict) for one in both) == 1
    assert len(await shelf.rows("memory_merges")) == 1


PUMP = GazetteerEntry(name="Bomba hidráulica", aliases=("hydraulic pump", "BH pump"), kind="product")


async def test_names_that_users_supply_are_found_at_ingest_and_by_rebuild(shelf: Shelf) -> None:
    shelf.write("old.md", "# Orders\n\nthe hydraulic pump leaks.")
    await shelf.take()
    entities = entities_of(shelf)
    assert await entities.set_gazetteer(WS, [PUMP]) == 1
    assert await entities.gazetteer(WS) == [PUMP]
    assert (await entities.show(WS, "Bomba hidráulica")).mentions == 0
    shelf.write("new.md", "# Parts\n\nwe need a bomba hidraulica soon.")
    await shelf.take(shelf.folder / "new.md")
    assert (await entities.show(WS, "bomba hidraulica")).documents == ("new.md",)
    await care_of(shelf).rebuild(WS)
    pump = await entities.show(WS, "bomba hidraulica")
    assert (pump.documents, pump.kind) == (("new.md", "old.md"), "product")
    assert {"hydraulic pump", "BH pump"} <= set(pump.names)
    await entities.set_gazetteer(WS, [])
    assert await shelf.take() == {"new.md": "unchanged", "old.md": "unchanged"}
    assert "bomba hidraulica" not in await keys(shelf), "the next sync derives them again"
    assert await entities.gazetteer("another") == []


@pytest.mark.parametrize(
    "entries",
    [
        [GazetteerEntry(name="¡!")],
        [GazetteerEntry(name="a", aliases=("",))],
        [GazetteerEntry(name="Pump"), GazetteerEntry(name="the pump")],
        [GazetteerEntry(name="x" * 201)],
        [GazetteerEntry(name="pump\x00")],
        [GazetteerEntry(name="pump", aliases=tuple(f"p{n}" for n in range(51)))],
    ],
)
async def test_a_list_of_names_with_a_fault_is_not_taken(shelf: Shelf, entries: list[GazetteerEntry]) -> None:
    entities = entities_of(shelf)
    await entities.set_gazetteer(WS, [PUMP])
    with pytest.raises(InvalidInput) as caught:
        await entities.set_gazetteer(WS, [GazetteerEntry(name="good"), *entries])
    assert caught.value.code == "input.gazetteer"
    assert await entities.gazetteer(WS) == [PUMP]


async def test_who_is_forgotten_is_in_no_merge_and_no_gazetteer_any_more(shelf: Shelf) -> None:
    await filled(shelf)
    entities = entities_of(shelf)
    await entities.set_gazetteer(WS, [GazetteerEntry(name="Zurbano"), PUMP])
    await entities.merge(WS, "grupo zurbano", "zurbano logistics", by=BY)
    await care_of(shelf).forget(WS, ErasureRequest(subject=("Zurbano",)), by=BY)
    assert await shelf.rows("memory_merges") == []
    assert await entities.gazetteer(WS) == [PUMP]


async def test_a_reason_names_what_is_joined_as_a_passage_names_it_that_may_be_seen(shelf: Shelf) -> None:
    shelf.embedder.down = True
    shelf.write("film.md", "# The Silver Lake\n\nThis film is based on the book Green Meadows.\n")
    shelf.write("book.md", "# Green Meadows\n\nIt was written by Ada Torres in a small town.\n")
    await shelf.take()
    secret = shelf.write("secret.md", "# Codename Basalt\n\nNobody knows of it.\n")
    await shelf.take(secret, labels=DocumentLabels(acl=("team:hr",)))
    await entities_of(shelf).merge(WS, "green meadows", "codename basalt", by=BY)

    async def named(on_behalf: frozenset[str] | None) -> set[str]:
        question = "Who wrote the book that the film The Silver Lake is based on?"
        found = await shelf.memory.search(WS, question, on_behalf=on_behalf)
        return {reason.entity for one in found for reason in one.why if reason.kind == "link"}

    assert await named(frozenset({"user:bob"})) == {"green meadows"}
    assert await named(None) == {"codename basalt"}


async def test_what_a_document_speaks_of_more_often_weighs_more(shelf: Shelf) -> None:
    shelf.write("a.md", "# Notes\n\nWe met Zurbano Logistics. Later Zurbano Logistics called Grupo Alsa.")
    await shelf.take()
    rows = await shelf.database.within(WS).fetch(
        "SELECT subject, object, weight FROM memory_relations WHERE workspace_id = $1"
        " AND relation = 'mentions' ORDER BY weight",
        WS,
    )
    assert [tuple(row) for row in rows] == [
        ("notes", "grupo alsa", 1.0),
        ("notes", "zurbano logistics", 2.0),
    ]


async def test_the_most_mentioned_come_first_as_they_are_written_most_often(shelf: Shelf) -> None:
    shelf.write("a.md", "# Notes\n\nWe met ZURBANO LOGISTICS. It cost 300 EUR. On 5 May 2024 we left.")
    shelf.write("b.md", "# Letters\n\nZurbano Logistics paid 300 EUR. Later Grupo Alsa wrote.")
    shelf.write("c.md", "# Calls\n\nAgain Zurbano Logistics paid 300 EUR for Grupo Alsa.")
    await shelf.take()
    entities = entities_of(shelf)
    await entities.set_gazetteer(WS, [GazetteerEntry(name="Bomba Única")])
    listed = await entities.list(WS)
    assert [(one.name, one.mentions) for one in listed[:2]] == [("Zurbano Logistics", 3), ("Grupo Alsa", 2)]
    assert (listed[-1].name, listed[-1].mentions) == ("Bomba Única", 0)
    assert [one.mentions for one in listed] == sorted((one.mentions for one in listed), reverse=True)
    assert not [one for one in listed if "300" in one.key or "2024" in one.key]
    assert [(one.name, one.mentions) for one in await entities.list(WS, kind="quantity")] == [("300 EUR", 3)]
    assert [one.name for one in await entities.list(WS, kind="date")] == ["5 May 2024"]

    await entities.merge(WS, "grupo alsa", "letters", by=BY)
    await entities.merge(WS, "letters", "zurbano logistics", by=BY)
    (first, *_) = await entities.list(WS)
    assert (first.name, first.mentions) == ("Zurbano Logistics", 6)
    assert first.merged == ("grupo alsa", "letters")
    assert [one.key for one in await entities.list(WS, text="alsa")] == ["zurbano logistics"]
    assert {one.key: one.mentions for one in await entities.list("another")} == {}


async def test_the_list_goes_on_after_each_page_and_ends(shelf: Shelf) -> None:
    await filled(shelf)
    entities = entities_of(shelf)
    whole = await entities.list(WS)
    paged: list[str] = []
    after = ""
    while page := await entities.list(WS, after=after, limit=2):
        paged += [one.key for one in page]
        after = page[-1].cursor
    assert paged == [one.key for one in whole]
    assert len(paged) > 2
    for wrong in (
        entities.list(WS, after="zurbano"),
        entities.list(WS, kind="person"),
        entities.list(WS, limit=0),
    ):
        with pytest.raises(InvalidInput):
            await wrong
