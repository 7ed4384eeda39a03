"""Limits of a server, for the command line."""

from urllib.parse import quote

from pydantic import TypeAdapter

from flowmatik.app.remote import Listed, RemoteServer
from flowmatik.contracts.limits import EVERYWHERE, Limit

_LIMITS = TypeAdapter(Listed[Limit])


class RemoteLimits:
    """Implements `LimitAccess`; the server knows the workspace by the key."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def list(self, workspace_id: str) -> list[Limit]:
        del workspace_id
        return list((await self._server.ask(_LIMITS, "GET", "/v1/limits")).items)

    async def put(self, limit: Limit) -> None:
        body = {
            "most": limit.most,
            "weight": limit.weight,
            "per_minute": limit.per_minute,
            "burst": limit.burst,
            "everywhere": limit.workspace_id == EVERYWHERE,
        }
        await self._server.json("PUT", f"/v1/limits/{quote(limit.scope, safe='')}", json=body)

    async def lift(self, workspace_id: str, scope: str) -> None:
        everywhere = "true" if workspace_id == EVERYWHERE else "false"
        await self._server.json(
            "DELETE", f"/v1/limits/{quote(scope, safe='')}", params={"everywhere": everywhere}
        )
