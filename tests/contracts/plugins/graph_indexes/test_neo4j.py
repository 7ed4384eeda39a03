"""Neo4j's own ways, against the emulator: it follows, is compared, made again, and fails in clear words."""

import pytest

from flowmatik.contracts.graph_indexes import GraphCounts, GraphDocument, GraphMention, GraphPassage
from flowmatik.contracts.indexes import Filter
from flowmatik.contracts.memory import DocumentLabels
from flowmatik.kernel.errors import ConfigurationError, NotFound, Unavailable
from flowmatik.memory.graph_indexes.choosing import load_graph_index
from flowmatik.memory.graph_indexes.following import catch_up, compare, rebuild, reconcile
from flowmatik.memory.graph_indexes.neo4j import build, statements
from flowmatik.testing.app_server import served
from flowmatik.testing.neo4j_server import Neo4jServer
from flowmatik.testing.neo4j_server.statements import STATEMENTS
from tests.contracts.memory.conftest import WS
from tests.contracts.plugins.graph_indexes.conftest import ALL, OTHER, PASSWORD, World
from tests.contracts.plugins.graph_indexes.test_contract import letter


async def filled(world: World) -> None:
    await world.put("a.md", letter("Zebra Club (animal)", "Red Kite", "Blue Whale"))
    await world.put("b.md", letter("Heron Club", "Red Kite"), labels=DocumentLabels(acl=("user:ana",)))
    await world.put("c.md", letter("Zebra Club", "Grey Wolf"), workspace=OTHER)


async def test_it_holds_what_memory_holds(projected: World) -> None:
    assert projected.index is not None
    await filled(projected)
    found = await compare(projected.shelf.database, WS, projected.index)
    assert found.agrees
    assert found.projected.aliases
    assert found.projected.relations
    keys = {str(row[1]) for row in await projected.shelf.rows("memory_entities")}
    assert set(await projected.index.entities(WS)) == keys
    pages: list[str] = []
    while page := await projected.index.entities(WS, after=pages[-1] if pages else "", limit=2):
        pages += page
    assert pages == sorted(keys)


async def test_links_between_documents_are_there_with_type_and_weight_and_no_path(projected: World) -> None:
    assert projected.index is not None
    assert projected.server is not None
    await projected.put("a.md", "# First\n\n[more](sub/b.md), [again](sub/b.md#x) and [[Third]].")
    await projected.put("sub/b.md", "# Second\n\nis here.")
    assert (await compare(projected.shelf.database, WS, projected.index)).agrees
    graph = projected.server.graph
    named = {one: graph.nodes[one]["key"] for one in graph.match("FlowmatikEntity", workspace=WS)}
    linked = {
        (named[edge.start], named[edge.end]): edge.properties["weight"]
        for edge in graph.between("FLOWMATIK_RELATED")
        if edge.properties["relation"] == "links_to"
    }
    (place,) = [graph.nodes[one]["place"] for one in graph.match("FlowmatikDocument", workspace=WS)
                if graph.nodes[one]["source"].endswith("b.md")]  # fmt: skip
    assert linked == {("first", place): 2.0, ("first", "third"): 1.0}
    assert str(projected.shelf.folder) not in str(graph.nodes)


async def test_what_it_missed_or_has_too_much_is_told_and_mended(projected: World) -> None:
    index, database = projected.index, projected.shelf.database
    assert index is not None
    await filled(projected)
    stray = GraphPassage(chunk="stray", mentions=(GraphMention(entity="x", kind="name", count=1),))
    await index.store(WS, [GraphDocument(id="stray", source="stray.md", passages=(stray,))])
    (kept,) = [str(row[1]) for row in await projected.shelf.rows("memory_documents") if row[4] == "b.md"]
    await index.delete(WS, [kept])
    before = await index.counts(OTHER)
    assert not (await compare(database, WS, index)).agrees
    assert (await reconcile(database, WS, index)).agrees
    assert "x" not in await index.entities(WS)
    await index.store(WS, [GraphDocument(id="stray", source="stray.md", passages=(stray,))])
    assert (await rebuild(database, WS, index)).agrees
    assert await index.counts(OTHER) == before
    await index.drop(WS)
    assert (await index.counts(WS), await index.position(WS)) == (GraphCounts(), 0)
    assert await index.counts(OTHER) == before


async def test_what_is_for_others_now_is_not_shown_by_one_that_is_behind(projected: World) -> None:
    await projected.put("a.md", letter("Zebra Club", "Red Kite", "Blue Whale"))
    await projected.put("b.md", letter("Heron Club", "Red Kite", "Green Frog"))
    path = projected.shelf.write(f"{WS}/a.md", letter("Zebra Club", "Red Kite", "Blue Whale"))
    await projected.shelf.take(path, labels=DocumentLabels(acl=("user:ana",)))
    ben = Filter(principals=frozenset(["user:ben"]))
    seen = {one.entity for one in (await projected.graph.near(WS, "red kite", where=ben)).items}
    assert seen == {"heron club", "green frog"}
    with pytest.raises(NotFound):
        await projected.graph.near(WS, "blue whale", where=ben)


