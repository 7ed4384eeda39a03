"""`PineconeIndex`: a namespace for each workspace.

Pinecone refuses vectors of zeros, so that each has one number more than the embedder gives: 0, or 1 where all
others are zeros, which is near to no question. An index of more numbers than that is filled up with zeros,
which leave the cosine as it is.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from flowmatik.contracts.indexes import EVERYTHING, Filter
from flowmatik.contracts.vector_indexes import Held, Scored, Vector, VectorRow
from flowmatik.kernel.errors import ConfigurationError
from flowmatik.memory.index_faults import rejected, unprepared
from flowmatik.memory.vector_indexes.pinecone.service import ID, Service
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

PLACES = "flowmatik-places"
MOST = 1000  # of one search; with what is known of each row the answer stays below 4 MB
_DEEPEST = 4000
_UPSERTED = 100
_FETCHED = 100  # ids of one request, which stand in its address
_LISTED = 100


class PineconeIndex:
    """Implements `VectorIndex`, approximately: a search that gives fewer than were asked for is asked once
    more, deeper. `limit` is 1,000 at most."""

    id = ID
    exact = False

    def __init__(self, service: Service) -> None:
        self._service = service
        self._dimension = 0
        self._next: dict[str, tuple[str, str]] = {}  # the last id that was listed, and what comes after it

    async def prepare(self, workspace_id: str, embedder_id: str, dimension: int) -> None:
        width = await self._width()
        if dimension + 1 > width:
            raise ConfigurationError(
                f"the Pinecone index has vectors of {width} numbers; this embedder needs an index of"
                f" {dimension + 1}, metric cosine",
                code="config.index.pinecone",
                context={"found": width, "needed": dimension + 1},
            )
        found = await self.held(workspace_id)
        if (found.embedder, found.dimension) != (embedder_id, dimension):
            await self._write("/vectors/delete", {"namespace": _space(workspace_id), "deleteAll": True})
            await self._place(workspace_id, Held(embedder=embedder_id, dimension=dimension))

    async def held(self, workspace_id: str) -> Held:
        name = key(workspace_id)
        found = (await self._fetched(PLACES, [name])).get(name)
        if found is None:
            return Held()
        about = found["metadata"]
        return Held(
            embedder=str(about["embedder"]),
            dimension=int(about["dimension"]),
            position=int(about["position"]),
        )

    async def advance(self, workspace_id: str, position: int) -> None:
        found = await self.held(workspace_id)
        if found.embedder:
            held = Held(embedder=found.embedder, dimension=found.dimension, position=position)
            await self._place(workspace_id, held)

    async def upsert(self, workspace_id: str, rows: Sequence[VectorRow]) -> None:
        dimension = await self._prepared(workspace_id)
        for row in rows:
            check_length(row.vector, dimension, ID)
        width = await self._width()
        latest = [_record(row, width) for row in {row.chunk: row for row in rows}.values()]
        for first in range(0, len(latest), _UPSERTED):
            some = latest[first : first + _UPSERTED]
            await self._write("/vectors/upsert", {"namespace": _space(workspace_id), "vectors": some})

    async def delete(self, workspace_id: str, chunks: Sequence[str]) -> None:
        names = [key(chunk) for chunk in chunks]
        for first in range(0, len(names), MOST):
            some = names[first : first + MOST]
            await self._write("/vectors/delete", {"namespace": _space(workspace_id), "ids": some})

    async def delete_documents(self, workspace_id: str, documents: Sequence[str]) -> None:
        names = [key(document) for document in documents]
        for first in range(0, len(names), MOST):
            some = {"document": {"$in": names[first : first + MOST]}}
            await self._write("/vectors/delete", {"namespace": _space(workspace_id), "filter": some})

    async def search(
        self, workspace_id: str, vector: Vector, limit: int, where: Filter = EVERYTHING
    ) -> list[Scored]:
        if limit > MOST:
            raise rejected(ID, f"a limit above {MOST}")
        condition = _condition(asked(where))
        check_length(vector, await self._prepared(workspace_id), ID)
        query: dict[str, Any] = {
            "namespace": _space(workspace_id),
            "vector": _wide(vector, await self._width()),
            "includeMetadata": True,
            **({"filter": condition} if condition else {}),
        }
        found = await self._matches({**query, "topK": limit})
        if len(found) < limit:
            deeper = await self._matches({**query, "topK": min(4 * limit, _DEEPEST)})
            found = max(found, deeper, key=len)
        nothing = not np.any(vector)
        scored = [(str(one["metadata"]["chunk"]), 0.0 if nothing else float(one["score"])) for one in found]
        return sorted(scored, key=lambda one: (-one[1], one[0]))[:limit]

    async def scores(self, workspace_id: str, vector: Vector, chunks: Sequence[str]) -> dict[str, float]:
        """Their vectors come here and are compared here."""
        check_length(vector, await self._prepared(workspace_id), ID)
        question = unit(vector)
        found = await self._fetched(_space(workspace_id), [key(chunk) for chunk in dict.fromkeys(chunks)])
        return {
            str(one["metadata"]["chunk"]): float(
                np.asarray(one["values"][: len(question)], dtype=np.float32) @ question
            )
            for one in found.values()
        }

    async def ids(self, workspace_id: str, *, after: str = "", limit: int = 1000) -> list[str]:
        """A hundred at a time. Pages follow each other by the service's own tokens; of another place than the
        last one it is counted from the beginning."""
        space = _space(workspace_id)
        known, token = self._next.get(workspace_id, ("", ""))
        if after and known == after and not token:
            return []
        token = token if after and known == after else ""
        start = key(after) if after else ""
        while True:
            params = {"namespace": space, "limit": str(min(limit, _LISTED))}
            if token:
                params["paginationToken"] = token
            answer = await self._service.read("GET", "/vectors/list", params=params)
            names = [str(one["id"]) for one in answer.get("vectors", []) if str(one["id"]) > start]
            token = str(_part(answer, "pagination").get("next", ""))
            if names or not token:
                break
        found = await self._fetched(space, names)
        page = [str(found[name]["metadata"]["chunk"]) for name in names if name in found]
        if page:
            self._next[workspace_id] = (page[-1], token)
        return page

    async def count(self, workspace_id: str) -> int:
        """As far as the service's statistics have come."""
        told = await self._service.read("POST", "/describe_index_stats", json={})
        space = _part(_part(told, "namespaces"), _space(workspace_id))
        return int(space.get("vectorCount", 0))

    async def drop(self, workspace_id: str) -> None:
        self._next.pop(workspace_id, None)
        await self._write("/vectors/delete", {"namespace": _space(workspace_id), "deleteAll": True})
        await self._write("/vectors/delete", {"namespace": PLACES, "ids": [key(workspace_id)]})

    async def purge(self) -> bool:
        """What the service keeps of deleted rows is in its own hands."""
        return False

    async def health(self) -> str:
        told = await self._service.read("POST", "/describe_index_stats", json={})
        return f"{ID}, {told['dimension']} numbers"

    async def close(self) -> None:
        await self._service.close()

    async def _matches(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        return list((await self._service.read("POST", "/query", json=query)).get("matches", []))

    async def _fetched(self, space: str, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for first in range(0, len(names), _FETCHED):
            params = {"ids": list(names[first : first + _FETCHED]), "namespace": space}
            answer = await self._service.read("GET", "/vectors/fetch", params=params)
            found.update(_part(answer, "vectors"))
        return found

    async def _place(self, workspace_id: str, held: Held) -> None:
        about = {"embedder": held.embedder, "dimension": held.dimension, "position": held.position}
        values = _wide(np.zeros(1, dtype=np.float32), await self._width())
        record = {"id": key(workspace_id), "values": values, "metadata": about}
        await self._write("/vectors/upsert", {"namespace": PLACES, "vectors": [record]})

    async def _write(self, path: str, body: dict[str, Any]) -> None:
        await self._service.write(path, body, _wide(np.zeros(1, dtype=np.float32), await self._width()))

    async def _prepared(self, workspace_id: str) -> int:
        found = await self.held(workspace_id)
        if not found.embedder:
            raise unprepared(ID, workspace_id)
        return found.dimension

    async def _width(self) -> int:
        if not self._dimension:
            told = await self._service.read("POST", "/describe_index_stats", json={})
            self._dimension = int(told["dimension"])
        return self._dimension


def _part(answer: dict[str, Any], name: str) -> dict[str, Any]:
    """Of an answer, {} where it is absent."""
    return answer.get(name) or {}


def _space(workspace_id: str) -> str:
    return f"flowmatik-{key(workspace_id)}"


def _wide(vector: Vector, width: int) -> list[float]:
    wide = np.zeros(width, dtype=np.float32)
    wide[: len(vector)] = unit(vector)
    if not wide.any():
        wide[-1] = 1.0
    return [float(number) for number in wide]


def _record(row: VectorRow, width: int) -> dict[str, Any]:
    return {
        "id": key(row.chunk),
        "values": _wide(row.vector, width),
        "metadata": {
            "chunk": row.chunk,
            "document": key(row.document),
            "below": under(row.source),
            "acl": seen_by(row.acl),
            "tags": keys(row.tags),
            "moment": moment(row.dated),
        },
    }


def _condition(question: Asked) -> dict[str, Any]:
    """`$in` over a list of texts: one of them is there."""
    parts: list[dict[str, Any]] = []
    if question.under is not None:
        parts.append({"below": {"$in": list(question.under)}})
    if question.acl is not None:
        parts.append({"acl": {"$in": list(question.acl)}})
    if question.tags is not None:
        parts.append({"tags": {"$in": list(question.tags)}})
    if question.moments is not None:
        parts.append({"moment": {"$gte": question.moments[0], "$lte": question.moments[1]}})
    return {"$and": parts} if parts else {}
