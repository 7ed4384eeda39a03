"""The indexes of a server's memory, for the command line."""

from pydantic import TypeAdapter

from flowmatik.app.remote import Listed, RemoteServer
from flowmatik.app.remote_memory_care import LONG_SECONDS
from flowmatik.contracts.memory_indexes import IndexState

_STATES = TypeAdapter(Listed[IndexState])


class RemoteMemoryIndexes:
    """Implements `MemoryIndexes`; the server knows the workspace by the key."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def states(self, workspace_id: str) -> list[IndexState]:
        del workspace_id
        return list((await self._server.ask(_STATES, "GET", "/v1/memory/indexes")).items)

    async def rebuild(self, workspace_id: str) -> list[IndexState]:
        del workspace_id
        path = "/v1/memory/indexes/rebuild"
        return list((await self._server.ask(_STATES, "POST", path, timeout=LONG_SECONDS)).items)
