"""Pinecone's own ways, against the emulator."""

from collections.abc import AsyncIterator, Iterator

import pytest

from flowmatik.contracts.indexes import Filter
from flowmatik.contracts.vector_indexes import VectorIndex
from flowmatik.kernel.errors import ConfigurationError, InvalidInput, Unavailable
from flowmatik.memory.vector_indexes.choosing import load_vector_index
from flowmatik.testing.pinecone_server import PineconeServer
from tests.contracts.plugins.vector_indexes.conftest import WS
from tests.contracts.plugins.vector_indexes.corpus import DIMENSION, EMBEDDER, rows, vectors
from tests.contracts.plugins.vector_indexes.served import served

KEY = "pc-secret-key"


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[PineconeServer, str]]:
    server = PineconeServer(api_key=KEY, dimension=DIMENSION + 1)
    with served(server.app()) as url:
        yield server, url


@pytest.fixture
def server(address: tuple[PineconeServer, str]) -> Iterator[PineconeServer]:
    yield address[0]
    address[0].away, address[0].delay, address[0].shy = False, 0.0, 1.0
    address[0].spaces.clear()


@pytest.fixture
async def index(address: tuple[PineconeServer, str], server: PineconeServer) -> AsyncIterator[VectorIndex]:
    made = load_vector_index("pinecone", {"host": address[1], "api_key": KEY, "timeout_seconds": 30})
    await made.prepare(WS, EMBEDDER, DIMENSION)
    yield made
    await made.close()


async def test_a_write_returns_only_when_queries_reflect_it(
    index: VectorIndex, server: PineconeServer
) -> None:
    server.delay = 0.3
    held = rows(3)
    await index.upsert(WS, held)
    assert len(await index.search(WS, held[0].vector, 10)) == 3
    await index.delete(WS, [held[0].chunk])
    assert len(await index.search(WS, held[0].vector, 10)) == 2


async def test_what_is_never_found_is_said_to_be_late(
    address: tuple[PineconeServer, str], index: VectorIndex, server: PineconeServer
) -> None:
    impatient = load_vector_index("pinecone", {"host": address[1], "api_key": KEY, "timeout_seconds": 0.5})
    server.delay = 600.0
    with pytest.raises(Unavailable) as caught:
        await impatient.upsert(WS, rows(1))
    assert caught.value.code == "unavailable.index.late"
    await impatient.close()


async def test_a_query_that_gives_too_few_is_asked_deeper(index: VectorIndex, server: PineconeServer) -> None:
    await index.upsert(WS, rows(600))
    server.shy = 0.5
    assert len(await index.search(WS, vectors(1)[0], 6, Filter(tags=("rare",)))) == 6


async def test_a_service_that_is_away_is_unavailable(index: VectorIndex, server: PineconeServer) -> None:
    server.away = True
    for call in (index.search(WS, vectors(1)[0], 5), index.upsert(WS, rows(1)), index.health()):
        with pytest.raises(Unavailable) as caught:
            await call
        assert caught.value.code == "unavailable.index"
        assert caught.value.retryable


async def test_a_wrong_key_is_told_without_it(address: tuple[PineconeServer, str]) -> None:
    index = load_vector_index("pinecone", {"host": address[1], "api_key": "wrong-secret"})
    with pytest.raises(Unavailable, match="HTTP 401") as caught:
        await index.health()
    assert "wrong-secret" not in str(caught.value.context)
    await index.close()


async def test_an_index_that_is_too_narrow_is_refused(index: VectorIndex) -> None:
    with pytest.raises(ConfigurationError, match=str(DIMENSION + 2)):
        await index.prepare("wide", "other", DIMENSION + 1)


async def test_a_limit_beyond_what_one_answer_holds_is_refused(index: VectorIndex) -> None:
    with pytest.raises(InvalidInput, match="1000"):
        await index.search(WS, vectors(1)[0], 1001)


@pytest.mark.parametrize(
    ("plugin", "settings", "said"),
    [
        ("pinecone", {}, "host"),
        ("pinecone", {"host": "http://example.com"}, "https"),
        ("pinecone", {"host": "https://x", "hots": 1}, "hots"),
        ("pinecone", {"host": "https://x", "timeout_seconds": 0}, "timeout_seconds"),
        ("milvus", {}, "path"),
        ("milvus", {"path": "a", "uri": "b"}, "path"),
        ("sqlite_exact", {}, "path"),
        ("sqlite_exact", {"path": "a", "numbers": "int4"}, "float32, int8"),
    ],
)
def test_wrong_settings_name_the_key(plugin: str, settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load_vector_index(plugin, settings)
