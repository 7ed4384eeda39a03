"""Weaviate's own ways, against the emulator."""

from collections.abc import AsyncIterator, Iterator

import pytest

from flowmatik.contracts.indexes import Filter
from flowmatik.contracts.vector_indexes import VectorIndex
from flowmatik.kernel.errors import ConfigurationError, InvalidInput, Unavailable
from flowmatik.memory.vector_indexes.choosing import load_vector_index
from flowmatik.testing.weaviate_server import WeaviateServer
from tests.contracts.plugins.vector_indexes.conftest import OTHER, WS
from tests.contracts.plugins.vector_indexes.corpus import DIMENSION, EMBEDDER, rows, vectors
from tests.contracts.plugins.vector_indexes.served import served

KEY = "wv-secret-key"


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[WeaviateServer, str]]:
    server = WeaviateServer(api_key=KEY)
    with served(server.app()) as url:
        yield server, url


@pytest.fixture
def server(address: tuple[WeaviateServer, str]) -> Iterator[WeaviateServer]:
    yield address[0]
    address[0].away, address[0].slow, address[0].losing, address[0].version = False, 0.0, 0, "1.30.0"
    address[0].collections.clear()


@pytest.fixture
async def index(address: tuple[WeaviateServer, str], server: WeaviateServer) -> AsyncIterator[VectorIndex]:
    made = load_vector_index("weaviate", {"url": address[1], "api_key": KEY, "timeout_seconds": 30})
    await made.prepare(WS, EMBEDDER, DIMENSION)
    yield made
    await made.close()


async def test_an_object_of_a_batch_that_fails_is_no_success(
    index: VectorIndex, server: WeaviateServer
) -> None:
    server.losing = 1
    with pytest.raises(Unavailable) as caught:
        await index.upsert(WS, rows(5))
    assert (caught.value.code, caught.value.retryable) == ("unavailable.index", True)
    await index.upsert(WS, rows(5))  # done again, it is whole
    assert await index.count(WS) == 5


async def test_each_workspace_is_a_tenant_and_goes_with_it(
    index: VectorIndex, server: WeaviateServer
) -> None:
    await index.prepare(OTHER, EMBEDDER, DIMENSION)
    await index.upsert(WS, rows(3))
    collection = server.collections[f"FlowmatikVectors{DIMENSION}"]
    assert sorted(len(one) for one in collection.tenants.values()) == [0, 3]
    await index.drop(WS)
    assert [len(one) for one in collection.tenants.values()] == [0]


async def test_another_length_is_another_collection_and_leaves_nothing_behind(
    index: VectorIndex, server: WeaviateServer
) -> None:
    await index.upsert(WS, rows(3))
    await index.prepare(WS, "other", 4)
    assert server.collections[f"FlowmatikVectors{DIMENSION}"].tenants == {}
    assert list(server.collections["FlowmatikVectors4"].tenants.values()) == [{}]


async def test_times_of_day_are_told_apart(index: VectorIndex) -> None:
    """Their numbers are longer than GraphQL's whole numbers are."""
    await index.upsert(WS, rows(4))
    for until, found in (("2026-02-03", ["chunk-3"]), ("2026-02-02T23:59:59", [])):
        where = Filter(dated_from="2026", dated_until=until)
        assert [chunk for chunk, _ in await index.search(WS, vectors(1)[0], 5, where)] == found


async def test_a_server_that_is_away_or_late_is_unavailable(
    address: tuple[WeaviateServer, str], index: VectorIndex, server: WeaviateServer
) -> None:
    server.away = True
    for call in (index.search(WS, vectors(1)[0], 5), index.upsert(WS, rows(1)), index.health()):
        with pytest.raises(Unavailable) as caught:
            await call
        assert caught.value.code == "unavailable.index"
    server.away, server.slow = False, 5.0
    hasty = load_vector_index("weaviate", {"url": address[1], "api_key": KEY, "timeout_seconds": 0.2})
    with pytest.raises(Unavailable) as caught:
        await hasty.health()
    assert caught.value.code == "unavailable.index.late"
    await hasty.close()


async def test_a_wrong_key_is_told_without_it(address: tuple[WeaviateServer, str]) -> None:
    index = load_vector_index("weaviate", {"url": address[1], "api_key": "wrong-secret"})
    with pytest.raises(ConfigurationError, match="HTTP 401") as caught:
        await index.health()
    assert "wrong-secret" not in f"{caught.value}{caught.value.context}"
    await index.close()


@pytest.mark.parametrize("version", ["1.24.9", "0.9", ""])
async def test_an_older_server_is_refused(index: VectorIndex, server: WeaviateServer, version: str) -> None:
    assert await index.health() == "1.30.0"
    server.version = version
    with pytest.raises(ConfigurationError) as caught:
        await index.health()
    assert caught.value.code == "config.index.version"


async def test_a_limit_beyond_what_one_answer_holds_is_refused(index: VectorIndex) -> None:
    with pytest.raises(InvalidInput, match="10000"):
        await index.search(WS, vectors(1)[0], 10_001)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "url"),
        ({"url": "http://example.com"}, "https"),
        ({"url": "https://x", "key": "k"}, "key"),
        ({"url": "https://x", "timeout_seconds": "soon"}, "timeout_seconds"),
    ],
)
def test_wrong_settings_name_the_key(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load_vector_index("weaviate", settings)
