"""`shelf`: a memory on each store in turn, with documents of its own in a folder."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flowmatik.contracts.database import Database
from flowmatik.contracts.memory import DocumentLabels
from flowmatik.memory import MemoryStore, StoredMemory, build_memory
from flowmatik.memory.stored_memory import in_file
from flowmatik.stores.postgres import PostgresDatabase, open_pool
from flowmatik.stores.vacuum import rewrite
from tests.integration.memory.support import StandingClock, WordEmbedder

WS = "default"
TABLES = tuple(
    f"memory_{name}"
    for name in (
        *("workspaces", "sources", "documents", "acl", "labels", "chunks", "vectors", "postings", "tables"),
        *(
            "mentions",
            "entities",
            "aliases",
            "relations",
            "extractions",
            "near",
            "merges",
            "gazetteer",
            "outbox",
            "erasures",
            "erasing",
            "kept_out",
        ),
    )
)


@dataclass(slots=True, kw_only=True)
class Shelf:
    store: MemoryStore
    folder: Path
    embedder: WordEmbedder = field(default_factory=WordEmbedder)
    opened: list[StoredMemory] = field(default_factory=list[StoredMemory])
    url: str = ""

    @property
    def database(self) -> Database:
        return self.store.database

    @property
    def memory(self) -> StoredMemory:
        return self.opened[0]

    def another(self, embedder: WordEmbedder | None = None, *others: WordEmbedder) -> StoredMemory:
        """What a second process has: the same store, nothing else."""
        memory = build_memory(
            self.store, embedder=embedder or self.embedder, clock=StandingClock(), others=others
        )
        self.opened.append(memory)
        return memory

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    async def take(
        self, *paths: Path, workspace: str = WS, labels: DocumentLabels | None = None
    ) -> dict[str, str]:
        steps = self.memory.ingest(workspace, paths or [self.folder], labels=labels)
        return {one.source: one.code or one.outcome async for one in steps}

    async def sources(self, workspace: str = WS) -> list[str]:
        return [one.source for one in await self.memory.documents(workspace)]

    async def rows(self, table: str, workspace: str = WS) -> list[tuple[Any, ...]]:
        """All of a table's rows of a workspace, sorted."""
        sql = " ".join(("SELECT * FROM", table, "WHERE workspace_id = $1"))
        found = await self.database.within(workspace).fetch(sql, workspace)
        return sorted((tuple(row) for row in found), key=repr)


@asynccontextmanager
async def _shelf(store: MemoryStore, folder: Path, url: str = "") -> AsyncGenerator[Shelf]:
    shelf = Shelf(store=store, folder=folder, url=url)
    shelf.another()
    try:
        yield shelf
    finally:
        for memory in shelf.opened:
            await memory.sync.close()  # the parsers' processes
        await store.close()


@asynccontextmanager
async def on_sqlite(place: Path) -> AsyncGenerator[Shelf]:
    async with _shelf(in_file(place / "memory.db"), place / "docs") as shelf:
        yield shelf


@asynccontextmanager
async def on_postgres(url: str, place: Path) -> AsyncGenerator[Shelf]:
    """As the API sees it: every workspace for itself."""
    pool = await open_pool(url, role="flowmatik_api", max_size=6)
    store = MemoryStore(
        database=PostgresDatabase(pool),
        name="PostgreSQL",
        purge=lambda: rewrite(url, "memory_"),
        close=pool.close,
    )
    async with _shelf(store, place / "docs", url) as shelf:
        yield shelf


@pytest.fixture(params=["sqlite", "postgres"])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> AbstractAsyncContextManager[Shelf]:
    (tmp_path / "docs").mkdir()
    if request.param == "sqlite":
        return on_sqlite(tmp_path)
    return on_postgres(str(request.getfixturevalue("pg_migrated")), tmp_path)


@pytest.fixture
async def shelf(opening: AbstractAsyncContextManager[Shelf]) -> AsyncIterator[Shelf]:
    async with opening as opened:
        yield opened
