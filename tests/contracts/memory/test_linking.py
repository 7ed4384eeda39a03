"""Links between documents are edges of the graph: they follow what they lead to under whatever title it has,
and go with the passage that has them."""

import pytest

from flowmatik.contracts.indexes import Filter
from flowmatik.contracts.memory import DocumentLabels
from flowmatik.contracts.memory_care import ErasureRequest
from flowmatik.contracts.memory_graph import Near
from flowmatik.kernel.errors import NotFound
from flowmatik.memory import StoredEntities, StoredMemoryCare
from flowmatik.memory.graph_indexes.choosing import load_graph_index
from flowmatik.memory.graph_walks import StoredGraph
from flowmatik.memory.held import nothing_held, read_again
from flowmatik.memory.linking import MOST_LINKS
from tests.contracts.memory.conftest import WS, Shelf
from tests.integration.memory.support import StandingClock

ALL = Filter()
OTHER = "another"
Edges = dict[tuple[str, str], float]


async def near(shelf: Shelf, entity: str, where: Filter = ALL, workspace: str = WS) -> list[Near]:
    graph = StoredGraph(shelf.database, load_graph_index(settings={"database": shelf.database}))
    found = await graph.near(workspace, entity, where=where)
    return [one for one in found.items if one.relation]


async def edges(shelf: Shelf, entity: str, where: Filter = ALL, workspace: str = WS) -> Edges:
    return {(one.relation, one.entity): one.weight for one in await near(shelf, entity, where, workspace)}


async def shown(shelf: Shelf, entity: str) -> set[tuple[str, str, float]]:
    """As administrators see it: from where to where, and how many links."""
    found = (await StoredEntities(shelf.database, StandingClock()).show(WS, entity)).relations
    assert {one.relation for one in found} <= {"links_to"}
    return {(one.subject, one.object, one.weight) for one in found}


async def filled(shelf: Shelf, workspace: str = WS) -> None:
    shelf.write("plan.md", "# Plan\n\n[notes](sub/notes.md#two), [again](sub/notes.md), [page](page.html).")
    shelf.write("sub/notes.md", "# Notes\n\nBack to [the plan][1].\n\n[1]: ../plan.md")
    shelf.write("page.html", "<h1>Page</h1><p>as in <a href='/sub/notes'>them</a></p>")
    await shelf.take(workspace=workspace)


async def test_an_edge_has_its_type_its_weight_and_the_passage_in_both_directions(shelf: Shelf) -> None:
    await filled(shelf)
    plan = await near(shelf, "Plan")
    assert [(one.relation, one.entity, one.weight) for one in plan] == [
        ("links_to", "notes", 2),
        ("linked_from", "notes", 1),
        ("links_to", "page", 1),
    ]
    assert (plan[0].origin, plan[0].passages, plan[0].evidence.source) == ("plan", 1, "plan.md")
    assert await edges(shelf, "page") == {("links_to", "notes"): 1, ("linked_from", "plan"): 1}
    assert await shown(shelf, "notes") == {("plan", "notes", 2), ("notes", "plan", 1), ("page", "notes", 1)}
    (backwards,) = [
        one
        for one in (await StoredEntities(shelf.database, StandingClock()).show(WS, "plan")).relations
        if one.subject == "notes"
    ]
    assert [(one.source, one.lines) for one in backwards.passages] == [("sub/notes.md", (3, 5))]


async def test_a_way_leads_over_links(shelf: Shelf) -> None:
    shelf.write("a.md", "# First\n\nwith [more](b.md).")
    shelf.write("b.md", "# Second\n\nwith [more](c.md).")
    shelf.write("c.md", "# Third\n\nand an end.")
    await shelf.take()
    graph = StoredGraph(shelf.database, load_graph_index(settings={"database": shelf.database}))
    way = await graph.path(WS, "Third", "First", where=ALL)
    assert [(one.origin, one.relation, one.entity) for one in way.items] == [
        ("third", "linked_from", "second"),
        ("second", "linked_from", "first"),
    ]


