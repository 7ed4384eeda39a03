"""What is particular to a server: it is away, slow, full, of another version, or does not want us."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flowmatik.kernel.errors import ConfigurationError, Unavailable
from flowmatik.memory.text_indexes.elasticsearch import build
from flowmatik.testing.app_server import served
from flowmatik.testing.elasticsearch_server import ElasticsearchServer
from tests.contracts.plugins.text_indexes.conftest import ALL, KEY, World, elasticsearch, row


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with elasticsearch(tmp_path) as one:
        await one.put("one", row("a", "zebra"))
        yield one


def server_of(world: World) -> ElasticsearchServer:
    assert world.server is not None
    return world.server


async def test_a_server_that_is_away_or_torn_gives_no_half_answer(world: World) -> None:
    server = server_of(world)
    server.torn = True
    with pytest.raises(Unavailable):
        await world.found("zebra")
    server.torn, server.away = False, True
    with pytest.raises(Unavailable) as caught:
        await world.found("zebra")
    assert caught.value.code == "unavailable.index"
    server.away = False
    assert await world.found("zebra") == ["a"]


async def test_a_busy_server_is_asked_again_and_a_full_one_is_told(world: World) -> None:
    server = server_of(world)
    server.busy = 2
    assert await world.found("zebra") == ["a"]
    server.full = True
    with pytest.raises(Unavailable, match="cluster_block_exception"):
        await world.put("one", row("b", "zebra"))
    server.full = False
    assert await world.found("zebra") == ["a"]


async def test_a_slow_server_is_not_waited_for_longer_than_the_time_limit() -> None:
    server = ElasticsearchServer(slow=30)
    async with served(server.app()) as url:
        index = build({"url": url, "timeout": 0.1})
        with pytest.raises(Unavailable, match="Timeout"):
            await index.health()
        await index.close()


async def test_nobody_listening_is_told() -> None:
    index = build({"url": "http://127.0.0.1:1", "api_key": "a-secret-key"})
    with pytest.raises(Unavailable) as caught:
        await index.health()
    assert "a-secret-key" not in caught.value.message
    await index.close()


async def test_a_wrong_key_is_refused_without_being_shown_and_a_password_is_taken() -> None:
    server = ElasticsearchServer(key=KEY, user="ann:pass")
    async with served(server.app()) as url:
        index = build({"url": url, "api_key": "wrong-secret"})
        with pytest.raises(ConfigurationError) as caught:
            await index.health()
        assert caught.value.code == "config.index.refused"
        assert "wrong-secret" not in caught.value.message
        other = build({"url": url, "user": "ann", "password": "pass"})
        await other.health()
        await index.close()
        await other.close()


async def test_another_version_is_refused_by_name() -> None:
    server = ElasticsearchServer(version="7.17.1")
    async with served(server.app()) as url:
        index = build({"url": url})
        with pytest.raises(ConfigurationError, match=r"7\.17\.1") as caught:
            await index.health()
        assert caught.value.code == "config.index.version"
        await index.close()


async def test_an_index_that_somebody_deleted_is_made_again_with_its_mapping(world: World) -> None:
    server = server_of(world)
    server.indices.clear()
    assert await world.found("zebra") == []
    assert await world.search.ids("one") == []
    await world.put("one", row("b", "zebra"))
    assert await world.found("zebra") == ["b"]
    (index,) = server.indices.values()
    assert index.mappings["dynamic"] == "strict"


async def test_no_text_and_no_terms_are_given_back(world: World) -> None:
    (index,) = server_of(world).indices.values()
    assert all("terms" not in index.source(one) for one in index.rows.values())
    assert await world.search.search("one", [("en:zebra",)], 0, ALL) == []


async def test_more_rows_than_fit_in_one_request_are_written_and_removed(world: World) -> None:
    assert world.index is not None
    await world.put("one", *(row(f"n{n:04}", "lion", document="big") for n in range(1203)))
    assert await world.index.count("one") == 1204
    await world.index.delete_documents("one", ["big"], ["n0001"])
    assert await world.index.ids("one") == ["a", "n0001"]
