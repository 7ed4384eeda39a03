"""Keeping indexes outside as memory is: following its changes, comparing, rebuilding, erasing."""

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from typing import TypeVar

from flowmatik.contracts.database import Database
from flowmatik.contracts.graph_indexes import GraphIndex
from flowmatik.contracts.indexes import IndexPort
from flowmatik.contracts.memory_indexes import IndexState, Leg
from flowmatik.contracts.text_indexes import TextIndex
from flowmatik.contracts.vector_indexes import VectorIndex
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import FlowmatikError, NotFound, Unavailable
from flowmatik.memory.bulk import listed
from flowmatik.memory.following import changes_after
from flowmatik.memory.graph_indexes import following as graph_following
from flowmatik.memory.index_faults import RENEWED
from flowmatik.memory.index_files import Identity, InFile, identity
from flowmatik.memory.loading import revision_of
from flowmatik.memory.outside.breaker import Breaker
from flowmatik.memory.outside.turns import Turn, turn
from flowmatik.memory.text_index import TextFeed
from flowmatik.memory.vector_indexes import following

LEGS: tuple[Leg, ...] = ("vectors", "text", "graph")
_PASSAGES = (
    "SELECT count(*), count(v.chunk) FROM memory_chunks c LEFT JOIN memory_vectors v"
    " ON v.workspace_id = c.workspace_id AND v.chunk = c.number AND v.embedder = $2"
    " WHERE c.workspace_id = $1 AND c.document IN (:list)"
)
TRIES = 3  # a damaged file is found by who reads, and then by who writes
PATIENCE_SECONDS = 10.0  # for who has the turn, when somebody waits for it to be done

T = TypeVar("T")
_log = logging.getLogger(__name__)


