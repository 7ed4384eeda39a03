"""Bringing a vector index up to date with memory's store, and finding out whether it is."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import numpy as np

from flowmatik.contracts.database import Database, Row
from flowmatik.contracts.indexes import IndexChange
from flowmatik.contracts.vector_indexes import VectorIndex, VectorRow
from flowmatik.memory.bulk import listed
from flowmatik.memory.following import follow
from flowmatik.memory.loading import revision_of

_AT_ONCE = 200  # passages sent together
_PAGE = 1000
_CHUNKS = (
    "SELECT c.id, c.document, v.vector FROM memory_chunks c JOIN memory_vectors v ON"
    " v.workspace_id = c.workspace_id AND v.chunk = c.number AND v.embedder = $2"
    " WHERE c.workspace_id = $1 AND c.document IN (:list)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Passages with a vector in the store, and in the index; `behind`: changes that it has not had yet."""

    stored: int
    indexed: int
    behind: int

    @property
    def agrees(self) -> bool:
        return self.stored == self.indexed and not self.behind


class VectorFollower:
    """An `IndexPort` of one workspace. The place is written after what it stands for: whoever dies between
    sends a few changes twice, which changes nothing. A passage that is stored anew is not found by its vector
    for the moment between its removal and its return."""

    def __init__(self, database: Database, index: VectorIndex, embedder_id: str, dimension: int) -> None:
        self._database = database
        self._index = index
        self._embedder = embedder_id
        self._dimension = dimension

    async def position(self, workspace_id: str) -> int:
        held = await self._index.held(workspace_id)
        if (held.embedder, held.dimension) != (self._embedder, self._dimension):
            await self._index.prepare(workspace_id, self._embedder, self._dimension)
            return 0
        return held.position

    async def apply(self, workspace_id: str, changes: Sequence[IndexChange]) -> None:
        await self._index.delete_documents(workspace_id, [one.document for one in changes])
        stored = [one.document for one in changes if one.change == "stored"]
        rows = await self._rows(workspace_id, stored)
        for first in range(0, len(rows), _AT_ONCE):
            await self._index.upsert(workspace_id, rows[first : first + _AT_ONCE])
        await self._index.advance(workspace_id, changes[-1].position)

    async def _rows(self, workspace_id: str, documents: Sequence[str]) -> list[VectorRow]:
        labels = await self._labels(workspace_id, documents)
        found: dict[str, VectorRow] = {}
        for sql, values in listed(_CHUNKS, documents, 3):
            for chunk, document, blob in await self._database.fetch(
                sql, workspace_id, self._embedder, *values
            ):
                if document in labels and len(blob) == self._dimension * 4:
                    source, tags, dated, acl = labels[document]
                    found[chunk] = VectorRow(
                        chunk=chunk,
                        document=document,
                        source=source,
                        vector=np.frombuffer(blob, dtype="<f4"),
                        acl=acl,
                        tags=tags,
                        dated=dated,
                    )
        return list(found.values())

    async def _labels(
        self, workspace_id: str, documents: Sequence[str]
    ) -> dict[str, tuple[str, tuple[str, ...], str, tuple[str, ...]]]:
        """By document: its name, tags, date, and who may see it."""
        about: dict[str, Row] = {}
        acl: dict[str, list[str]] = {}
        for sql, values in listed(
            "SELECT id, source, tags, dated FROM memory_documents WHERE workspace_id = $1 AND id IN (:list)",
            documents,
            2,
        ):
            about.update({row[0]: row for row in await self._database.fetch(sql, workspace_id, *values)})
        for sql, values in listed(
            "SELECT document, principal FROM memory_acl WHERE workspace_id = $1 AND document IN (:list)",
            documents,
            2,
        ):
            for document, principal in await self._database.fetch(sql, workspace_id, *values):
                acl.setdefault(document, []).append(principal)
        return {
            name: (row[1], tuple(json.loads(row[2])), row[3], tuple(acl.get(name, ())))
            for name, row in about.items()
        }


async def catch_up(database: Database, workspace_id: str, index: VectorIndex) -> int:
    """How many changes were applied. Raises as the index does; what is left then waits in the outbox."""
    follower = await follower_of(database, workspace_id, index)
    return 0 if follower is None else await follow(database, workspace_id, follower)


async def reconcile(database: Database, workspace_id: str, index: VectorIndex) -> Compared:
    """Everything sent again, and what the store does not know taken out, while the index is searched."""
    follower = await follower_of(database, workspace_id, index)
    if follower is None:
        await index.drop(workspace_id)
        return await compare(database, workspace_id, index)
    await follower.position(workspace_id)
    async for page in _ids(index, workspace_id):
        known: set[str] = set()
        for sql, values in listed(
            "SELECT id FROM memory_chunks WHERE workspace_id = $1 AND id IN (:list)", page, 2
        ):
            known.update(str(row[0]) for row in await database.fetch(sql, workspace_id, *values))
        if strays := [one for one in page if one not in known]:
            await index.delete(workspace_id, strays)
    await index.advance(workspace_id, 0)
    await follow(database, workspace_id, follower)
    return await compare(database, workspace_id, index)


async def compare(database: Database, workspace_id: str, index: VectorIndex) -> Compared:
    """For `memory status` and `doctor`."""
    _, embedder = await revision_of(database, workspace_id)
    held = await index.held(workspace_id)
    behind = await database.fetch(
        "SELECT count(*) FROM memory_outbox WHERE workspace_id = $1 AND position > $2",
        *(workspace_id, held.position),
    )
    stored = await database.fetch(
        "SELECT count(*) FROM memory_vectors WHERE workspace_id = $1 AND embedder = $2",
        *(workspace_id, embedder),
    )
    indexed = await index.count(workspace_id) if held.embedder == embedder else 0
    late = int(behind[0][0]) if embedder or held.embedder else 0  # without vectors there is nothing to send
    return Compared(stored=int(stored[0][0]), indexed=indexed, behind=late)


async def follower_of(database: Database, workspace_id: str, index: VectorIndex) -> VectorFollower | None:
    """None where there is no vector, and the index has nothing of the workspace either."""
    _, embedder = await revision_of(database, workspace_id)
    found = await database.fetch(
        "SELECT vector FROM memory_vectors WHERE workspace_id = $1 AND embedder = $2 LIMIT 1",
        *(workspace_id, embedder),
    )
    if found:
        return VectorFollower(database, index, embedder, len(found[0][0]) // 4)
    held = await index.held(workspace_id)
    return VectorFollower(database, index, held.embedder, held.dimension) if held.embedder else None


async def _ids(index: VectorIndex, workspace_id: str) -> AsyncIterator[list[str]]:
    after = ""
    while page := await index.ids(workspace_id, after=after, limit=_PAGE):
        yield page
        after = page[-1]
