"""`MilvusIndex`: a collection for each workspace, searched by comparing every vector (FLAT).

The approximate indexes of Milvus are not offered: under a filter that one row in a hundred fulfils, HNSW has
given fewer rows than were asked for, and not half of the nearest ones.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from flowmatik.contracts.indexes import EVERYTHING, Filter
from flowmatik.contracts.vector_indexes import Held, Scored, Vector, VectorRow
from flowmatik.memory.index_faults import unprepared
from flowmatik.memory.vector_indexes.milvus.connection import ID, PAGE, Server
from flowmatik.memory.vector_indexes.milvus.schemas import (
    MARKS,
    chunk_fields,
    create,
    mark_fields,
)
from flowmatik.memory.vector_indexes.terms import (
    Asked,
    asked,
    check_length,
    key,
    keys,
    moment,
    seen_by,
    under,
    unit,
)

_AT_ONCE = 500


class MilvusIndex:
    """Implements `VectorIndex`. Where `connection` is Milvus Lite, only one process may have it."""

    id = ID
    exact = True

    def __init__(self, connection: Server) -> None:
        self._connection = connection

    async def prepare(self, workspace_id: str, embedder_id: str, dimension: int) -> None:
        def work(client: Any) -> None:
            if not client.has_collection(MARKS):
                create(client, MARKS, mark_fields())
            name, found = _name(workspace_id), _mark(client, workspace_id)
            if found is not None and (found.embedder, found.dimension) == (embedder_id, dimension):
                return
            if client.has_collection(name):
                client.drop_collection(name)
            create(client, name, chunk_fields(dimension))
            _set_mark(client, workspace_id, Held(embedder=embedder_id, dimension=dimension))

        await self._connection.call(work)

    async def held(self, workspace_id: str) -> Held:
        return await self._connection.call(lambda client: _mark(client, workspace_id)) or Held()

    async def advance(self, workspace_id: str, position: int) -> None:
        def work(client: Any) -> None:
            found = _mark(client, workspace_id)
            if found is None:
                return
            client.flush(_name(workspace_id))  # on the disk before its place is
            held = Held(embedder=found.embedder, dimension=found.dimension, position=position)
            _set_mark(client, workspace_id, held)

        await self._connection.call(work)

    async def upsert(self, workspace_id: str, rows: Sequence[VectorRow]) -> None:
        def work(client: Any) -> None:
            dimension = _prepared(client, workspace_id).dimension
            for row in rows:
                check_length(row.vector, dimension, ID)
            latest = [_entity(row) for row in {row.chunk: row for row in rows}.values()]
            for first in range(0, len(latest), _AT_ONCE):
                client.upsert(_name(workspace_id), latest[first : first + _AT_ONCE], timeout=self._seconds)

        if rows:
            await self._connection.call(work)

    async def delete(self, workspace_id: str, chunks: Sequence[str]) -> None:
        await self._deleted(workspace_id, "key", chunks)

    async def delete_documents(self, workspace_id: str, documents: Sequence[str]) -> None:
        await self._deleted(workspace_id, "document", documents)

    async def _deleted(self, workspace_id: str, field: str, names: Sequence[str]) -> None:
        def work(client: Any) -> None:
            if _mark(client, workspace_id) is None:
                return
            for first in range(0, len(names), _AT_ONCE):
                some = [key(name) for name in names[first : first + _AT_ONCE]]
                client.delete(
                    _name(workspace_id), filter=f"{field} in {_listed(some)}", timeout=self._seconds
                )

        if names:
            await self._connection.call(work)

    async def search(
        self, workspace_id: str, vector: Vector, limit: int, where: Filter = EVERYTHING
    ) -> list[Scored]:
        question = asked(where)

        def work(client: Any) -> list[Scored]:
            check_length(vector, _prepared(client, workspace_id).dimension, ID)
            found = client.search(
                _name(workspace_id),
                [unit(vector).tolist()],
                filter=_condition(question),
                limit=min(limit, PAGE),
                output_fields=["chunk"],
                search_params={"metric_type": "IP", "params": {}},
                timeout=self._seconds,
            )
            return [(str(hit["entity"]["chunk"]), float(hit["distance"])) for hit in found[0]]

        found = await self._connection.call(work)
        return sorted(found, key=lambda one: (-one[1], one[0]))

    async def scores(self, workspace_id: str, vector: Vector, chunks: Sequence[str]) -> dict[str, float]:
        """The vectors of these passages come here and are compared here."""
        wanted = [key(chunk) for chunk in dict.fromkeys(chunks)]

        def work(client: Any) -> dict[str, float]:
            check_length(vector, _prepared(client, workspace_id).dimension, ID)
            found: dict[str, float] = {}
            for first in range(0, len(wanted), _AT_ONCE):
                for row in self._query(
                    client,
                    workspace_id,
                    f"key in {_listed(wanted[first : first + _AT_ONCE])}",
                    ["chunk", "vector"],
                ):
                    found[str(row["chunk"])] = float(np.asarray(row["vector"]) @ unit(vector))
            return found

        return await self._connection.call(work)

    async def ids(self, workspace_id: str, *, after: str = "", limit: int = 1000) -> list[str]:
        """By key. A server answers in the order of keys as far as it is asked for; Milvus Lite does not, so
        that it is asked for all of them."""

        def work(client: Any) -> list[str]:
            if _mark(client, workspace_id) is None:
                return []
            some = {} if self._connection.lite else {"limit": min(limit, PAGE)}
            condition = f'key > "{key(after) if after else ""}"'
            rows = self._query(client, workspace_id, condition, ["key", "chunk"], **some)
            return [str(row["chunk"]) for row in sorted(rows, key=lambda row: row["key"])[:limit]]

        return await self._connection.call(work)

    async def count(self, workspace_id: str) -> int:
        def work(client: Any) -> int:
            if _mark(client, workspace_id) is None:
                return 0
            return int(self._query(client, workspace_id, "", ["count(*)"])[0]["count(*)"])

        return await self._connection.call(work)

    async def drop(self, workspace_id: str) -> None:
        def work(client: Any) -> None:
            if client.has_collection(_name(workspace_id)):
                client.drop_collection(_name(workspace_id))
            if client.has_collection(MARKS):
                client.load_collection(MARKS)
                client.delete(MARKS, filter=f'key in ["{key(workspace_id)}"]')

        await self._connection.call(work)

    async def purge(self) -> bool:
        return await self._connection.purge()

    async def health(self) -> str:
        return str(await self._connection.call(lambda client: client.get_server_version()))

    async def close(self) -> None:
        await self._connection.close()

    @property
    def _seconds(self) -> float:
        return self._connection.seconds

    def _query(
        self, client: Any, workspace_id: str, condition: str, fields: list[str], **more: int
    ) -> list[dict[str, Any]]:
        return client.query(
            _name(workspace_id), filter=condition, output_fields=fields, timeout=self._seconds, **more
        )


def _name(workspace_id: str) -> str:
    return f"flowmatik_{key(workspace_id)}"


def _prepared(client: Any, workspace_id: str) -> Held:
    found = _mark(client, workspace_id)
    if found is None:
        raise unprepared(ID, workspace_id)
    return found


def _mark(client: Any, workspace_id: str) -> Held | None:
    """None where nothing was prepared; whatever is asked next finds its collection loaded."""
    if not client.has_collection(MARKS):
        return None
    client.load_collection(MARKS)
    rows = client.query(
        MARKS,
        filter=f'key in ["{key(workspace_id)}"]',
        output_fields=["embedder", "dimension", "position"],
    )
    if not rows or not client.has_collection(_name(workspace_id)):
        return None
    client.load_collection(_name(workspace_id))
    (row,) = rows
    return Held(embedder=str(row["embedder"]), dimension=int(row["dimension"]), position=int(row["position"]))


def _set_mark(client: Any, workspace_id: str, held: Held) -> None:
    client.load_collection(MARKS)
    row = {"key": key(workspace_id), "embedder": held.embedder, "dimension": held.dimension}
    client.upsert(MARKS, [{**row, "position": held.position, "vector": [0.0, 0.0]}])


def _entity(row: VectorRow) -> dict[str, Any]:
    return {
        "key": key(row.chunk),
        "chunk": row.chunk,
        "document": key(row.document),
        "below": under(row.source),
        "acl": seen_by(row.acl),
        "tags": keys(row.tags),
        "moment": moment(row.dated),
        "vector": unit(row.vector).tolist(),
    }


def _condition(question: Asked) -> str:
    """Of keys and numbers only: nothing in it needs to be escaped."""
    parts: list[str] = []
    if question.under is not None:
        parts.append(f"array_contains_any(below, {_listed(question.under)})")
    if question.acl is not None:
        parts.append(f"array_contains_any(acl, {_listed(question.acl)})")
    if question.tags is not None:
        parts.append(f"array_contains_any(tags, {_listed(question.tags)})")
    if question.moments is not None:
        parts.append(f"moment >= {question.moments[0]} and moment <= {question.moments[1]}")
    return " and ".join(parts)


def _listed(names: Sequence[str]) -> str:
    return json.dumps(list(names))
