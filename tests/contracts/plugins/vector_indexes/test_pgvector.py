"""pgvector's own ways: when it makes an index, and that nothing it cannot use is taken for one."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest

from flowmatik.contracts.indexes import Filter
from flowmatik.kernel.errors import ConfigurationError, Unavailable
from flowmatik.memory.store import MemoryFile
from flowmatik.memory.vector_indexes.choosing import load_vector_index
from flowmatik.stores.owner import PostgresOwner
from flowmatik.stores.postgres import Role
from tests.conftest import administer
from tests.contracts.plugins.vector_indexes.conftest import OTHER, WS
from tests.contracts.plugins.vector_indexes.corpus import DIMENSION, EMBEDDER, expected, rows, vectors
from tests.contracts.plugins.vector_indexes.pooled import Own, Pooled, connected, prepared_postgres

RARE = Filter(tags=("rare",), principals=frozenset(["user:ana"]))
HNSW = (
    "SELECT indexrelname, idx_scan FROM pg_stat_user_indexes"
    " WHERE indexrelname LIKE 'memory_embeddings_hnsw%'"
)
VERSION = "UPDATE pg_extension SET extversion = '{}' WHERE extname = 'vector'"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with prepared_postgres() as address:
        yield address


@pytest.fixture
async def watch(url: str) -> AsyncIterator[Pooled]:
    """What the engine's role sees, which is all of it."""
    database = Pooled(url, "flowmatik_engine")
    yield database
    await database.close()


@pytest.fixture
async def big(url: str) -> AsyncIterator[Own]:
    """3,000 passages and its index; one in a hundred is rare."""
    made = connected(url, exact_up_to=2000)
    await made.prepare(WS, EMBEDDER, DIMENSION)
    await made.upsert(WS, rows(3000))
    await made.advance(WS, 7)
    yield made
    for workspace in (WS, OTHER):
        await made.drop(workspace)
    await made.close()


@pytest.mark.parametrize("role", ["flowmatik_api", "flowmatik_engine"])
async def test_above_a_size_an_index_is_made_and_used_by_every_role(
    url: str, big: Own, watch: Pooled, role: Role
) -> None:
    await administer(url, "ANALYZE memory_embeddings")  # as autovacuum does in time
    before = sum(row[1] for row in await watch.fetch(HNSW))
    searching = connected(url, role, 2000)
    right = 0
    for question in vectors(20, seed=5):
        wanted = {chunk for chunk, _ in expected(rows(3000), question, 10, Filter())}
        right += len(wanted & {chunk for chunk, _ in await searching.search(WS, question, 10)})
    assert right >= 190
    await searching.close()  # who ends tells his figures
    for _ in range(400):
        if sum(row[1] for row in await watch.fetch(HNSW)) - before >= 20:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the index was not used for each of the questions")


async def test_a_rare_condition_finds_all_that_there_is(big: Own) -> None:
    held = rows(3000)
    for question in vectors(5, seed=6):
        for limit in (10, 50):
            found = await big.search(WS, question, limit, RARE)
            assert len(found) == len(expected(held, question, limit, RARE))
            assert [score for _, score in found] == pytest.approx(
                [score for _, score in expected(held, question, limit, RARE)], abs=1e-5
            )


async def test_up_to_that_size_and_in_another_workspace_there_is_none(big: Own, watch: Pooled) -> None:
    await big.prepare(OTHER, EMBEDDER, DIMENSION)
    await big.upsert(OTHER, rows(1000))
    await big.advance(OTHER, 1)
    assert len(await watch.fetch(HNSW)) == 1
    assert len(await big.search(OTHER, vectors(1)[0], 2000)) == 1000
    await big.drop(WS)
    assert await watch.fetch(HNSW) == []


async def test_another_embedder_takes_the_index_with_it(big: Own, watch: Pooled) -> None:
    await big.prepare(WS, "other", 4)
    assert await watch.fetch(HNSW) == []
    await big.upsert(WS, [])
    assert await big.search(WS, np.ones(4, dtype=np.float32), 5) == []


async def test_one_whose_making_was_broken_off_is_made_again(url: str, big: Own, watch: Pooled) -> None:
    await administer(url, "UPDATE memory_embedding_spaces SET indexed = false")
    await administer(url, "UPDATE pg_index SET indisvalid = false WHERE indexrelid IN (SELECT indexrelid FROM"
                     " pg_stat_user_indexes WHERE indexrelname LIKE 'memory_embeddings_hnsw%')")  # fmt: skip
    await big.advance(WS, 8)
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid::regclass::text LIKE 'memory_embeddings_hnsw%'"
    assert [row[0] for row in await watch.fetch(valid)] == [True]


