"""`StoredMemory`: the Memory contract over a `Database`: a file of its own, or the platform's PostgreSQL."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.database import Database
from flowmatik.contracts.memory import (
    DocumentLabels,
    Embedder,
    Found,
    IngestProgress,
    MemoryStatus,
    Notice,
    Passage,
    QuestionEmbedder,
    Search,
    StoredDocument,
    TableSource,
)
from flowmatik.contracts.memory_learning import SHIPPED, LegWeighing
from flowmatik.contracts.reranking import Reranker
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import FlowmatikError, InvalidInput
from flowmatik.memory import analysis, kept_labels, loading, quotes, reading, retrieval, scan
from flowmatik.memory.choosing import Embedders
from flowmatik.memory.limits import IngestLimits
from flowmatik.memory.loading import Snapshot
from flowmatik.memory.outside.asking import Asking
from flowmatik.memory.outside.keeping import OutsideIndexes
from flowmatik.memory.outside.vector_cache import VectorCache
from flowmatik.memory.places import Places, real_path
from flowmatik.memory.reading import OnBehalf
from flowmatik.memory.reranking import RERANKED, reranked
from flowmatik.memory.retrieval import Query
from flowmatik.memory.retrieval.outside import USUAL, Reach
from flowmatik.memory.retrieval.ranking import ALL, Legs
from flowmatik.memory.store import MemoryFile
from flowmatik.memory.sync import Synchroniser

_log = logging.getLogger(__name__)
MAX_LIMIT = 200
MAX_QUERY_CHARS = 8000
_CACHED_WORKSPACES = 16
_ATTEMPTS = 3  # of a search, while somebody changes the workspace under it
Purge = Callable[[], Awaitable[bool]]
Close = Callable[[], Awaitable[object]]


async def _nothing() -> bool:
    """A store of somebody else's is closed, and cleaned, by them."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryStore:
    """Where memory is. `purge` takes what was deleted out of free pages and logs, as far as that can be done
    from here, and says whether it is; `tidy` is what of it is cheap enough for each removal. `name` is what a
    certificate calls it."""

    database: Database
    name: str
    purge: Purge = field(default=_nothing)
    tidy: Purge = field(default=_nothing)
    close: Close = field(default=_nothing)


def in_file(path: Path) -> MemoryStore:
    file = MemoryFile(path)
    return MemoryStore(database=file, name=path.name, purge=file.purge, tidy=file.purge, close=file.close)


def build_memory(
    where: Path | MemoryStore,
    *,
    embedder: Embedder | None,
    clock: Clock,
    limits: IngestLimits | None = None,
    places: Places | None = None,
    others: Sequence[Embedder] = (),
) -> "StoredMemory":
    """Memory in the file of that path, made at the first use, or in a store. Without an embedder search is
    full text only; `others` are embedders whose vectors are still compared in workspaces that have them.
    Raises ConfigurationError when a parser's manifest is wrong."""
    store = in_file(where) if isinstance(where, Path) else where
    embedders = Embedders(embedder, others)
    sync = Synchroniser(
        store.database,
        embedders=embedders,
        clock=clock,
        limits=limits or IngestLimits(),
        places=places or Places(),
    )
    return StoredMemory(store, sync, embedders=embedders, clock=clock)