async def test_a_document_that_comes_later_or_under_another_title_is_what_is_linked_to(shelf: Shelf) -> None:
    shelf.write("a.md", "# First\n\nwith [more](b.md) and [[Fourth]].")
    await shelf.take()
    assert await edges(shelf, "first") == {("links_to", "b.md"): 1, ("links_to", "fourth"): 1}
    shelf.write("b.md", "# Second\n\nis here.")
    shelf.write("d.md", "# Fourth\n\nis here.")
    await shelf.take()
    assert await edges(shelf, "first") == {("links_to", "second"): 1, ("links_to", "fourth"): 1}
    assert await edges(shelf, "fourth") == {("linked_from", "first"): 1}
    shelf.write("b.md", "# Renamed\n\nis here.")
    assert (await shelf.take())["a.md"] == "unchanged"
    assert await edges(shelf, "renamed") == {("linked_from", "first"): 1}
    await shelf.memory.remove(WS, "b.md")
    assert ("links_to", "b.md") in await edges(shelf, "first")
    with pytest.raises(NotFound):
        await near(shelf, "renamed")


async def test_links_hold_where_their_document_lies_now(shelf: Shelf) -> None:
    path = shelf.write("a.md", "# First\n\nwith [more](b.md).")
    shelf.write("b.md", "# Second\n\nis here.")
    shelf.write("sub/b.md", "# Third\n\nis here.")
    await shelf.take()
    assert await edges(shelf, "first") == {("links_to", "second"): 1}
    calls = len(shelf.embedder.calls)
    path.rename(shelf.folder / "sub/a.md")
    assert (await shelf.take())["sub/a.md"] == "moved"
    assert await edges(shelf, "first") == {("links_to", "third"): 1}
    assert len(shelf.embedder.calls) == calls


async def test_a_page_of_a_wiki_is_meant_by_the_name_of_its_file_and_the_nearest_one(shelf: Shelf) -> None:
    for path, title in (("x/note.md", "Near"), ("y/deep/note.md", "Far"), ("y/red-kite.md", "Milano")):
        shelf.write(path, f"# {title}\n\nis here.")
    shelf.write(
        "x/a.md", "# First\n\n[[note]] and [[note#Part|shown]], [[Red Kite]], [[Nobody]], [[Titled]]."
    )
    shelf.write("y/b.md", "# Second\n\nwith [[note]] and [[x/note]] and [[./red-kite]] and [[a]].")
    shelf.write("t.md", "# Titled\n\n| [[x/note\\|in a table]] | [[z/note]] |")
    await shelf.take()
    assert await edges(shelf, "first") == {
        ("links_to", "near"): 2,
        ("links_to", "milano"): 1,
        ("links_to", "nobody"): 1,
        ("links_to", "titled"): 1,
        ("linked_from", "second"): 1,
    }
    assert await edges(shelf, "second") == {
        ("links_to", "far"): 1,
        ("links_to", "near"): 1,
        ("links_to", "milano"): 1,
        ("links_to", "first"): 1,
    }
    assert await edges(shelf, "near") == {
        ("linked_from", "first"): 2,
        ("linked_from", "second"): 1,
        ("linked_from", "titled"): 1,
    }
    assert await edges(shelf, "far") == {("linked_from", "second"): 1}
    assert ("links_to", "z/note") in await edges(shelf, "titled")
    await shelf.memory.remove(WS, "y/deep/note.md")
    assert await edges(shelf, "near") == {
        ("linked_from", "first"): 2,
        ("linked_from", "second"): 2,
        ("linked_from", "titled"): 1,
    }


async def test_a_page_of_a_wiki_is_none_of_another_source_nor_one_that_may_not_be_seen(shelf: Shelf) -> None:
    one, other = shelf.folder / "one", shelf.folder / "other"
    for folder in (one, other):
        folder.mkdir()
    (one / "a.md").write_text("# First\n\nwith [[note]].", encoding="utf-8")
    (other / "note.md").write_text("# Elsewhere\n\nis here.", encoding="utf-8")
    await shelf.take(one)
    await shelf.take(other)
    assert await edges(shelf, "first") == {("links_to", "note"): 1}
    (one / "note.md").write_text("# Here\n\nis here.", encoding="utf-8")
    await shelf.take(one)
    assert await edges(shelf, "first") == {("links_to", "here"): 1}
    await shelf.take(one / "note.md", labels=DocumentLabels(acl=("user:ana",)))
    assert await edges(shelf, "first", Filter(principals=frozenset(["user:luis"]))) == {
        ("links_to", "note"): 1
    }


