"""Limits of a server, for the command line."""

from urllib.parse import quote

from pydantic import TypeAdapter

from flowmatik.app.remote import Listed, RemoteServer
from flowmatik.contracts.limits import EVERYWHERE, OPERATORS, Limit

_LIMITS = TypeAdapter(Listed[Limit])
_LIMIT = TypeAdapter(Limit)


class RemoteLimits:
    """Implements `LimitAccess`; the server knows the workspace by the key."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def list(self, workspace_id: str) -> list[Limit]:
        params = {"workspace": _other(workspace_id)}
        return list((await self._server.ask(_LIMITS, "GET", "/v1/limits", params=params)).items)

    async def put(self, limit: Limit, *, keep_weight: bool = False) -> Limit:
        body = {
            "most": limit.most,
            "weight": None if keep_weight else limit.weight,
            "per_minute": limit.per_minute,
            "burst": limit.burst,
            "everywhere": limit.workspace_id == EVERYWHERE,
            "workspace": _other(limit.workspace_id),
        }
        path = f"/v1/limits/{quote(limit.scope, safe='')}"
        return await self._server.ask(_LIMIT, "PUT", path, json=body)

    async def lift(self, workspace_id: str, scope: str, *, keep_weight: bool = False) -> None:
        del keep_weight  # the server knows who may
        everywhere = "true" if workspace_id == EVERYWHERE else "false"
        params = {"everywhere": everywhere, "workspace": _other(workspace_id)}
        await self._server.json("DELETE", f"/v1/limits/{quote(scope, safe='')}", params=params)


def _other(workspace_id: str) -> str:
    """The command line calls the key's own workspace `default`, whichever that is."""
    return "" if workspace_id == OPERATORS else workspace_id