class OutsideIndexes:
    """Implements `MemoryIndexes`. `database` is memory's own; `vectors` and `text` are what search asks,
    `graph` what is asked how entities hang together, None for memory's own; those named `in_store` keep
    their tables there, and are cleaned with it. Closes them."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        vectors: VectorIndex | None,
        text: TextIndex | None,
        graph: GraphIndex | None = None,
        in_store: Collection[str] = (),
    ) -> None:
        self._database = database
        self._clock = clock
        self.vectors = vectors
        self.text = text
        self.graph = graph
        self._in_store = frozenset(in_store)
        self.near = Breaker(vectors.id if vectors else "", clock)
        self.worded = Breaker(text.id if text else "", clock)
        self.linked = Breaker(graph.id if graph else "", clock)
        self._following = {leg: Breaker(leg, clock) for leg in LEGS}
        self._seen: dict[str, int] = {}
        self._files: list[Identity | None] = []
        self._told: dict[str, str] = {}  # why each leg is behind, as the log says it

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.id for one in (self.vectors, self.text, self.graph) if one is not None)

    async def close(self) -> None:
        for one in (self.vectors, self.text, self.graph):
            if one is not None:
                await one.close()

    async def follow_all(self, everywhere: Database) -> None:
        """Every workspace that has changed since this process last brought its indexes up to date.
        `everywhere` shows the memory of all workspaces. What an index raises is logged, and tried again."""
        files = [identity(one.path) for one in (self.vectors, self.text) if isinstance(one, InFile)]
        if files != self._files:  # another one is in place, of which nothing has been seen
            self._seen.clear()
            self._files = files
        rows = await everywhere.fetch("SELECT workspace_id, revision FROM memory_workspaces")
        for workspace_id, revision in rows:
            if self._seen.get(workspace_id, -1) != revision and await self._followed(str(workspace_id)):
                self._seen[workspace_id] = revision

    async def _followed(self, workspace_id: str) -> bool:
        database = self._database.within(workspace_id)
        async with turn(database, workspace_id, self._clock) as mine:
            return mine is not None and await self._brought(database, workspace_id, mine)

    async def _brought(self, database: Database, workspace_id: str, mine: Turn) -> bool:
        whole = True
        for leg, breaker in self._following.items():
            if breaker.open:
                whole = False
                continue
            try:
                whole &= await breaker.call(
                    lambda leg=leg: _again(lambda: self._one(leg, database, workspace_id, mine))
                )
                self._told.pop(leg, None)
            except FlowmatikError as error:
                if self._told.get(leg) != error.code:  # once, and not with each workspace's every second
                    self._told[leg] = error.code
                    _log.warning("an index is behind", extra={"leg": leg, "error": error.code})
                whole = False
        return whole

    async def _one(self, leg: str, database: Database, workspace_id: str, mine: Turn) -> bool:
        """False when the turn was lost on the way."""
        port: IndexPort | None = None
        if leg == "vectors" and self.vectors is not None:
            port = await following.follower_of(database, workspace_id, self.vectors)
        elif leg == "text" and self.text is not None:
            port = TextFeed(database, self.text)
        elif leg == "graph" and self.graph is not None:
            port = graph_following.GraphFollower(database, self.graph)
        if port is None:
            return True
        while changes := await changes_after(database, workspace_id, await port.position(workspace_id)):
            if not await mine.keep():
                return False
            await port.apply(workspace_id, changes)
        return True

    async def catch_up(self, workspace_id: str) -> None:
        """Now, whoever has the turn. Raises as an index does, and Unavailable (`unavailable.index.busy`)."""
        database = self._database.within(workspace_id)
        async with turn(database, workspace_id, self._clock, patience=PATIENCE_SECONDS) as mine:
            for leg in LEGS:
                if mine is None or not await _again(
                    lambda leg=leg: self._one(leg, database, workspace_id, mine)
                ):
                    raise _busy()

    async def states(self, workspace_id: str) -> list[IndexState]:
        database = self._database.within(workspace_id)
        found: list[IndexState] = []
        if (vectors := self.vectors) is not None:
            empty = IndexState(leg="vectors", index=vectors.id)
            found.append(await _told(empty, lambda: _vectors_state(database, workspace_id, vectors)))
        if (text := self.text) is not None:
            empty = IndexState(leg="text", index=text.id)
            found.append(await _told(empty, lambda: _text_state(database, workspace_id, text)))
        if (graph := self.graph) is not None:
            empty = IndexState(leg="graph", index=graph.id)
            found.append(await _told(empty, lambda: _graph_state(database, workspace_id, graph)))
        return found

    async def rebuild(self, workspace_id: str) -> list[IndexState]:
        database = self._database.within(workspace_id)
        async with turn(database, workspace_id, self._clock, patience=PATIENCE_SECONDS) as mine:
            if mine is None:
                raise _busy()
            for leg in LEGS:
                await _again(lambda leg=leg: self._reconciled(leg, database, workspace_id))
                if not await _again(lambda leg=leg: self._one(leg, database, workspace_id, mine)):
                    raise _busy()
        return await self.states(workspace_id)

    async def _reconciled(self, leg: str, database: Database, workspace_id: str) -> None:
        if leg == "vectors" and self.vectors is not None:
            await following.reconcile(database, workspace_id, self.vectors)
        elif leg == "text" and self.text is not None:
            await TextFeed(database, self.text).reconcile(workspace_id)
            await self.text.settle(workspace_id, 0)  # what is there may be of old labels
        elif leg == "graph" and self.graph is not None:
            await graph_following.reconcile(database, workspace_id, self.graph)

    async def going(self, workspace_id: str, documents: Sequence[str]) -> int:
        """How many passages `forget` would take out of indexes that are not behind."""
        database = self._database.within(workspace_id)
        _, embedder = await revision_of(database, workspace_id)
        count = 0
        for sql, values in listed(_PASSAGES, documents, 3):
            ((chunks, vectors),) = await database.fetch(sql, workspace_id, embedder, *values)
            count += int(chunks) * sum(one is not None for one in (self.text, self.graph))
            count += int(vectors) if self.vectors is not None else 0
        return count

    async def forget(self, workspace_id: str, documents: Sequence[str]) -> int:
        """These documents, which the store has no longer, out of all indexes; how many passages went. Under
        the turn, so that nobody who read them before writes them again. Raises Unavailable when an index is
        away: then it is not done."""
        database = self._database.within(workspace_id)
        went = 0
        async with turn(database, workspace_id, self._clock, patience=PATIENCE_SECONDS) as mine:
            if mine is None:
                raise _busy()
            for index in (self.vectors, self.text):
                if index is not None:
                    try:
                        went += await _again(lambda index=index: _out_of(index, workspace_id, documents))
                    except NotFound:  # it never had anything of the workspace
                        continue
                    except Unavailable as error:
                        raise _not_yet(index.id, error) from error
            if self.graph is not None:
                went += await _out_of_graph(self.graph, workspace_id, documents)
        return went

    async def purge(self, workspace_id: str) -> bool:
        """Whether nothing of what was deleted is left in the indexes' own files either."""
        done = True
        vectors, text = self.vectors, self.text
        if vectors is not None and vectors.id not in self._in_store:
            done &= await _again(vectors.purge)
        if text is not None and text.id not in self._in_store:
            done &= await _again(lambda: text.purge(workspace_id))
        if self.graph is not None:
            done &= await self.graph.purge()
        return done


