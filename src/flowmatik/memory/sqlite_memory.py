"""`SqliteMemory`: the Memory contract over one SQLite file."""

import logging
import os
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Sequence
from pathlib import Path, PurePosixPath
from typing import cast

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.memory import (
    Embedder,
    IngestProgress,
    MemoryStatus,
    Passage,
    StoredDocument,
    TableSource,
    is_among,
)
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import FlowmatikError, InvalidInput
from flowmatik.kernel.sqlite import Connection
from flowmatik.memory import analysis, quotes, records, retrieval
from flowmatik.memory.limits import IngestLimits
from flowmatik.memory.places import Places
from flowmatik.memory.retrieval import Legs, Query, Snapshot
from flowmatik.memory.store import Store
from flowmatik.memory.sync import Synchroniser

_log = logging.getLogger(__name__)
MAX_LIMIT = 200
MAX_QUERY_CHARS = 8000
_CACHED_WORKSPACES = 16


def build_memory(
    path: Path,
    *,
    embedder: Embedder | None,
    clock: Clock,
    limits: IngestLimits | None = None,
    places: Places | None = None,
    read_only: bool = False,
) -> "SqliteMemory":
    """Memory in the file `path`, made at the first use; `read_only` beside another process that writes it.
    Without an embedder search is full text only. Raises ConfigurationError when a parser's manifest is
    wrong."""
    store = Store(path, read_only=read_only)
    sync = Synchroniser(
        store, embedder=embedder, clock=clock, limits=limits or IngestLimits(), places=places or Places()
    )
    return SqliteMemory(store, sync, embedder=embedder)


class SqliteMemory:
    """Implements `Memory` and `SourceIndex` of `flowmatik.contracts.memory`; close it when done."""

    def __init__(self, store: Store, sync: Synchroniser, *, embedder: Embedder | None) -> None:
        self._store = store
        self._embedder = embedder
        self._sync = sync
        self._snapshots: OrderedDict[str, Snapshot] = OrderedDict()  # touched by the reader thread only

    async def close(self) -> None:
        await self._store.close()

    async def ingest(self, workspace_id: str, paths: Sequence[Path]) -> AsyncIterator[IngestProgress]:
        _check_workspace(workspace_id)
        async for progress in self._sync.run(workspace_id, paths):
            yield progress

    async def search(
        self,
        workspace_id: str,
        query: str,
        *,
        limit: int = 8,
        sources: Sequence[str] = (),
        legs: Legs | None = None,
    ) -> list[Passage]:
        """As the contract has it; `legs` leaves parts of the search out, to measure what they bring."""
        _check_workspace(workspace_id)
        if not 1 <= limit <= MAX_LIMIT:
            raise InvalidInput(
                f"limit {limit} is out of range; use 1 to {MAX_LIMIT}",
                code="input.limit",
                context={"limit": limit, "most": MAX_LIMIT},
            )
        text = query[:MAX_QUERY_CHARS].strip()
        if not analysis.words(text):
            return []
        vector = await self._query_vector(text)
        asked = Query(text=text, limit=limit, sources=tuple(sources), vector=vector, legs=legs or Legs())

        def run(connection: Connection) -> list[Passage]:
            return retrieval.search(connection, workspace_id, asked, self._snapshot(connection, workspace_id))

        return await self._store.read(run)

    async def passage(self, workspace_id: str, passage_id: str) -> Passage | None:
        _check_workspace(workspace_id)

        def run(connection: Connection) -> Passage | None:
            names = self._snapshot(connection, workspace_id).names
            return retrieval.passage_by_id(connection, workspace_id, passage_id, names)

        return await self._store.read(run)

    async def locate(self, workspace_id: str, passage_id: str, quote: str) -> Passage | None:
        passage = await self.passage(workspace_id, passage_id)
        if passage is None:
            return None
        return await self._store.read(quotes.locate, workspace_id, passage, quote)

    async def tables(self, workspace_id: str, *, sources: Sequence[str] = ()) -> list[TableSource]:
        """Those whose file is there and readable now. `name` is the file's name, or the whole
        source name where two files share it."""
        _check_workspace(workspace_id)
        return await self._store.read(_tables, workspace_id, tuple(sources))

    async def status(self, workspace_id: str) -> MemoryStatus:
        """`size_bytes` is the size of the workspace's files as they were read."""
        _check_workspace(workspace_id)
        embedder_id = self._embedder.id if self._embedder else ""
        return await self._store.read(_status, workspace_id, embedder_id)

    async def documents(
        self, workspace_id: str, *, after: str = "", limit: int = 100
    ) -> list[StoredDocument]:
        _check_workspace(workspace_id)
        known = await self._store.read(records.documents_after, workspace_id, after, limit)
        return [
            StoredDocument(id=one.id, source=one.source, chunks=one.chunks, size_bytes=one.stamp.size)
            for one in known
        ]

    async def missing(self, workspace_id: str, sources: Sequence[str]) -> list[str]:
        _check_workspace(workspace_id)
        return await self._store.read(records.missing_sources, workspace_id, sources)

    async def remove(self, workspace_id: str, ref: str) -> list[str]:
        _check_workspace(workspace_id)
        return await self._sync.remove(workspace_id, ref)

    async def _query_vector(self, text: str) -> npt.NDArray[np.float32] | None:
        if self._embedder is None:
            return None
        try:
            rows = cast("npt.NDArray[np.float32]", await self._embedder.embed([text]))
        except FlowmatikError as error:
            _log.warning("search falls back to full text", extra={"error": error.code})
            return None
        return rows[0]

    def _snapshot(self, connection: Connection, workspace_id: str) -> Snapshot:
        embedder = self._embedder
        snapshot = retrieval.load(
            connection,
            workspace_id,
            embedder.id if embedder else "",
            embedder.dimension if embedder else 0,
            self._snapshots.get(workspace_id),
        )
        self._snapshots[workspace_id] = snapshot
        self._snapshots.move_to_end(workspace_id)
        while len(self._snapshots) > _CACHED_WORKSPACES:
            self._snapshots.popitem(last=False)
        return snapshot


