"""The router of a server, for the command line."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, TypeAdapter

from flowmatik.app.remote import RemoteServer
from flowmatik.contracts.routing import Feedback, RouterView

_VIEW = TypeAdapter(RouterView)


class _Taken(BaseModel):
    tasks: tuple[str, ...]


_TAKEN = TypeAdapter(_Taken)
_STATE: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


class RemoteRouter:
    """Implements `RouterAccess`; the server knows the workspace by the key, and who speaks."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def show(self, workspace_id: str) -> RouterView:
        del workspace_id
        return await self._server.ask(_VIEW, "GET", "/v1/router")

    async def export(self, workspace_id: str) -> Mapping[str, Any]:
        del workspace_id
        return await self._server.ask(_STATE, "GET", "/v1/router/state")

    async def import_state(self, workspace_id: str, state: Mapping[str, Any]) -> RouterView:
        del workspace_id
        return await self._server.ask(_VIEW, "PUT", "/v1/router/state", json=dict(state))

    async def reset(self, workspace_id: str) -> RouterView:
        del workspace_id
        return await self._server.ask(_VIEW, "POST", "/v1/router/reset")

    async def rollback(self, workspace_id: str, version: int) -> RouterView:
        del workspace_id
        return await self._server.ask(_VIEW, "POST", "/v1/router/rollback", json={"version": version})

    async def explore(self, workspace_id: str, *, on: bool) -> RouterView:
        del workspace_id
        return await self._server.ask(_VIEW, "PUT", "/v1/router/exploration", json={"on": on})

    async def feedback(self, workspace_id: str, feedback: Feedback) -> tuple[str, ...]:
        del workspace_id
        path = f"/v1/runs/{quote(feedback.run_id, safe='')}/feedback"
        body = {"good": feedback.good, "task_id": feedback.task_id, "note": feedback.note}
        return (await self._server.ask(_TAKEN, "POST", path, json=body)).tasks
