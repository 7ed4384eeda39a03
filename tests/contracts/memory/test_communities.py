"""What documents are about: groups of entities, made of what the asker may see and of nothing else."""

import pytest

from flowmatik.contracts.indexes import Filter
from flowmatik.contracts.memory import DocumentLabels
from flowmatik.contracts.memory_care import ErasureRequest
from flowmatik.contracts.memory_graph import MOST_COMMUNITIES, Communities
from flowmatik.kernel.errors import InvalidInput
from flowmatik.memory import StoredEntities, StoredMemoryCare
from flowmatik.memory.communities import StoredCommunities
from tests.contracts.memory.conftest import WS, Shelf
from tests.integration.memory.support import StandingClock

ANA, BEN = frozenset(["user:ana"]), frozenset(["user:ben"])
BIRDS = {
    "kite.md": "The «Red Kite» and the «Grey Heron» nest at «Lake Orta». Nobody feeds them.",
    "heron.md": "Each spring the «Grey Heron» and the «Marsh Harrier» return to «Lake Orta».",
    "harrier.md": "The «Marsh Harrier» hunts where the «Red Kite» rests.",
}
MONEY = {
    "loan.md": "The «Harbour Bank» gave a loan to the «Copper Mill».",
    "mill.md": "The «Copper Mill» sells its wire to the «Tram Works». The «Harbour Bank» was paid.",
    "tram.md": "The «Tram Works» and the «Harbour Bank» signed the «Quay Treaty».",
}


async def put(shelf: Shelf, texts: dict[str, str], *, workspace: str = WS, acl: tuple[str, ...] = ()) -> None:
    paths = [shelf.write(f"{workspace}/{name}", text) for name, text in texts.items()]
    await shelf.take(*paths, workspace=workspace, labels=DocumentLabels(acl=acl))


def asked(shelf: Shelf, *, most_read: int = 200_000) -> StoredCommunities:
    return StoredCommunities(shelf.database, most_read=most_read)


def named(found: Communities) -> list[set[str]]:
    return [{one.entity for one in community.entities} for community in found.items]


@pytest.fixture
async def filled(shelf: Shelf) -> Shelf:
    await put(shelf, BIRDS)
    await put(shelf, MONEY)
    return shelf


async def test_two_topics_are_two_groups_with_what_supports_them(filled: Shelf) -> None:
    found = await asked(filled).communities(WS)
    assert len(found.items) == 2
    birds = next(one for one in found.items if "red kite" in {e.entity for e in one.entities})
    money = next(one for one in found.items if one is not birds)
    assert {"red kite", "grey heron", "marsh harrier", "lake orta"} <= {e.entity for e in birds.entities}
    assert {"harbour bank", "copper mill", "tram works", "quay treaty"} <= {
        one.entity for one in money.entities
    }
    assert money.entities[0].entity == "harbour bank"
    assert (birds.passages, birds.documents, money.passages, money.documents) == (3, 3, 3, 3)
    assert {one.source for one in money.evidence} == set(MONEY)
    assert found.notices == ()


async def test_no_front_matter_table_row_heading_or_code_is_quoted(shelf: Shelf) -> None:
    front = '---\ntitle: The "Red Kite" and the "Grey Heron" of "Lake Orta".\ntags: [a]\n---\n\n'
    row = "| Birds | Where |\n| --- | --- |\n| The «Red Kite» | The «Grey Heron» at «Lake Orta». |\n"
    code = '```\nSay("Red Kite", "Grey Heron", "Lake Orta").\n```\n'
    heading = "## Does the «Red Kite» or the «Grey Heron» fish in «Lake Orta»?\n\n"
    words = "The «Red Kite» feeds near «Lake Orta»."
    await put(
        shelf,
        {
            "a.md": f"{front}{words}\n\n{row}\n",
            "b.md": f"# Birds\n\n{heading}{code}\nThe «Grey Heron» sleeps at «Lake Orta».\n\n{row}",
        },
    )
    (community,) = (await asked(shelf).communities(WS)).items
    assert {one.text for one in community.summary} == {words, "The «Grey Heron» sleeps at «Lake Orta»."}


async def test_as_many_as_asked_for_come_and_what_is_not_read_is_told(filled: Shelf) -> None:
    stored = asked(filled)
    everything = await stored.communities(WS)
    assert (await stored.communities(WS, limit=1)).items == everything.items[:1]
    some = await asked(filled, most_read=10).communities(WS)
    assert [one.code for one in some.notices] == ["graph.partial"]


