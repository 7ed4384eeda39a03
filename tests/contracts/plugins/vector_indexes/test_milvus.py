"""Milvus by an address: the client's calls over the network, answered by Milvus Lite's own server."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from milvus_lite.adapter.grpc.server import start_server_in_thread
from pymilvus import MilvusClient

from flowmatik.contracts.indexes import Filter
from flowmatik.contracts.vector_indexes import VectorIndex
from flowmatik.kernel.errors import Unavailable
from flowmatik.memory.vector_indexes.choosing import load_vector_index
from tests.contracts.plugins.vector_indexes.conftest import WS
from tests.contracts.plugins.vector_indexes.corpus import DIMENSION, EMBEDDER, rows


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    started: Any = start_server_in_thread(data_dir=str(folder), host="127.0.0.1", port=0)
    server, database, port = started
    yield f"http://127.0.0.1:{port}"
    server.stop(grace=0).wait()
    database.close()


@pytest.fixture
async def index(address: str) -> AsyncIterator[VectorIndex]:
    made = load_vector_index("milvus", {"uri": address, "timeout_seconds": 60})
    await made.prepare(WS, EMBEDDER, DIMENSION)
    yield made
    await made.drop(WS)
    await made.close()


async def test_a_server_is_asked_through_the_same_client(index: VectorIndex) -> None:
    held = rows(120)
    await index.upsert(WS, held)
    await index.advance(WS, 7)
    found = await index.search(
        WS, held[3].vector, 5, Filter(tags=("rare",), principals=frozenset(["user:ana"]))
    )
    assert found[0] == (held[3].chunk, pytest.approx(1.0, abs=1e-4))
    assert len(found) == 2
    await index.delete_documents(WS, [held[3].document])
    assert held[3].chunk not in dict(await index.search(WS, held[3].vector, 200))
    assert await index.count(WS) == 115
    assert (await index.held(WS)).position == 7
    assert not await index.purge()
    assert await index.health()


async def test_it_holds_no_names_of_documents_people_or_tags(index: VectorIndex, address: str) -> None:
    (row,) = rows(1)
    secret = replace(row, source="salaries/zbigniew.md", acl=("user:zbigniew",), tags=("zbigniew",))
    await index.upsert(WS, [secret])
    client: Any = MilvusClient(uri=address)
    kept = [client.query(name, filter='key >= ""', output_fields=["*"]) for name in client.list_collections()]
    client.close()
    assert row.chunk in repr(kept)
    assert "zbigniew" not in repr(kept)


async def test_a_server_that_is_away_is_unavailable_and_soon() -> None:
    index = load_vector_index("milvus", {"uri": "http://127.0.0.1:9", "timeout_seconds": 1})
    with pytest.raises(Unavailable) as caught:
        await index.health()
    assert caught.value.code.startswith("unavailable.index")
    await index.close()