@pytest.mark.parametrize("version", ["0.5.1", "0.8.3"])
async def test_an_older_version_searches_exactly_and_says_so(url: str, watch: Pooled, version: str) -> None:
    ((real,),) = await watch.fetch("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    await administer(url, VERSION.format(version))
    old = connected(url, exact_up_to=10)
    try:
        assert await old.health() == f"{version} (exact search only, because it is older than 0.8.4)"
        await old.prepare(WS, EMBEDDER, DIMENSION)
        await old.upsert(WS, rows(40))
        await old.advance(WS, 1)
        assert await watch.fetch(HNSW) == []
        assert len(await old.search(WS, vectors(1)[0], 50)) == 40
        await old.drop(WS)
    finally:
        await administer(url, VERSION.format(real))
        await old.close()


async def test_vectors_wider_than_an_index_takes_are_searched_exactly(url: str, watch: Pooled) -> None:
    wide = connected(url, exact_up_to=1)
    await wide.prepare(WS, EMBEDDER, 2001)
    given = [np.eye(1, 2001, n, dtype=np.float32)[0] for n in range(3)]
    held = [
        type(row)(chunk=row.chunk, document="d", source="s", vector=one)
        for row, one in zip(rows(3), given, strict=True)
    ]
    await wide.upsert(WS, held)
    await wide.advance(WS, 1)
    assert await watch.fetch(HNSW) == []
    assert (await wide.search(WS, given[1], 1))[0][0] == "chunk-1"
    await wide.drop(WS)
    await wide.close()


async def test_the_store_itself_keeps_workspaces_apart(url: str, big: Own) -> None:
    database = Pooled(url, "flowmatik_api")
    sql = "SELECT count(*) FROM memory_embeddings"
    assert (await database.within(WS).fetch(sql))[0][0] == 3000
    assert (await database.within(OTHER).fetch(sql))[0][0] == 0
    assert (await database.fetch(sql))[0][0] == 0
    near = "SELECT count(*) FROM memory_embeddings_near($1, $2, 16, 5, NULL, NULL, NULL, NULL, NULL)"
    question = "[" + ",".join(["1"] * 16) + "]"
    assert (await database.within(WS).fetch(near, WS, question))[0][0] == 5
    assert (await database.within(OTHER).fetch(near, WS, question))[0][0] == 0
    await database.close()


async def test_processes_that_make_the_tables_at_once_wait_for_each_other(url: str) -> None:
    await administer(url, "DROP TABLE IF EXISTS memory_embeddings, memory_embedding_spaces")
    several = [connected(url) for _ in range(4)]
    await asyncio.gather(*(one.prepare(f"w{n}", EMBEDDER, 4) for n, one in enumerate(several)))
    for n, one in enumerate(several):
        assert (await several[0].held(f"w{n}")).dimension == 4
        await one.drop(f"w{n}")
    await asyncio.gather(*(one.close() for one in several))


async def test_without_the_extension_the_command_is_told(pg_migrated: str) -> None:
    index = connected(pg_migrated)
    with pytest.raises(ConfigurationError, match="CREATE EXTENSION vector") as caught:
        await index.prepare(WS, EMBEDDER, DIMENSION)
    assert caught.value.code == "config.index.extension"
    await index.close()


async def test_a_database_that_is_away_is_unavailable() -> None:
    index = connected("postgresql://postgres@127.0.0.1:1/postgres")
    for call in (index.held(WS), index.search(WS, vectors(1)[0], 5), index.health()):
        with pytest.raises(Unavailable) as caught:
            await call
        assert caught.value.code == "unavailable.index"
    await index.close()


def test_wrong_settings_are_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = MemoryFile(tmp_path_factory.mktemp("m") / "memory.db")
    database, owner = Pooled("postgresql://x", "flowmatik_api"), PostgresOwner("postgresql://x")
    for settings, said in (
        ({}, "database, owner"),
        ({"database": file, "owner": owner}, "PostgreSQL"),
        ({"database": database, "owner": owner, "exact_up_to": -1}, "exact_up_to"),
        ({"database": database, "owner": owner, "lists": 100}, "lists"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            load_vector_index("pgvector", settings)
