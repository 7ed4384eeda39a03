"""Looking after the memory of a server, for the command line."""

from pydantic import TypeAdapter

from flowmatik.app.remote import Listed, RemoteServer
from flowmatik.contracts.memory_care import Erasure, ErasureRequest, Moved, Rebuilt

LONG_SECONDS = 3600.0  # a whole workspace is made again
_REBUILT = TypeAdapter(Rebuilt)
_MOVED = TypeAdapter(Moved)
_ERASURE = TypeAdapter(Erasure)
_ERASURES = TypeAdapter(Listed[Erasure])


class RemoteMemoryCare:
    """Implements `MemoryCare`; the server knows the workspace, and who asks, by the key."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def rebuild(self, workspace_id: str) -> Rebuilt:
        del workspace_id
        return await self._server.ask(_REBUILT, "POST", "/v1/memory/rebuild", timeout=LONG_SECONDS)

    async def reembed(self, workspace_id: str, embedder: str = "") -> Moved:
        del workspace_id
        body = {"embedder": embedder}
        return await self._server.ask(_MOVED, "POST", "/v1/memory/reembed", json=body, timeout=LONG_SECONDS)

    async def forget(
        self, workspace_id: str, request: ErasureRequest, *, by: str, rehearse: bool = False
    ) -> Erasure:
        del workspace_id, by
        body = {
            "subject": list(request.subject),
            "source": request.source,
            "document": request.document,
            "dry_run": rehearse,
        }
        return await self._server.ask(_ERASURE, "POST", "/v1/memory/forget", json=body, timeout=LONG_SECONDS)

    async def erasures(self, workspace_id: str, *, after: str = "", limit: int = 100) -> list[Erasure]:
        del workspace_id
        params = {"cursor": after, "limit": limit}
        return list((await self._server.ask(_ERASURES, "GET", "/v1/memory/erasures", params=params)).items)
