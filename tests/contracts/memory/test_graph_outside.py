"""A graph index outside: asked while it is whole, done without otherwise, and forgetting before memory says
that it has."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from flowmatik.contracts.graph_indexes import GraphIndex
from flowmatik.contracts.indexes import Filter
from flowmatik.contracts.memory import DocumentLabels
from flowmatik.contracts.memory_care import ErasureRequest
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Unavailable
from flowmatik.memory import StoredMemoryCare
from flowmatik.memory.graph_indexes.choosing import load_graph_index
from flowmatik.memory.graph_walks import StoredGraph
from flowmatik.memory.outside.keeping import OutsideIndexes
from flowmatik.testing.app_server import served
from flowmatik.testing.clock import SkippingClock
from flowmatik.testing.neo4j_server import Neo4jServer
from tests.contracts.memory.conftest import WS, Shelf, on_sqlite
from tests.contracts.memory.outside_indexes import Failing

ALL = Filter()
BEN = Filter(principals=frozenset(["user:ben"]))


@dataclass(slots=True, kw_only=True)
class There:
    shelf: Shelf
    index: Failing
    indexes: OutsideIndexes
    graph: StoredGraph
    clock: SkippingClock

    async def put(self, name: str, *names: str, labels: DocumentLabels | None = None) -> None:
        met = " and ".join(f"«{one}»" for one in names)
        path = self.shelf.write(name, f"# Note {name[0]}\n\nIt is known that {met} met there.\n")
        await self.shelf.take(path, labels=labels)

    async def near(self, entity: str, where: Filter = ALL) -> tuple[set[str], list[str]]:
        found = await self.graph.near(WS, entity, where=where)
        return {one.entity for one in found.items}, [one.code for one in found.notices]

    async def follow(self) -> None:
        await self.indexes.follow_all(self.shelf.database)


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[There]:
    (tmp_path / "docs").mkdir()
    server = Neo4jServer(password="secret")
    async with on_sqlite(tmp_path) as shelf, served(server.app()) as url:
        index = Failing(
            index=load_graph_index("neo4j", {"url": url, "password": "secret", "timeout_seconds": 60})
        )
        clock = SkippingClock()
        indexes = OutsideIndexes(
            shelf.database, cast("Clock", clock), vectors=None, text=None, graph=cast("GraphIndex", index)
        )
        own = load_graph_index(settings={"database": shelf.database})
        graph = StoredGraph(shelf.database, own, indexes)
        made = There(shelf=shelf, index=index, indexes=indexes, graph=graph, clock=clock)
        await made.put("a.md", "Red Kite", "Blue Whale")
        await made.put("b.md", "Red Kite", "Grey Wolf")
        await made.follow()
        yield made
        await indexes.close()


async def test_it_is_asked_while_it_has_everything(there: There) -> None:
    before = there.index.calls
    assert await there.near("red kite") == ({"blue whale", "grey wolf", "note a", "note b"}, [])
    assert there.index.calls > before
    (state,) = await there.indexes.states(WS)
    assert (state.leg, state.index, state.stored, state.indexed) == ("graph", "neo4j", 2, 2)
    assert (state.agrees, bool(state.version)) == (True, True)


async def test_while_it_is_away_memorys_own_tables_answer_and_say_so(there: There) -> None:
    there.index.goes()
    assert await there.near("red kite") == ({"blue whale", "grey wolf", "note a", "note b"}, ["graph.away"])
    calls = there.index.calls
    assert (await there.near("red kite"))[1] == ["graph.away"]
    assert there.index.calls == calls  # nobody waits for it each time
    way = await there.graph.path(WS, "blue whale", "grey wolf", where=ALL)
    assert (len(way.items), [one.code for one in way.notices]) == (2, ["graph.away"])
    there.index.comes_back()
    await there.clock.sleep(120)
    assert (await there.near("red kite"))[1] == []


async def test_one_that_is_behind_leads_nobody_over_what_was_hidden_since(there: There) -> None:
    await there.shelf.take(there.shelf.folder / "a.md", labels=DocumentLabels(acl=("user:ana",)))
    assert await there.near("red kite", BEN) == ({"grey wolf", "note b"}, ["graph.behind"])
    await there.follow()
    assert await there.near("red kite", BEN) == ({"grey wolf", "note b"}, [])
    await there.put("c.md", "Red Kite", "Dark Moth")
    assert "dark moth" in (await there.near("red kite"))[0]


async def test_what_differs_is_told_and_sent_again(there: There) -> None:
    documents = await there.index.documents(WS)
    await there.index.delete(WS, documents[:1])
    (state,) = await there.indexes.states(WS)
    assert (state.stored, state.indexed, state.agrees) == (2, 1, False)
    assert [one.agrees for one in await there.indexes.rebuild(WS)] == [True]


async def test_as_many_passages_with_other_entities_differ_too(there: There) -> None:
    gone = ("DELETE FROM memory_mentions WHERE workspace_id = $1 AND entity = $2", (WS, "grey wolf"))
    await there.shelf.database.transaction([gone])
    (state,) = await there.indexes.states(WS)
    assert (state.stored, state.indexed, state.differs, state.agrees) == (2, 2, True, False)


async def test_nothing_is_certified_before_it_has_forgotten(there: There) -> None:
    care = StoredMemoryCare(there.shelf.memory, cast("Clock", there.clock), indexes=there.indexes)
    there.index.goes()
    with pytest.raises(Unavailable) as caught:
        await care.forget(WS, ErasureRequest(subject=("Blue Whale",)), by="me")
    assert caught.value.code == "unavailable.index.erasure"
    assert await care.erasures(WS) == []
    there.index.comes_back()
    (done,) = await care.finish(WS)
    assert ("neo4j" in done.stores, done.counts["indexes"]) == (True, 1)
    assert "blue whale" not in await there.index.entities(WS)
    assert (done.purged, "indexes" in done.outside) == (False, True)  # the server's logs may keep it