class StoredMemory:
    """Implements `Memory` of `flowmatik.contracts.memory`; close it when done."""

    def __init__(self, store: MemoryStore, sync: Synchroniser, *, embedders: Embedders, clock: Clock) -> None:
        self._clock = clock
        self._reranker: Reranker | None = None
        self._weighing: LegWeighing | None = None
        self._store = store
        self._embedders = embedders
        self._sync = sync
        self._snapshots: OrderedDict[str, Snapshot] = OrderedDict()
        self._indexes: OutsideIndexes | None = None
        self._reach = USUAL
        self._forgetting: list[Callable[[str], None]] = []
        self._vectors: OrderedDict[tuple[str, str], VectorCache] = OrderedDict()

    @property
    def store(self) -> MemoryStore:
        return self._store

    @property
    def embedders(self) -> Embedders:
        return self._embedders

    @property
    def sync(self) -> Synchroniser:
        return self._sync

    def use_reranker(self, reranker: Reranker) -> None:
        """For `find`, from now on."""
        self._reranker = reranker

    def use_indexes(self, indexes: OutsideIndexes, reach: Reach = USUAL) -> None:
        """For searches, from now on; they are closed with it."""
        self._indexes, self._reach = indexes, reach

    def also_forget(self, forget: Callable[[str], None]) -> None:
        """Called with the workspace whenever what this process holds of it must go."""
        self._forgetting.append(forget)

    def use_weighing(self, weighing: LegWeighing) -> None:
        """What searches ask, from now on, how much each of their parts is to count in a workspace."""
        self._weighing = weighing

    async def close(self) -> None:
        await self._sync.close()
        if self._indexes is not None:
            await self._indexes.close()
        await self._store.close()

    async def ingest(
        self, workspace_id: str, paths: Sequence[Path], *, labels: DocumentLabels | None = None
    ) -> AsyncIterator[IngestProgress]:
        _check_workspace(workspace_id)
        async for progress in self._sync.run(workspace_id, paths, labels):
            yield progress

    async def search(
        self,
        workspace_id: str,
        query: str,
        *,
        limit: int = 8,
        sources: Sequence[str] = (),
        on_behalf: OnBehalf = None,
        legs: Legs = ALL,
    ) -> list[Passage]:
        """As the contract has it; `legs` leaves parts of the search out, to measure what they bring."""
        asked = Query(text=query, limit=limit, sources=tuple(sources), on_behalf=on_behalf, legs=legs)
        found, _ = await self._found(workspace_id, asked)
        return found

    async def find(self, workspace_id: str, asked: Search, *, on_behalf: OnBehalf = None) -> Found:
        _check_limit(asked.limit)
        query = Query(
            text=asked.query,
            limit=max(asked.limit, retrieval.AMONG, RERANKED if self._reranker else 1),
            sources=asked.sources,
            on_behalf=on_behalf,
            filters=retrieval.filters_of(asked),
        )
        found, notices = await self._found(workspace_id, query)
        answerable = retrieval.answerable(found)
        if self._reranker is not None and len(found) > 1:
            found = await reranked(self._reranker, workspace_id, query.text, found)
        database = self._within(workspace_id)
        items = await retrieval.expanded(database, workspace_id, found[: asked.limit], asked.expand)
        if not items:
            notices += await reading.not_there(database, workspace_id, asked, on_behalf)
        return Found(items=tuple(items), answerable=answerable, notices=notices)

    async def _found(self, workspace_id: str, query: Query) -> tuple[list[Passage], tuple[Notice, ...]]:
        database = self._within(workspace_id)
        _check_limit(query.limit)
        text = query.text[:MAX_QUERY_CHARS].strip()
        if not analysis.words(text):
            return [], ()
        embedder = await self._embedder_of(database, workspace_id)
        today = self._clock.now().date()
        vector = await _query_vector(embedder, text)
        weights = await self._weighing.weights(workspace_id) if self._weighing is not None else SHIPPED
        asked = replace(query, text=text, vector=vector, today=today, weights=weights)
        found: list[Passage] = []
        for _ in range(_ATTEMPTS):
            snapshot = await self._snapshot(database, workspace_id, embedder)
            outside = self._asking(database, workspace_id, embedder)
            asked = replace(asked, outside=outside, reach=self._reach)
            found = await retrieval.search(database, workspace_id, asked, snapshot)
            if (await loading.revision_of(database, workspace_id))[0] == snapshot.revision:
                break
        return found, tuple(asked.outside.notices) if asked.outside else ()

    async def passage(
        self, workspace_id: str, passage_id: str, *, on_behalf: OnBehalf = None
    ) -> Passage | None:
        database = self._within(workspace_id)
        row = await loading.passage(database, workspace_id, passage_id, on_behalf)
        if row is None:
            return None
        embedder = await self._embedder_of(database, workspace_id)
        snapshot = await self._snapshot(database, workspace_id, embedder)
        return retrieval.passage_of(row, loading.narrowed(snapshot, (), on_behalf).names)

    async def locate(
        self, workspace_id: str, passage_id: str, quote: str, *, on_behalf: OnBehalf = None
    ) -> Passage | None:
        passage = await self.passage(workspace_id, passage_id, on_behalf=on_behalf)
        if passage is None:
            return None
        return await quotes.locate(self._within(workspace_id), workspace_id, passage, quote)

    async def tables(
        self, workspace_id: str, *, sources: Sequence[str] = (), on_behalf: OnBehalf = None
    ) -> list[TableSource]:
        """Those whose file is there and readable now. `name` is the file's name, or the whole
        source name where two files share it."""
        return await reading.tables(self._within(workspace_id), workspace_id, sources, on_behalf)

    async def status(self, workspace_id: str, *, on_behalf: OnBehalf = None) -> MemoryStatus:
        """`size_bytes` is the size of the files as they were read."""
        database = self._within(workspace_id)
        embedder = await self._embedder_of(database, workspace_id)
        return await reading.status(database, workspace_id, embedder.id if embedder else "", on_behalf)

    async def documents(
        self, workspace_id: str, *, after: str = "", limit: int = 100, on_behalf: OnBehalf = None
    ) -> list[StoredDocument]:
        return await reading.documents_after(
            self._within(workspace_id), workspace_id, after, limit, on_behalf
        )

    async def announce(self, workspace_id: str, files: Mapping[Path, Path], labels: DocumentLabels) -> None:
        def hashed() -> list[tuple[str, str]]:
            return [(str(real_path(place)), scan.digest_of(content)) for place, content in files.items()]

        contents = await asyncio.to_thread(hashed)
        said = [one for path, of in contents for one in kept_labels.kept(workspace_id, path, labels, of)]
        await self._within(workspace_id).transaction(said)

    async def hidden(self, workspace_id: str, paths: Sequence[Path], *, on_behalf: OnBehalf) -> list[str]:
        places = await asyncio.to_thread(lambda: [str(real_path(path)) for path in paths])
        return await reading.hidden_at(self._within(workspace_id), workspace_id, places, on_behalf)

    async def missing(
        self, workspace_id: str, sources: Sequence[str], *, on_behalf: OnBehalf = None
    ) -> list[str]:
        """Those of `sources` that are, for them, no document's name and no folder of one."""
        return await reading.missing_sources(self._within(workspace_id), workspace_id, sources, on_behalf)

    async def remove(self, workspace_id: str, ref: str, *, on_behalf: OnBehalf = None) -> list[str]:
        _check_workspace(workspace_id)
        removed = await self._sync.remove(workspace_id, ref, on_behalf)
        await self._store.tidy()
        return [known.source for known in removed]

    def forget_cached(self, workspace_id: str) -> None:
        self._snapshots.pop(workspace_id, None)
        for forget in self._forgetting:
            forget(workspace_id)
        for key in [key for key in self._vectors if key[0] == workspace_id]:
            del self._vectors[key]

    def _within(self, workspace_id: str) -> Database:
        _check_workspace(workspace_id)
        return self._store.database.within(workspace_id)

    async def _embedder_of(self, database: Database, workspace_id: str) -> Embedder | None:
        _, compared = await loading.revision_of(database, workspace_id)
        return self._embedders.of(compared)

    async def _snapshot(self, database: Database, workspace_id: str, embedder: Embedder | None) -> Snapshot:
        """Without vectors where an index has them."""
        outside = self._indexes is not None and self._indexes.vectors is not None
        model = (embedder.id, embedder.dimension) if embedder and not outside else ("", 0)
        snapshot = await loading.load(database, workspace_id, *model, self._snapshots.get(workspace_id))
        self._snapshots[workspace_id] = snapshot
        self._snapshots.move_to_end(workspace_id)
        while len(self._snapshots) > _CACHED_WORKSPACES:
            self._snapshots.popitem(last=False)
        return snapshot

    def _asking(self, database: Database, workspace_id: str, embedder: Embedder | None) -> Asking | None:
        if self._indexes is None:
            return None
        key = (workspace_id, embedder.id if embedder else "")
        vectors = self._vectors.setdefault(key, VectorCache())
        self._vectors.move_to_end(key)
        while len(self._vectors) > _CACHED_WORKSPACES:
            self._vectors.popitem(last=False)
        return Asking(self._indexes, database, workspace_id, key[1], vectors)


async def _query_vector(embedder: Embedder | None, text: str) -> npt.NDArray[np.float32] | None:
    if embedder is None:
        return None
    try:
        if isinstance(embedder, QuestionEmbedder):
            return cast("npt.NDArray[np.float32]", await embedder.embed_question(text))
        rows = cast("npt.NDArray[np.float32]", await embedder.embed([text]))
    except FlowmatikError as error:
        _log.warning("search falls back to full text", extra={"error": error.code})
        return None
    return rows[0]


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidInput(
            f"limit {limit} is out of range; use 1 to {MAX_LIMIT}",
            code="input.limit",
            context={"limit": limit, "most": MAX_LIMIT},
        )


def _check_workspace(workspace_id: str) -> None:
    if not workspace_id:
        raise InvalidInput("the workspace is empty; every call names one", code="input.workspace")