async def test_what_memory_no_longer_has_is_not_shown_by_one_that_is_behind(projected: World) -> None:
    await filled(projected)
    assert {one.entity for one in (await projected.graph.near(WS, "red kite", where=ALL)).items} >= {
        "blue whale"
    }
    await projected.shelf.memory.remove(WS, "a.md")  # nobody has told Neo4j yet
    assert "blue whale" in await projected.linked("red kite")
    assert {one.entity for one in (await projected.graph.near(WS, "red kite", where=ALL)).items} == {
        "heron club"
    }


async def test_what_dies_after_any_statement_is_done_again(projected: World) -> None:
    index, server, database = projected.index, projected.server, projected.shelf.database
    assert index is not None
    assert server is not None
    await filled(projected)
    path = projected.shelf.write("default/a.md", letter("Zebra Club (animal)", "Grey Wolf"))
    await projected.shelf.take(path)
    sent = len(server.sent)
    await catch_up(database, WS, index)
    needed = len(server.sent) - sent
    assert needed > 5
    for after in range(1, needed):
        await index.drop(WS)
        server.ends_after = after
        with pytest.raises(Unavailable):
            await catch_up(database, WS, index)
        server.ends_after = -1
        await catch_up(database, WS, index)
        assert (await compare(database, WS, index)).agrees, after


async def test_constraints_are_made_before_the_first_row(projected: World) -> None:
    assert projected.server is not None
    await filled(projected)
    writes = [one for one in projected.server.sent if not one.startswith("MATCH")]
    assert tuple(writes[: len(statements.SCHEMA)]) == statements.SCHEMA
    assert projected.server.graph.schema == set(statements.SCHEMA)


def test_every_statement_asks_for_the_workspace_and_is_one_that_the_emulator_knows() -> None:
    sent: list[str] = []
    for name, value in vars(statements).items():
        if name.isupper():
            sent += [value] if isinstance(value, str) else list(getattr(value, "values", lambda v=value: v)())
    assert set(sent) == STATEMENTS.keys()
    for one in set(sent) - set(statements.SCHEMA):
        assert "workspace: $workspace" in one
        assert "'" not in one.replace("''", "")  # no value stands in a text


async def test_what_passes_is_tried_again_and_what_lasts_is_told(projected: World) -> None:
    index, server = projected.index, projected.server
    assert index is not None
    assert server is not None
    server.busy = 2
    assert await index.position(WS) == 0
    server.away = True
    for call in (index.position(WS), index.links(WS, ["x"], 5, ALL), index.health()):
        with pytest.raises(Unavailable) as caught:
            await call
        assert caught.value.code == "unavailable.index"


async def test_what_is_late_is_told(projected: World) -> None:
    assert projected.server is not None
    async with served(projected.server.app()) as url:
        hasty = build({"url": url, "password": PASSWORD, "timeout_seconds": 0.2})
        projected.server.slow = 5.0
        with pytest.raises(Unavailable) as caught:
            await hasty.position(WS)
        assert caught.value.code == "unavailable.index.late"
        await hasty.close()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"password": "wrong-secret"}, "HTTP 401, Neo.ClientError.Security.Unauthorized"),
        ({"database": "none"}, "HTTP 404, Neo.ClientError.Database.DatabaseNotFound"),
    ],
)
async def test_a_refusal_is_told_without_the_password(changed: dict[str, str], said: str) -> None:
    async with served(Neo4jServer(password=PASSWORD).app()) as url:
        index = build({"url": url, "password": PASSWORD} | changed)
        with pytest.raises(ConfigurationError, match=said) as caught:
            await index.position(WS)
        assert "wrong-secret" not in f"{caught.value.context}{caught.value}"
        await index.close()


@pytest.mark.parametrize("version", ["5.26.0", "2025.08.0"])
async def test_a_server_says_its_version(version: str) -> None:
    async with served(Neo4jServer(password=PASSWORD, version=version).app()) as url:
        index = build({"url": url, "password": PASSWORD})
        assert await index.health() == version
        await index.close()


@pytest.mark.parametrize("version", ["5.18.1", "4.4.0", ""])
async def test_a_server_without_the_query_api_is_refused(version: str) -> None:
    async with served(Neo4jServer(password=PASSWORD, version=version).app()) as url:
        index = build({"url": url, "password": PASSWORD})
        with pytest.raises(ConfigurationError) as caught:
            await index.health()
        assert caught.value.code == "config.index.version"
        await index.close()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "url"),
        ({"url": "http://example.com"}, "https"),
        ({"url": "https://x"}, "password"),
        ({"url": "https://x", "password": "p", "pasword": "q"}, "pasword"),
        ({"url": "https://x", "password": "p", "timeout_seconds": -1}, "timeout_seconds"),
        ({"url": "https://x", "password": "p", "ca": "/nowhere.pem"}, "FileNotFoundError"),
    ],
)
def test_wrong_settings_name_the_key(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load_graph_index("neo4j", settings)


def test_the_default_needs_memorys_database() -> None:
    with pytest.raises(ConfigurationError, match="database"):
        load_graph_index()