async def test_its_summary_is_sentences_of_its_passages_word_by_word(filled: Shelf) -> None:
    found = await asked(filled).communities(WS)
    said = [one for community in found.items for one in community.summary]
    assert len(said) >= 2
    for one in said:
        text = {**BIRDS, **MONEY}[one.evidence.source]
        assert one.text in text
        assert one.text.endswith(".")
        assert one.evidence.lines is not None
    assert "Nobody feeds them." not in {one.text for one in said}  # it names none of them


async def test_the_same_documents_give_the_same_in_whatever_order_they_came(filled: Shelf) -> None:
    first = await asked(filled).communities(WS)
    assert await asked(filled).communities(WS) == first
    for name in (*BIRDS, *MONEY):
        await filled.memory.remove(WS, name)
    assert (await asked(filled).communities(WS)).items == ()
    for name, text in reversed({**BIRDS, **MONEY}.items()):
        await put(filled, {name: text})
    assert [
        (one.size, one.entities, [said.text for said in one.summary])
        for one in (await asked(filled).communities(WS)).items
    ] == [(one.size, one.entities, [said.text for said in one.summary]) for one in first.items]


async def test_what_is_hidden_changes_nothing_for_who_may_not_see_it(filled: Shelf) -> None:
    stored = asked(filled)
    before = await stored.communities(WS, where=Filter(principals=BEN))
    bridge = {
        "bridge.md": "The «Harbour Bank» and the «Red Kite» met at «Lake Orta» with «Dark Moth».",
        "again.md": "«Dark Moth» and the «Red Kite» know the «Copper Mill» and «Harbour Bank».",
    }
    await put(filled, bridge, acl=("user:ana",))
    assert await stored.communities(WS, where=Filter(principals=BEN)) == before
    seen = await stored.communities(WS, where=Filter(principals=ANA))
    assert any("dark moth" in names for names in named(seen))
    await put(filled, MONEY, acl=("user:ana",))
    assert len((await stored.communities(WS, where=Filter(principals=BEN))).items) == 1


async def test_it_goes_with_its_documents(filled: Shelf) -> None:
    stored = asked(filled)
    assert len((await stored.communities(WS)).items) == 2
    for name in MONEY:
        await filled.memory.remove(WS, name)
    left = await stored.communities(WS)
    assert len(left.items) == 1
    assert "harbour bank" not in str(left)


async def test_what_was_made_of_erased_documents_is_held_no_longer(filled: Shelf) -> None:
    stored = asked(filled)
    filled.memory.also_forget(stored.forget_cached)
    await stored.communities(WS)
    assert "harbour bank" in repr(vars(stored))
    care = StoredMemoryCare(filled.memory, StandingClock())
    await care.forget(WS, ErasureRequest(subject=("Harbour Bank",)), by="ana")
    assert "harbour bank" not in repr(vars(stored))


async def test_what_people_have_joined_is_one(filled: Shelf) -> None:
    stored = asked(filled)
    await stored.communities(WS)
    await StoredEntities(filled.database, StandingClock()).merge(WS, "marsh harrier", "red kite", by="ana")
    assert "marsh harrier" not in str([one.entities for one in (await stored.communities(WS)).items])


async def test_another_workspace_and_an_empty_memory_have_none(filled: Shelf) -> None:
    stored = asked(filled)
    assert await stored.communities("another") == Communities()
    await put(filled, BIRDS, workspace="another")
    assert all("harbour bank" not in names for names in named(await stored.communities("another")))
    assert len((await stored.communities("another")).items) == 1


async def test_a_limit_out_of_bounds_is_refused(shelf: Shelf) -> None:
    for limit in (0, MOST_COMMUNITIES + 1):
        with pytest.raises(InvalidInput) as caught:
            await asked(shelf).communities(WS, limit=limit)
        assert caught.value.code == "input.limit"


async def test_of_some_sources_it_is_what_a_memory_of_these_alone_would_say(filled: Shelf) -> None:
    await put(filled, {"ally.md": "The «Red Kite» and the «Harbour Bank» were seen at «Lake Orta»."})
    stored = asked(filled)
    birds = Filter(sources=tuple(BIRDS))
    (only,) = (await stored.communities(WS, where=birds)).items
    assert {one.source for one in only.evidence} <= set(BIRDS)
    assert "harbour bank" not in {one.entity for one in only.entities}
    assert len((await stored.communities(WS)).items[0].entities) != len(only.entities)
    assert (await stored.communities(WS, where=Filter(sources=("nowhere",)))).items == ()
