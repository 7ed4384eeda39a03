"""What a server's searches have learned, for the command line."""

from pydantic import TypeAdapter

from flowmatik.app.remote import RemoteServer
from flowmatik.contracts.memory_learning import LearnedLegs

_LEARNED = TypeAdapter(LearnedLegs)


class RemoteMemoryLearning:
    """Implements `MemoryLearning`; the server knows the workspace by the key."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def show(self, workspace_id: str) -> LearnedLegs:
        del workspace_id
        return await self._server.ask(_LEARNED, "GET", "/v1/memory/learning")

    async def reset(self, workspace_id: str) -> LearnedLegs:
        del workspace_id
        return await self._server.ask(_LEARNED, "POST", "/v1/memory/learning/reset")
