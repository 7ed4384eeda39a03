"""A server's connections over HTTP."""

from typing import Any
from urllib.parse import quote

from pydantic import TypeAdapter

from flowmatik.app.remote import Listed, RemoteServer
from flowmatik.contracts.connections import Connection, LoginBegun

_LIST = TypeAdapter(Listed[Connection])
_ONE = TypeAdapter(Connection)
_BEGUN = TypeAdapter(LoginBegun)


class RemoteConnections:
    """Implements `Connections`; workspace and owner are those of the credential."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def list(self, workspace_id: str, owner: str) -> tuple[Connection, ...]:
        return (await self._server.ask(_LIST, "GET", "/v1/connections")).items

    async def put(
        self, workspace_id: str, owner: str, name: str, secret: str, *, shared: bool = False
    ) -> Connection:
        return await self._server.ask(_ONE, "PUT", _path(name), json={"secret": secret, "shared": shared})

    async def begin(
        self, workspace_id: str, owner: str, name: str, redirect_uri: str, *, shared: bool = False
    ) -> LoginBegun:
        body: dict[str, Any] = {"redirect_uri": redirect_uri, "shared": shared}
        return await self._server.ask(_BEGUN, "POST", f"{_path(name)}/login", json=body)

    async def finish(self, workspace_id: str, owner: str, state: str, code: str) -> Connection:
        body = {"state": state, "code": code}
        return await self._server.ask(_ONE, "POST", "/v1/connections/callback", json=body)

    async def remove(self, workspace_id: str, owner: str, name: str, *, shared: bool = False) -> None:
        await self._server.json("DELETE", _path(name), params={"shared": str(shared).lower()})


def _path(name: str) -> str:
    return f"/v1/connections/{quote(name, safe='')}"
