"""The graph of a server's memory, for the command line."""

from pydantic import TypeAdapter

from flowmatik.app.remote import RemoteServer
from flowmatik.contracts.indexes import EVERYTHING, Filter
from flowmatik.contracts.memory_graph import Communities, Neighbourhood, Way

_NEAR = TypeAdapter(Neighbourhood)
_STEPS = TypeAdapter(Way)
_COMMUNITIES = TypeAdapter(Communities)


class RemoteMemoryGraph:
    """Implements `MemoryGraph`; the server knows the workspace, and on whose behalf it is asked, by the
    key."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def near(
        self, workspace_id: str, entity: str, *, hops: int = 1, limit: int = 50, where: Filter
    ) -> Neighbourhood:
        del workspace_id
        params = {"entity": entity, "hops": hops, "limit": limit, **_among(where)}
        return await self._server.ask(_NEAR, "GET", "/v1/memory/graph/near", params=params)

    async def path(self, workspace_id: str, start: str, end: str, *, where: Filter) -> Way:
        del workspace_id
        params = {"start": start, "end": end, **_among(where)}
        return await self._server.ask(_STEPS, "GET", "/v1/memory/graph/path", params=params)

    async def communities(
        self, workspace_id: str, *, limit: int = 20, where: Filter = EVERYTHING
    ) -> Communities:
        del workspace_id
        params = {"limit": limit, **_among(where)}
        return await self._server.ask(_COMMUNITIES, "GET", "/v1/memory/communities", params=params)


def _among(where: Filter) -> dict[str, object]:
    return {
        "source": list(where.sources),
        "tag": list(where.tags),
        "since": where.dated_from,
        "until": where.dated_until,
    }
