"""Webhooks for alerts of a server, for the command line."""

from collections.abc import Sequence
from dataclasses import asdict

from pydantic import TypeAdapter

from flowmatik.app.remote import Listed, RemoteServer, segment
from flowmatik.contracts.alerts import AlertDelivery, AlertHook, AlertTest, NewAlertHook

_HOOK = TypeAdapter(AlertHook)
_HOOKS = TypeAdapter(Listed[AlertHook])
_TEST = TypeAdapter(AlertTest)
_DELIVERIES = TypeAdapter(Listed[AlertDelivery])
PATH = "/v1/alerts/hooks"


class RemoteAlertHooks:
    """Implements `AlertHooks`; the server knows the workspace by the key."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def list(self, workspace_id: str) -> Sequence[AlertHook]:
        del workspace_id
        return (await self._server.ask(_HOOKS, "GET", PATH)).items

    async def add(self, workspace_id: str, new: NewAlertHook) -> AlertHook:
        del workspace_id
        return await self._server.ask(_HOOK, "POST", PATH, json=asdict(new))

    async def remove(self, workspace_id: str, hook_id: str) -> None:
        del workspace_id
        await self._server.json("DELETE", f"{PATH}/{segment(hook_id)}")

    async def test(self, workspace_id: str, hook_id: str) -> AlertTest:
        del workspace_id
        return await self._server.ask(_TEST, "POST", f"{PATH}/{segment(hook_id)}/test")

    async def deliveries(
        self, workspace_id: str, hook_id: str, *, limit: int = 50
    ) -> Sequence[AlertDelivery]:
        del workspace_id
        path, params = f"{PATH}/{segment(hook_id)}/deliveries", {"limit": limit}
        return (await self._server.ask(_DELIVERIES, "GET", path, params=params)).items
