"""A server's sources over HTTP; the server knows the workspace, and who asks, by the credential."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter

from flowmatik.app.remote import Listed, RemoteServer, segment
from flowmatik.contracts.security import Principal
from flowmatik.contracts.sources import FailedDocument, NewSource, Source, SyncReport

REMOVE_SECONDS = 3600.0


class _Kind(BaseModel):
    id: str
    summary: str


class _Removed(BaseModel):
    documents: int


class _Hook(BaseModel):
    path: str


_KINDS = TypeAdapter(Listed[_Kind])
_SOURCE = TypeAdapter(Source)
_SOURCES = TypeAdapter(Listed[Source])
_SYNC = TypeAdapter(SyncReport)
_SYNCS = TypeAdapter(Listed[SyncReport])
_FAILURES = TypeAdapter(Listed[FailedDocument])
_REMOVED = TypeAdapter(_Removed)
_HOOK = TypeAdapter(_Hook)


class RemoteSources:
    """Implements `Sources`."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def kinds(self) -> Sequence[tuple[str, str]]:
        found = await self._server.ask(_KINDS, "GET", "/v1/source-kinds")
        return [(one.id, one.summary) for one in found.items]

    async def add(self, principal: Principal, new: NewSource) -> Source:
        return await self._server.ask(_SOURCE, "POST", "/v1/sources", json=dataclasses.asdict(new))

    async def list(self, principal: Principal) -> Sequence[Source]:
        return (await self._server.ask(_SOURCES, "GET", "/v1/sources")).items

    async def get(self, principal: Principal, ref: str) -> Source:
        return await self._server.ask(_SOURCE, "GET", _at(ref))

    async def remove(self, principal: Principal, ref: str, *, keep: bool = False) -> int:
        params = {"keep": keep}
        removed = await self._server.ask(_REMOVED, "DELETE", _at(ref), params=params, timeout=REMOVE_SECONDS)
        return removed.documents

    async def sync(self, principal: Principal, ref: str) -> SyncReport:
        return await self._server.ask(_SYNC, "POST", f"{_at(ref)}/syncs")

    async def report(self, principal: Principal, ref: str, sync_id: str) -> SyncReport:
        return await self._server.ask(_SYNC, "GET", f"{_at(ref)}/syncs/{segment(sync_id)}")

    async def syncs(self, principal: Principal, ref: str, *, limit: int = 20) -> Sequence[SyncReport]:
        params = {"limit": limit}
        return (await self._server.ask(_SYNCS, "GET", f"{_at(ref)}/syncs", params=params)).items

    async def failures(
        self, principal: Principal, ref: str, *, after: str = "", limit: int = 100
    ) -> Sequence[FailedDocument]:
        params: dict[str, Any] = {"cursor": after, "limit": limit}
        return (await self._server.ask(_FAILURES, "GET", f"{_at(ref)}/failures", params=params)).items

    async def retry(self, principal: Principal, ref: str, paths: Sequence[str] = ()) -> SyncReport:
        return await self._server.ask(_SYNC, "POST", f"{_at(ref)}/retry", json={"paths": list(paths)})

    async def hook(self, principal: Principal, ref: str, *, renew: bool = False) -> str:
        found = await self._server.ask(_HOOK, "POST", f"{_at(ref)}/hook", json={"renew": renew})
        return found.path


def _at(ref: str) -> str:
    return f"/v1/sources/{segment(ref)}"
