"""Playbooks and cases of a server, for the command line; the server knows the workspace by the key."""

from pydantic import BaseModel, TypeAdapter

from flowmatik.app.remote import Listed, RemoteServer, segment
from flowmatik.contracts.cases import Case
from flowmatik.contracts.playbooks import PlaybookVersion


class _Text(BaseModel):
    text: str


class _Forgotten(BaseModel):
    forgotten: int


_PLAYBOOK = TypeAdapter(PlaybookVersion)
_PLAYBOOKS = TypeAdapter(Listed[PlaybookVersion])
_TEXT = TypeAdapter(_Text)
_CASES = TypeAdapter(Listed[Case])
_FORGOTTEN = TypeAdapter(_Forgotten)


class RemotePlaybooks:
    """Implements `PlaybookAccess`."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def list(self, workspace_id: str) -> list[PlaybookVersion]:
        del workspace_id
        return list((await self._server.ask(_PLAYBOOKS, "GET", "/v1/playbooks")).items)

    async def get(self, workspace_id: str, ref: str) -> PlaybookVersion:
        del workspace_id
        return await self._server.ask(_PLAYBOOK, "GET", f"/v1/playbooks/{segment(ref)}")

    async def text(self, workspace_id: str, ref: str) -> str:
        del workspace_id
        return (await self._server.ask(_TEXT, "GET", f"/v1/playbooks/{segment(ref)}/text")).text

    async def apply(self, workspace_id: str, text: str, *, filename: str) -> PlaybookVersion:
        del workspace_id
        body = {"text": text, "filename": filename[-200:]}
        return await self._server.ask(_PLAYBOOK, "POST", "/v1/playbooks", json=body)

    async def remove(self, workspace_id: str, name: str) -> None:
        del workspace_id
        await self._server.json("DELETE", f"/v1/playbooks/{segment(name)}")


class RemoteCases:
    """Implements `Cases`."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def list(self, workspace_id: str) -> list[Case]:
        del workspace_id
        return list((await self._server.ask(_CASES, "GET", "/v1/cases")).items)

    async def forget(self, workspace_id: str, case_id: str) -> None:
        del workspace_id
        await self._server.json("DELETE", f"/v1/cases/{segment(case_id)}")

    async def forget_all(self, workspace_id: str) -> int:
        del workspace_id
        return (await self._server.ask(_FORGOTTEN, "DELETE", "/v1/cases")).forgotten
