"""A server's runs as recordings, over HTTP."""

from urllib.parse import quote

from pydantic import TypeAdapter

from flowmatik.app.remote import RemoteServer
from flowmatik.contracts.recordings import Recording, Redaction

_RECORDING = TypeAdapter(Recording)


class RemoteRecordings:
    """Implements `RunRecordings`; the workspace is the API key's."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def record(self, workspace_id: str, run_id: str, *, redaction: Redaction = "all") -> Recording:
        del workspace_id
        path = f"/v1/runs/{quote(run_id, safe='')}/recording"
        return await self._server.ask(_RECORDING, "GET", path, params={"redaction": redaction})