def _check_workspace(workspace_id: str) -> None:
    if not workspace_id:
        raise InvalidInput("the workspace is empty; every call names one", code="input.workspace")


def _tables(connection: Connection, workspace_id: str, sources: tuple[str, ...]) -> list[TableSource]:
    rows = connection.execute(
        "SELECT d.source, d.path, t.format, t.table_name, d.content_hash FROM tables t"
        " JOIN documents d ON d.id = t.document_id WHERE t.workspace_id = ? ORDER BY d.source, t.table_name",
        (workspace_id,),
    ).fetchall()
    readable = [row for row in rows if os.access(row[1], os.R_OK)]
    files = Counter(PurePosixPath(source).name for source in {row[0] for row in readable})
    return [
        TableSource(
            name=source if files[PurePosixPath(source).name] > 1 else PurePosixPath(source).name,
            path=path,
            format=kind,
            table=table,
            content_hash=digest,
        )
        for source, path, kind, table, digest in readable
        if is_among(source, sources)
    ]


def _status(connection: Connection, workspace_id: str, embedder_id: str) -> MemoryStatus:
    documents, size = connection.execute(
        "SELECT count(*), coalesce(sum(size), 0) FROM documents WHERE workspace_id = ?", (workspace_id,)
    ).fetchone()
    chunks, embedded = connection.execute(
        "SELECT count(*), coalesce(sum(d.embedder = ? AND c.vector IS NOT NULL), 0) FROM chunks c"
        " JOIN documents d ON d.id = c.document_id WHERE c.workspace_id = ?",
        (embedder_id, workspace_id),
    ).fetchone()
    (tables,) = connection.execute(
        "SELECT count(*) FROM tables WHERE workspace_id = ?", (workspace_id,)
    ).fetchone()
    return MemoryStatus(
        documents=documents,
        chunks=chunks,
        tables=tables,
        embedded=embedded if embedder_id else 0,
        embedding_model=embedder_id,
        size_bytes=size,
    )