async def test_edges_go_with_the_last_passage_that_has_them(shelf: Shelf) -> None:
    shelf.write("a.md", "# First\n\nwith [more](https://example.org/x).")
    shelf.write("b.html", "<h1>Second</h1><p>with <a href='https://example.org/x'>more</a></p>")
    await shelf.take()
    url = "https://example.org/x"
    assert await edges(shelf, url) == {("linked_from", "first"): 1, ("linked_from", "second"): 1}
    shelf.write("a.md", "# First\n\nwithout it.")
    await shelf.take()
    assert await edges(shelf, url) == {("linked_from", "second"): 1}
    await shelf.memory.remove(WS, "b.html")
    with pytest.raises(NotFound):
        await near(shelf, url)
    left = [*await shelf.rows("memory_relations"), *await shelf.rows("memory_entities")]
    assert not any(url in str(row) for row in left)


async def test_what_leads_out_of_the_folder_or_nowhere_else_is_no_edge(shelf: Shelf) -> None:
    (shelf.folder.parent / "outside.md").write_text("# Outside\n\nis here.", encoding="utf-8")
    odd = "[x](../outside.md) [y](/../../etc/passwd) [z](#part) [a](a.md) [m](mailto:x@y.z)"
    shelf.write("a.md", f"# First\n\n{odd}")
    await shelf.take(shelf.folder, shelf.folder.parent / "outside.md")
    relations = [row for row in await shelf.rows("memory_relations") if row[2] == "links_to"]
    assert relations == []
    assert not any("passwd" in str(row) for row in await shelf.rows("memory_mentions"))


async def test_places_are_told_to_nobody_as_paths_of_this_machine(shelf: Shelf) -> None:
    shelf.write("sub/a.md", "# First\n\nwith [more](b.md).")
    await shelf.take()
    assert await edges(shelf, "first") == {("links_to", "sub/b.md"): 1}
    entities = StoredEntities(shelf.database, StandingClock())
    told = [await entities.list(WS), await entities.show(WS, "first"), await near(shelf, "first")]
    assert str(shelf.folder) not in str(told)
    with pytest.raises(NotFound):
        await entities.show(WS, f"place:{shelf.folder}/sub/b.md")


async def test_who_may_not_see_what_is_linked_to_is_not_told_its_title(shelf: Shelf) -> None:
    shelf.write("a.md", "# First\n\nwith [more](b.md).")
    secret = shelf.write("b.md", "# Merger\n\nwith [others](a.md).")
    await shelf.take(shelf.folder / "a.md")
    await shelf.take(secret, labels=DocumentLabels(acl=("user:ana",)))
    ben, ana = (Filter(principals=frozenset([f"user:{name}"])) for name in ("ben", "ana"))
    assert await edges(shelf, "first", ben) == {("links_to", "b.md"): 1}
    assert await edges(shelf, "first", ana) == {("links_to", "merger"): 1, ("linked_from", "merger"): 1}
    with pytest.raises(NotFound):
        await near(shelf, "merger", ben)


async def test_another_workspace_has_edges_of_its_own(shelf: Shelf) -> None:
    shelf.write("a.md", "# First\n\nwith [more](b.md).")
    await shelf.take(workspace=OTHER)
    shelf.write("b.md", "# Second\n\nis here.")
    await shelf.take(shelf.folder / "b.md")
    assert await edges(shelf, "first", workspace=OTHER) == {("links_to", "b.md"): 1}
    with pytest.raises(NotFound):
        await near(shelf, "second")
    assert await shelf.rows("memory_relations") == []


async def test_they_are_made_again_from_what_is_stored(shelf: Shelf) -> None:
    await filled(shelf)
    before = await shelf.rows("memory_relations"), await shelf.rows("memory_mentions")
    assert any(row[2] == "links_to" for row in before[0])
    await shelf.database.within(WS).transaction([
        ("DELETE FROM memory_relations WHERE workspace_id = $1", (WS,)),
        ("DELETE FROM memory_mentions WHERE workspace_id = $1", (WS,)),
    ])  # fmt: skip
    await StoredMemoryCare(shelf.memory, StandingClock()).rebuild(WS)
    assert (await shelf.rows("memory_relations"), await shelf.rows("memory_mentions")) == before


