"""A server's record of bulk operations over HTTP."""

from urllib.parse import quote

from pydantic import TypeAdapter

from flowmatik.app.remote import RemoteServer
from flowmatik.contracts.bulk_audit import BulkOperation, BulkPage

_PAGE = TypeAdapter(BulkPage)
_OPERATION = TypeAdapter(BulkOperation)


class RemoteBulkAudit:
    """Implements `BulkAudit`; the workspace is the API key's."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def list(self, workspace_id: str, *, cursor: str = "", limit: int = 50) -> BulkPage:
        del workspace_id
        params = {"limit": limit, **({"cursor": cursor} if cursor else {})}
        return await self._server.ask(_PAGE, "GET", "/v1/bulk-operations", params=params)

    async def get(self, workspace_id: str, request_id: str) -> BulkOperation:
        del workspace_id
        path = f"/v1/bulk-operations/{quote(request_id, safe='')}"
        return await self._server.ask(_OPERATION, "GET", path)
