"""A server's retention over HTTP."""

from urllib.parse import quote

from pydantic import TypeAdapter

from flowmatik.app.remote import RemoteServer
from flowmatik.contracts.retention import DeletedRun, Hold, RetentionPolicy

_POLICY = TypeAdapter(RetentionPolicy)
_HOLD = TypeAdapter(Hold)
_DELETED = TypeAdapter(DeletedRun)


class RemoteRetention:
    """Implements `Retention`; the workspace is the API key's, and whoever has the key sets the hold."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def policy(self, workspace_id: str) -> RetentionPolicy:
        return await self._server.ask(_POLICY, "GET", "/v1/retention")

    async def set_days(self, workspace_id: str, days: int | None) -> RetentionPolicy:
        return await self._server.ask(_POLICY, "PUT", "/v1/retention", json={"runs_days": days})

    async def hold(self, workspace_id: str, run_id: str, *, reason: str, by: str) -> Hold:
        return await self._server.ask(_HOLD, "PUT", _held(run_id), json={"reason": reason})

    async def release(self, workspace_id: str, run_id: str) -> None:
        await self._server.json("DELETE", _held(run_id))

    async def delete(
        self, workspace_id: str, run_id: str, *, acknowledge_doubt: bool = False, by: str = ""
    ) -> DeletedRun:
        params = {"acknowledge_doubt": "true"} if acknowledge_doubt else {}
        return await self._server.ask(_DELETED, "DELETE", f"/v1/runs/{quote(run_id, safe='')}", params=params)


def _held(run_id: str) -> str:
    return f"/v1/runs/{quote(run_id, safe='')}/hold" if run_id else "/v1/retention/hold"
