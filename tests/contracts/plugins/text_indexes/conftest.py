"""`world`: each text index in turn, with a way to put rows in: memory writes its own postings."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest

from flowmatik.contracts.database import Database, Statement
from flowmatik.contracts.indexes import Filter
from flowmatik.contracts.text_indexes import TextIndex, TextRow, TextSearch
from flowmatik.memory import analysis
from flowmatik.memory.bulk import inserts
from flowmatik.memory.store import MemoryFile
from flowmatik.memory.text_index import load_text_index
from flowmatik.memory.writing import erased
from flowmatik.stores.postgres import PostgresDatabase, open_pool
from flowmatik.testing.app_server import served
from flowmatik.testing.elasticsearch_server import ElasticsearchServer
from tests.conftest import address_of, administer

KEY = "a-key"
ALL = Filter()


@dataclass(slots=True, kw_only=True)
class World:
    search: TextSearch
    database: Database
    index: TextIndex | None = None
    server: ElasticsearchServer | None = None
    path: Path = field(default_factory=Path)
    numbers: Counter[str] = field(default_factory=Counter[str])

    async def put(self, workspace: str, *rows: TextRow) -> None:
        if self.index is not None:
            await self.index.upsert(workspace, rows)
            return
        database = self.database.within(workspace)
        for row in rows:
            self.numbers[workspace] += 1
            await database.transaction(_stored(workspace, self.numbers[workspace], row))

    async def remove_document(self, workspace: str, document: str) -> None:
        if self.index is not None:
            await self.index.delete_documents(workspace, [document])
            return
        await self.database.within(workspace).transaction(erased(workspace, document))

    async def found(
        self, question: str, workspace: str = "one", where: Filter = ALL, limit: int = 10
    ) -> list[str]:
        asked = analysis.query_terms(question, "en")
        return [hit.chunk for hit in await self.search.search(workspace, asked, limit, where)]


def row(
    chunk: str,
    text: str,
    *,
    document: str = "",
    source: str = "",
    language: str = "en",
    acl: Sequence[str] = (),
    tags: Sequence[str] = (),
    dated: str = "",
) -> TextRow:
    return TextRow(
        chunk=chunk,
        document=document or f"doc-{chunk}",
        source=source or f"{chunk}.md",
        terms=tuple(analysis.terms(text, language)),
        language=language,
        acl=tuple(acl),
        tags=tuple(tags),
        dated=dated,
    )


def _stored(workspace: str, number: int, one: TextRow) -> list[Statement]:
    columns = (
        *("workspace_id", "id", "source_id", "path", "source", "title", "language", "effective", "version"),
        *("replaces", "dated", "tags", "metadata", "content_hash", "size", "mtime_ns", "pipeline", "derived"),
        *("text", "lines", "pages", "chunks", "ingested_at"),
    )
    given: dict[str, object] = {"workspace_id": workspace, "id": one.document, "source": one.source}
    given |= {"path": f"/{one.source}", "replaces": "[]", "dated": one.dated, "metadata": "{}"}
    given |= {"tags": json.dumps(one.tags), "size": 1, "mtime_ns": 1, "chunks": 1}
    document = [given.get(name, "") for name in columns]
    acl = [(workspace, one.document, principal) for principal in one.acl]
    chunk = (workspace, number, one.chunk, one.document, 0, 1, "", one.language, len(one.terms))
    postings = [(workspace, term, number, often) for term, often in Counter(one.terms).items()]
    return [
        ("DELETE FROM memory_chunks WHERE workspace_id = $1 AND id = $2", (workspace, one.chunk)),
        ("DELETE FROM memory_acl WHERE workspace_id = $1 AND document = $2", (workspace, one.document)),
        *inserts(
            "memory_documents",
            columns,
            [document],
            "ON CONFLICT (workspace_id, id) DO UPDATE SET tags = excluded.tags, dated = excluded.dated",
        ),
        *inserts("memory_acl", ("workspace_id", "document", "principal"), acl),
        *inserts(
            "memory_chunks",
            (
                *("workspace_id", "number", "id", "document", "start_at", "end_at", "heading", "language"),
                "terms",
            ),
            [chunk],
        ),
        *inserts("memory_postings", ("workspace_id", "term", "chunk", "frequency"), postings),
    ]


@asynccontextmanager
async def postings(place: Path) -> AsyncGenerator[World]:
    file = MemoryFile(place / "memory.db")
    try:
        yield World(search=load_text_index("postings", {"database": file}), database=file)
    finally:
        await file.close()


@asynccontextmanager
async def postings_in_postgres(url: str) -> AsyncGenerator[World]:
    pool = await open_pool(url, role="flowmatik_api")
    database = PostgresDatabase(pool)
    for workspace in ("one", "two"):
        sql = "DELETE FROM memory_documents WHERE workspace_id = $1"
        await database.within(workspace).transaction([(sql, (workspace,))])
    try:
        yield World(search=load_text_index("postings", {"database": database}), database=database)
    finally:
        await pool.close()


@asynccontextmanager
async def fts5(place: Path) -> AsyncGenerator[World]:
    from flowmatik.memory.text_indexes.fts5 import build

    index = build({"path": place / "text.db"})
    file = MemoryFile(place / "memory.db")
    try:
        yield World(search=index, index=index, database=file, path=place)
    finally:
        await index.close()
        await file.close()


@asynccontextmanager
async def elasticsearch(place: Path) -> AsyncGenerator[World]:
    from flowmatik.memory.text_indexes.elasticsearch import build

    server = ElasticsearchServer(key=KEY, refresh=0.01)
    async with served(server.app()) as url:
        index = build({"url": url, "api_key": KEY, "timeout": 2})
        file = MemoryFile(place / "memory.db")
        try:
            yield World(search=index, index=index, database=file, server=server)
        finally:
            await index.close()
            await file.close()


@asynccontextmanager
async def postgres(url: str) -> AsyncGenerator[World]:
    from flowmatik.memory.text_indexes.postgres import build

    pool = await open_pool(url, role="flowmatik_engine")
    database = PostgresDatabase(pool)
    index = build({"database": database})
    for workspace in ("one", "two"):
        await index.drop(workspace)
    try:
        yield World(search=index, index=index, database=database)
    finally:
        await pool.close()


@pytest.fixture(scope="session")
def words_database(pg_dsn: str, pg_template: str) -> Iterator[str]:
    """One for all: to make one takes longer than a test."""
    name = f"test_{uuid4().hex}"
    asyncio.run(administer(pg_dsn, f'CREATE DATABASE "{name}" TEMPLATE "{pg_template}"'))
    yield address_of(pg_dsn, name)
    asyncio.run(administer(pg_dsn, f'DROP DATABASE "{name}" WITH (FORCE)'))


WRITTEN = ("fts5", "elasticsearch", "postgres")


@pytest.fixture(params=["postings", "postings-postgres", *WRITTEN])
def opening(request: pytest.FixtureRequest, tmp_path: Path) -> AbstractAsyncContextManager[World]:
    return opened(request, request.param, tmp_path)


@pytest.fixture(params=WRITTEN)
def writing(request: pytest.FixtureRequest, tmp_path: Path) -> AbstractAsyncContextManager[World]:
    return opened(request, request.param, tmp_path)


def opened(request: pytest.FixtureRequest, name: str, place: Path) -> AbstractAsyncContextManager[World]:
    if "postgres" in name:
        url = str(request.getfixturevalue("words_database"))
        return postgres(url) if name == "postgres" else postings_in_postgres(url)
    return {"postings": postings, "fts5": fts5, "elasticsearch": elasticsearch}[name](place)


@pytest.fixture
async def world(opening: AbstractAsyncContextManager[World]) -> AsyncIterator[World]:
    async with opening as one:
        yield one


@pytest.fixture
async def outside(writing: AbstractAsyncContextManager[World]) -> AsyncIterator[World]:
    """Only those that are written apart from memory."""
    async with writing as one:
        yield one
