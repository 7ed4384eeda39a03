"""pgvector as the contract needs it: connected in the event loop of each test, and with an HNSW index of
whatever is written."""

import asyncio
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from flowmatik.contracts.database import Database, Row, Statement
from flowmatik.contracts.vector_indexes import VectorRow
from flowmatik.memory.vector_indexes.choosing import load_vector_index
from flowmatik.memory.vector_indexes.pgvector.index import PgvectorIndex
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.owner import PostgresOwner
from flowmatik.stores.postgres import PostgresDatabase, Role, open_pool
from tests.conftest import administer
from tests.vector_postgres import vector_postgres


class Pooled:
    """A `Database` whose pool is opened by the first call."""

    dialect: Literal["sqlite", "postgresql"] = "postgresql"

    def __init__(self, url: str, role: Role, workspace: str | None = None) -> None:
        self._url = url
        self._role: Role = role
        self._workspace = workspace
        self._pools: list[Any] = []

    async def fetch(self, sql: str, *params: Any) -> list[Row]:
        return await (await self._opened()).fetch(sql, *params)

    async def transaction(self, statements: Sequence[Statement]) -> list[int]:
        return await (await self._opened()).transaction(statements)

    def within(self, workspace_id: str) -> "Pooled":
        seen = Pooled(self._url, self._role, workspace_id)
        seen._pools = self._pools
        return seen

    async def close(self) -> None:
        for pool in self._pools:
            await pool.close()

    async def _opened(self) -> Database:
        if not self._pools:
            self._pools.append(await open_pool(self._url, role=self._role, max_size=3))
        return PostgresDatabase(self._pools[0], self._workspace)


class Own(PgvectorIndex):
    """`eager`: an index is made as soon as there are enough rows, and not only when a batch is over."""

    def __init__(self, database: Pooled, owner: PostgresOwner, exact_up_to: int, *, eager: bool) -> None:
        super().__init__(database, owner, exact_up_to)
        self._pooled = database
        self._eager = eager

    async def upsert(self, workspace_id: str, rows: Sequence[VectorRow]) -> None:
        await super().upsert(workspace_id, rows)
        if self._eager:
            await self.advance(workspace_id, (await self.held(workspace_id)).position)

    async def close(self) -> None:
        await super().close()
        await self._pooled.close()


def connected(url: str, role: Role = "flowmatik_api", exact_up_to: int = 0, *, eager: bool = False) -> Own:
    database, owner = Pooled(url, role), PostgresOwner(url)
    load_vector_index("pgvector", {"database": database, "owner": owner, "exact_up_to": exact_up_to})
    return Own(database, owner, exact_up_to, eager=eager)


@contextmanager
def prepared_postgres() -> Generator[str]:
    """With the platform's schema and the extension."""
    with vector_postgres() as url:
        asyncio.run(upgrade(url))
        asyncio.run(administer(url, "CREATE EXTENSION vector"))
        yield url


@contextmanager
def exactly() -> Generator[Callable[[], Own]]:
    with prepared_postgres() as url:
        yield lambda: connected(url)


@contextmanager
def by_hnsw() -> Generator[Callable[[], Own]]:
    with prepared_postgres() as url:
        yield lambda: connected(url, "flowmatik_engine", 20, eager=True)
