"""`world`: each graph index in turn, over a memory with documents of its own."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from flowmatik.contracts.graph_indexes import GraphIndex, GraphSearch
from flowmatik.contracts.indexes import Filter
from flowmatik.contracts.memory import DocumentLabels
from flowmatik.memory.graph_indexes.choosing import load_graph_index
from flowmatik.memory.graph_indexes.following import catch_up
from flowmatik.memory.graph_indexes.neo4j.index import Neo4jGraph
from flowmatik.memory.graph_indexes.neo4j.server import Server
from flowmatik.memory.graph_walks import StoredGraph
from flowmatik.testing.app_server import served
from flowmatik.testing.clock import SkippingClock
from flowmatik.testing.neo4j_server import Neo4jServer
from tests.conftest import address_of, administer
from tests.contracts.memory.conftest import TABLES, WS, Shelf, on_postgres, on_sqlite

OTHER = "another"
ALL = Filter()
PASSWORD = "a pass:wörd"  # a colon, and what is no ASCII, are sent as they are


@dataclass(slots=True, kw_only=True)
class World:
    """`index` where it is written apart from memory, `server` its emulator."""

    shelf: Shelf
    search: GraphSearch
    index: GraphIndex | None = None
    server: Neo4jServer | None = None

    @property
    def graph(self) -> StoredGraph:
        return StoredGraph(self.shelf.database, self.search)

    async def put(
        self, name: str, text: str, *, workspace: str = WS, labels: DocumentLabels | None = None
    ) -> None:
        path = self.shelf.write(f"{workspace}/{name}", text)
        outcome = await self.shelf.take(path, workspace=workspace, labels=labels)
        assert set(outcome.values()) <= {"added", "updated"}, outcome
        await self.follow(workspace)

    async def remove(self, name: str, workspace: str = WS) -> None:
        await self.shelf.memory.remove(workspace, name)
        await self.follow(workspace)

    async def follow(self, workspace: str = WS) -> None:
        if self.index is not None:
            await catch_up(self.shelf.database, workspace, self.index)

    async def linked(self, entity: str, where: Filter = ALL, workspace: str = WS) -> dict[str, int]:
        links = await self.search.links(workspace, [entity], 100, where)
        return {one.entity: one.passages for one in links}


@asynccontextmanager
async def on_own_tables(opening: AbstractAsyncContextManager[Shelf]) -> AsyncGenerator[World]:
    async with opening as shelf:
        yield World(shelf=shelf, search=load_graph_index(settings={"database": shelf.database}))


@asynccontextmanager
async def on_neo4j(place: Path) -> AsyncGenerator[World]:
    server = Neo4jServer(password=PASSWORD)
    async with on_sqlite(place) as shelf, served(server.app()) as url:
        client = httpx.AsyncClient(base_url=url, auth=("neo4j", PASSWORD), timeout=60)
        index = Neo4jGraph(Server(client, "neo4j", 60, clock=SkippingClock()))
        try:
            yield World(shelf=shelf, search=index, index=index, server=server)
        finally:
            await index.close()


@pytest.fixture(scope="session")
def graph_database(pg_dsn: str, pg_template: str) -> Iterator[str]:
    """One for all: to make one takes longer than a test."""
    name = f"test_{uuid4().hex}"
    asyncio.run(administer(pg_dsn, f'CREATE DATABASE "{name}" TEMPLATE "{pg_template}"'))
    yield address_of(pg_dsn, name)
    asyncio.run(administer(pg_dsn, f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture(params=["sql", "sql-postgres", "neo4j"])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> AbstractAsyncContextManager[World]:
    (tmp_path / "docs").mkdir()
    if request.param == "neo4j":
        return on_neo4j(tmp_path)
    if request.param == "sql":
        return on_own_tables(on_sqlite(tmp_path))
    url = str(request.getfixturevalue("graph_database"))
    asyncio.run(administer(url, f"TRUNCATE {', '.join(TABLES)} CASCADE"))
    return on_own_tables(on_postgres(url, tmp_path))


@pytest.fixture
async def world(opening: AbstractAsyncContextManager[World]) -> AsyncIterator[World]:
    async with opening as made:
        yield made


@pytest.fixture
async def projected(tmp_path: Path) -> AsyncIterator[World]:
    """Only one that is written apart from memory."""
    (tmp_path / "docs").mkdir()
    async with on_neo4j(tmp_path) as made:
        yield made