async def test_documents_that_were_read_before_links_were_get_them_without_new_vectors(shelf: Shelf) -> None:
    await filled(shelf)
    before = await shelf.rows("memory_relations")
    calls = len(shelf.embedder.calls)
    await shelf.database.within(WS).transaction([
        ("DELETE FROM memory_relations WHERE workspace_id = $1", (WS,)),
        ("UPDATE memory_documents SET links = '', derived = '2' WHERE workspace_id = $1", (WS,)),
    ])  # fmt: skip
    assert set((await shelf.take()).values()) == {"unchanged"}
    assert await shelf.rows("memory_relations") == before
    assert len(shelf.embedder.calls) == calls


async def test_formats_that_got_links_later_are_read_once_more_for_them(shelf: Shelf) -> None:
    shelf.write("a.adoc", "= First\n\nwith xref:b.adoc[more].")
    shelf.write("b.adoc", "= Second\n\nis here.")
    await shelf.take()
    calls = len(shelf.embedder.calls)
    before = await shelf.rows("memory_relations")
    await shelf.database.within(WS).transaction([
        ("DELETE FROM memory_relations WHERE workspace_id = $1", (WS,)),
        ("UPDATE memory_documents SET links = '[]', derived = '3' WHERE workspace_id = $1", (WS,)),
    ])  # fmt: skip
    assert set((await shelf.take()).values()) == {"unchanged"}
    assert await shelf.rows("memory_relations") == before
    assert await edges(shelf, "first") == {("links_to", "second"): 1}
    assert len(shelf.embedder.calls) == calls


async def test_of_very_many_links_the_first_ones_count(shelf: Shelf) -> None:
    shelf.write("a.md", "# First\n\n" + " ".join(f"[x](p{n}.md)" for n in range(10_000)))
    shelf.write("p0.md", "# Page zero\n\nis here.")
    assert (await shelf.take())["a.md"] == "added"
    rows = [row for row in await shelf.rows("memory_relations") if row[2] == "links_to"]
    assert len(rows) == MOST_LINKS
    assert await edges(shelf, "page zero") == {("linked_from", "first"): 1}


async def test_who_is_named_in_an_address_alone_is_forgotten_with_the_document(shelf: Shelf) -> None:
    shelf.write("a.html", "<h1>First</h1><p>by <a href='https://example.org/Ana%20Garc%C3%ADa'>her</a></p>")
    shelf.write("b.html", "<h1>Second</h1><p>by nobody</p>")
    await shelf.take()
    care = StoredMemoryCare(shelf.memory, StandingClock())
    await care.forget(WS, ErasureRequest(subject=("ana garcia",)), by="usr_1")
    assert await shelf.sources() == ["b.html"]


async def test_a_search_finds_the_same_with_and_without_links(shelf: Shelf) -> None:
    texts = {
        "a.html": "<h1>Harbour</h1><p>The crane lifts <a href='b.html'>the containers</a> at noon.</p>",
        "b.html": "<h1>Containers</h1><p>Containers are <a href='a.html'>red</a> since 2020.</p>",
        "c.html": "<h1>Trucks</h1><p><a href='https://a.b/'>They</a> wait <a href='b.html'>here</a>.</p>",
    }
    for name, text in texts.items():
        shelf.write(name, text)
    await shelf.take()
    await shelf.take(workspace=OTHER)
    for name, text in texts.items():
        shelf.write(name, text.replace(" href=", " name="))
    await shelf.take(workspace=OTHER)
    assert await edges(shelf, "containers") != {}
    held, _ = await read_again(shelf.database.within(WS), WS, nothing_held(), None)
    assert not any(key.startswith(("place:", "https:")) for key in held.ring.ids)
    for question in ("What does the crane lift?", "red containers", "where do trucks wait?"):
        found = [await shelf.memory.search(workspace, question) for workspace in (WS, OTHER)]
        assert [(one.source, one.score, dict(one.scores)) for one in found[0]] == [
            (one.source, one.score, dict(one.scores)) for one in found[1]
        ]
