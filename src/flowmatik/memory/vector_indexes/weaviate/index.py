"""`WeaviateIndex`: a tenant for each workspace."""

import uuid
from collections.abc import Sequence
from typing import Any

from flowmatik.contracts.indexes import EVERYTHING, Filter
from flowmatik.contracts.vector_indexes import Held, Scored, Vector, VectorRow
from flowmatik.memory.index_faults import away, rejected, unfit, unprepared
from flowmatik.memory.vector_indexes.terms import (
    asked,
    check_length,
    key,
    keys,
    moment,
    seen_by,
    under,
    unit,
)
from flowmatik.memory.vector_indexes.weaviate import querying
from flowmatik.memory.vector_indexes.weaviate.schema import (
    ID,
    PLACES,
    places_class,
    vectors,
    vectors_class,
)
from flowmatik.memory.vector_indexes.weaviate.service import Service

MOST = 10_000  # of one search: QUERY_MAXIMUM_RESULTS, if nobody has changed it
_UPSERTED = 200
_NAMED = 500  # ids of one request
_LEAST = (1, 25)
_BEFORE_ALL = str(uuid.UUID(int=0))


class WeaviateIndex:
    """Implements `VectorIndex`. `limit` is 10,000 at most."""

    id = ID
    exact = True

    def __init__(self, service: Service) -> None:
        self._service = service
        self._made: set[str] = set()

    async def prepare(self, workspace_id: str, embedder_id: str, dimension: int) -> None:
        found = await self.held(workspace_id)
        if (found.embedder, found.dimension) == (embedder_id, dimension):
            return
        await self.drop(workspace_id)
        name = vectors(dimension)
        await self._class(name, vectors_class(dimension))
        await self._service.remove(f"/v1/schema/{name}/tenants", [_tenant(workspace_id)])
        await self._service.make(f"/v1/schema/{name}/tenants", [{"name": _tenant(workspace_id)}])
        await self._place(workspace_id, Held(embedder=embedder_id, dimension=dimension))

    async def held(self, workspace_id: str) -> Held:
        await self._class(PLACES, places_class())
        found = await self._service.get(f"/v1/objects/{PLACES}/{_uuid(workspace_id)}")
        if found is None:
            return Held()
        about = found["properties"]
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
        latest = list({row.chunk: row for row in rows}.values())
        for first in range(0, len(latest), _UPSERTED):
            some = latest[first : first + _UPSERTED]
            await self._service.put([_object(workspace_id, row, dimension) for row in some])

    async def delete(self, workspace_id: str, chunks: Sequence[str]) -> None:
        await self._deleted(workspace_id, "id", [_uuid(chunk) for chunk in chunks])

    async def delete_documents(self, workspace_id: str, documents: Sequence[str]) -> None:
        await self._deleted(workspace_id, "document", [key(document) for document in documents])

    async def search(
        self, workspace_id: str, vector: Vector, limit: int, where: Filter = EVERYTHING
    ) -> list[Scored]:
        if limit > MOST:
            raise rejected(ID, f"a limit above {MOST}")
        condition = querying.condition(asked(where))
        dimension = await self._prepared(workspace_id)
        check_length(vector, dimension, ID)
        found = await self._nearest(workspace_id, dimension, vector, limit, condition)
        return sorted(found, key=lambda one: (-one[1], one[0]))

    async def scores(self, workspace_id: str, vector: Vector, chunks: Sequence[str]) -> dict[str, float]:
        dimension = await self._prepared(workspace_id)
        check_length(vector, dimension, ID)
        ids = [_uuid(chunk) for chunk in dict.fromkeys(chunks)]
        found: dict[str, float] = {}
        for first in range(0, len(ids), _NAMED):
            some = ids[first : first + _NAMED]
            among = querying.of_ids(some)
            found.update(await self._nearest(workspace_id, dimension, vector, len(some), among))
        return found

    async def ids(self, workspace_id: str, *, after: str = "", limit: int = 1000) -> list[str]:
        """In the order of the service's own ids, which are hashes."""
        held = await self.held(workspace_id)
        if not held.embedder:
            return []
        answer = await self._service.get(
            "/v1/objects",
            **{"class": vectors(held.dimension), "tenant": _tenant(workspace_id), "limit": str(limit)},
            after=_uuid(after) if after else _BEFORE_ALL,
        )
        return [str(one["properties"]["chunk"]) for one in (answer or {}).get("objects", [])]

    async def count(self, workspace_id: str) -> int:
        held = await self.held(workspace_id)
        if not held.embedder:
            return 0
        name = vectors(held.dimension)
        data = await self._service.ask(querying.counted(name, _tenant(workspace_id)))
        return int(data["Aggregate"][name][0]["meta"]["count"])

    async def drop(self, workspace_id: str) -> None:
        """The tenant with its files."""
        held = await self.held(workspace_id)
        await self._service.remove(f"/v1/objects/{PLACES}/{_uuid(workspace_id)}")
        if held.embedder:
            await self._service.remove(
                f"/v1/schema/{vectors(held.dimension)}/tenants", [_tenant(workspace_id)]
            )

    async def purge(self) -> bool:
        """What the server's files keep of deleted objects until it compacts them is in its own hands."""
        return False

    async def health(self) -> str:
        version = str((await self._service.get("/v1/meta") or {}).get("version", ""))
        numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
        if numbers < _LEAST:
            raise unfit(ID, f"Weaviate {version or '?'}", "Weaviate 1.25 or later")
        return version

    async def close(self) -> None:
        await self._service.close()

    async def _nearest(
        self, workspace_id: str, dimension: int, vector: Vector, limit: int, condition: str
    ) -> list[Scored]:
        name = vectors(dimension)
        query = querying.nearest(name, _tenant(workspace_id), vector, limit, condition)
        found = (await self._service.ask(query))["Get"][name]
        return [(str(one["chunk"]), -float(one["_additional"]["distance"])) for one in found]

    async def _deleted(self, workspace_id: str, prop: str, values: Sequence[str]) -> None:
        held = await self.held(workspace_id)
        for first in range(0, len(values) if held.embedder else 0, _NAMED):
            body = querying.matching(vectors(held.dimension), prop, values[first : first + _NAMED])
            await self._service.delete(body, _tenant(workspace_id))

    async def _place(self, workspace_id: str, held: Held) -> None:
        about = {"embedder": held.embedder, "dimension": held.dimension, "position": held.position}
        await self._service.put([{"class": PLACES, "id": _uuid(workspace_id), "properties": about}])

    async def _class(self, name: str, body: dict[str, Any]) -> None:
        if name in self._made:
            return
        if await self._service.get(f"/v1/schema/{name}") is None:
            await self._service.make("/v1/schema", body)
            if await self._service.get(f"/v1/schema/{name}") is None:
                raise away(ID, "a collection that was made is not there")
        self._made.add(name)

    async def _prepared(self, workspace_id: str) -> int:
        found = await self.held(workspace_id)
        if not found.embedder:
            raise unprepared(ID, workspace_id)
        return found.dimension


def _tenant(workspace_id: str) -> str:
    return key(workspace_id)


def _uuid(text: str) -> str:
    return str(uuid.UUID(key(text)))


def _object(workspace_id: str, row: VectorRow, dimension: int) -> dict[str, Any]:
    return {
        "class": vectors(dimension),
        "id": _uuid(row.chunk),
        "tenant": _tenant(workspace_id),
        "vector": [float(number) for number in unit(row.vector)],
        "properties": {
            "chunk": row.chunk,
            "document": key(row.document),
            "below": under(row.source),
            "acl": seen_by(row.acl),
            "tags": keys(row.tags),
            "moment": moment(row.dated),
        },
    }
