"""The entities of a server's memory, for the command line."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from flowmatik.app.remote import Listed, RemoteServer
from flowmatik.contracts.graph_extraction import GraphReading, GraphReadingCost
from flowmatik.contracts.memory_entities import Entity, EntityDetail, GazetteerEntry
from flowmatik.contracts.security import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    names: tuple[GazetteerEntry, ...]


_LISTED = TypeAdapter(Listed[Entity])
_DETAIL = TypeAdapter(EntityDetail)
_NAMES = TypeAdapter(_Names)
_COST = TypeAdapter(GraphReadingCost)
_READING = TypeAdapter(GraphReading)


class RemoteMemoryEntities:
    """Implements `MemoryEntities`; the server knows the workspace, and who asks, by the key."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def list(
        self, workspace_id: str, *, text: str = "", kind: str = "", after: str = "", limit: int = 100
    ) -> Sequence[Entity]:
        del workspace_id
        params = {"text": text, "kind": kind, "cursor": after, "limit": limit}
        return (await self._server.ask(_LISTED, "GET", "/v1/memory/entities", params=params)).items

    async def show(self, workspace_id: str, entity: str) -> EntityDetail:
        del workspace_id
        return await self._server.ask(_DETAIL, "GET", "/v1/memory/entities/one", params={"name": entity})

    async def merge(self, workspace_id: str, entity: str, into: str, *, by: str) -> EntityDetail:
        del workspace_id, by
        body = {"entity": entity, "into": into}
        return await self._server.ask(_DETAIL, "POST", "/v1/memory/entities/merge", json=body)

    async def split(self, workspace_id: str, entity: str) -> EntityDetail:
        del workspace_id
        return await self._server.ask(_DETAIL, "POST", "/v1/memory/entities/split", json={"entity": entity})

    async def gazetteer(self, workspace_id: str) -> Sequence[GazetteerEntry]:
        del workspace_id
        return (await self._server.ask(_NAMES, "GET", "/v1/memory/gazetteer")).names

    async def set_gazetteer(self, workspace_id: str, entries: Sequence[GazetteerEntry]) -> int:
        del workspace_id
        body = {"names": [dataclasses.asdict(one) for one in entries]}
        return len((await self._server.ask(_NAMES, "PUT", "/v1/memory/gazetteer", json=body)).names)


class RemoteGraphReader:
    """Implements `GraphReader`; the server knows who asks by the key."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def cost(
        self, principal: Principal, *, sources: Sequence[str] = (), model: str = "", limit: int = 1000
    ) -> GraphReadingCost:
        del principal
        params = {"source": list(sources), "model": model, "limit": limit}
        return await self._server.ask(_COST, "GET", "/v1/memory/entities/reading", params=params)

    async def read(
        self,
        principal: Principal,
        *,
        sources: Sequence[str] = (),
        model: str = "",
        limit: int = 1000,
        most_micros: int,
    ) -> GraphReading:
        del principal
        body = {"sources": list(sources), "model": model, "limit": limit, "max_usd": most_micros / 1_000_000}
        return await self._server.ask(_READING, "POST", "/v1/memory/entities/reading", json=body)