async def _again(work: Callable[[], Awaitable[T]]) -> T:
    """From the start where a damaged file turned out to be one on the way: an empty one is in its place."""
    for _ in range(TRIES):
        try:
            return await work()
        except Unavailable as error:
            if error.code != RENEWED:
                raise
    return await work()


async def _out_of(index: VectorIndex | TextIndex, workspace_id: str, documents: Sequence[str]) -> int:
    """How many passages went."""
    before = await index.count(workspace_id)
    await index.delete_documents(workspace_id, documents)
    return max(before - await index.count(workspace_id), 0)


async def _told(empty: IndexState, look: Callable[[], Awaitable[IndexState]]) -> IndexState:
    try:
        return await look()
    except FlowmatikError as error:
        return replace(empty, fault=error.code, said=error.message)


async def _vectors_state(database: Database, workspace_id: str, index: VectorIndex) -> IndexState:
    version = await index.health()
    found = await following.compare(database, workspace_id, index)
    return IndexState(
        leg="vectors",
        index=index.id,
        version=version,
        stored=found.stored,
        indexed=found.indexed,
        behind=found.behind,
    )


async def _text_state(database: Database, workspace_id: str, index: TextIndex) -> IndexState:
    await index.health()
    position = await index.position(workspace_id)
    ((stored, behind),) = await database.fetch(
        "SELECT (SELECT count(*) FROM memory_chunks WHERE workspace_id = $1), (SELECT count(*)"
        " FROM memory_outbox WHERE workspace_id = $1 AND position > $2)",
        *(workspace_id, position),
    )
    return IndexState(
        leg="text",
        index=index.id,
        stored=int(stored),
        indexed=await index.count(workspace_id),
        behind=int(behind),
    )


async def _graph_state(database: Database, workspace_id: str, index: GraphIndex) -> IndexState:
    version = await index.health()
    found = await graph_following.compare(database, workspace_id, index)
    return IndexState(
        leg="graph",
        index=index.id,
        version=version,
        stored=found.stored.passages,
        indexed=found.projected.passages,
        behind=found.behind,
        differs=found.stored.passages == found.projected.passages and found.stored != found.projected,
    )


async def _out_of_graph(index: GraphIndex, workspace_id: str, documents: Sequence[str]) -> int:
    """How many passages went."""
    try:
        before = (await index.counts(workspace_id)).passages
        await index.delete(workspace_id, documents)
        return max(before - (await index.counts(workspace_id)).passages, 0)
    except Unavailable as error:
        raise _not_yet(index.id, error) from error


def _not_yet(index: str, error: Unavailable) -> Unavailable:
    return Unavailable(
        f"memory has forgotten it, and the index {index!r} not yet ({error.code}); as soon as the index can"
        " be used it is taken out there too, and the certificate written",
        code="unavailable.index.erasure",
        context={"index": index, "fault": error.code},
    )


def _busy() -> Unavailable:
    return Unavailable(
        "another process is bringing the index up to date just now; try again in a minute",
        code="unavailable.index.busy",
    )
