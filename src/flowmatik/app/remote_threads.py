"""A server's conversations over HTTP."""

from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, TypeAdapter

from flowmatik.app.remote import Listed, RemoteServer
from flowmatik.contracts.threads import (
    MessagePage,
    NewThread,
    Thread,
    ThreadMessage,
    ThreadPage,
    ThreadState,
)


class _Deleted(BaseModel):
    runs: int


_THREAD = TypeAdapter(Thread)
_THREADS = TypeAdapter(Listed[Thread])
_MESSAGE = TypeAdapter(ThreadMessage)
_MESSAGES = TypeAdapter(Listed[ThreadMessage])
_DELETED = TypeAdapter(_Deleted)


class RemoteThreads:
    """Implements `Threads`; the workspace is the API key's, and whoever has the key does it."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def create(self, workspace_id: str, new: NewThread) -> Thread:
        body: dict[str, Any] = {
            "agent": new.agent,
            "title": new.title,
            "interrupt": None if new.interrupt is None else new.interrupt.value,
            "history": new.history,
            "language": new.language,
            "sources": list(new.sources),
            "budget_usd": None if new.budget_micros is None else new.budget_micros / 1_000_000,
        }
        headers = _headers(new.idempotency_key)
        return await self._server.ask(_THREAD, "POST", "/v1/threads", json=body, headers=headers)

    async def get(self, workspace_id: str, thread_id: str) -> Thread:
        return await self._server.ask(_THREAD, "GET", _at(thread_id))

    async def list(
        self, workspace_id: str, *, state: ThreadState | None = None, cursor: str = "", limit: int = 50
    ) -> ThreadPage:
        params: dict[str, Any] = {"cursor": cursor, "limit": limit}
        if state is not None:
            params["state"] = state.value
        page = await self._server.ask(_THREADS, "GET", "/v1/threads", params=params)
        return ThreadPage(items=tuple(page.items), next=page.next or "")

    async def send(
        self, workspace_id: str, thread_id: str, text: str, *, by: str = "", idempotency_key: str = ""
    ) -> ThreadMessage:
        return await self._said(_at(thread_id, "messages"), text, idempotency_key)

    async def messages(
        self, workspace_id: str, thread_id: str, *, after: int = 0, cursor: str = "", limit: int = 50
    ) -> MessagePage:
        params: dict[str, Any] = {"after": after, "cursor": cursor, "limit": limit}
        page = await self._server.ask(_MESSAGES, "GET", _at(thread_id, "messages"), params=params)
        return MessagePage(items=tuple(page.items), next=page.next or "")

    async def take(self, workspace_id: str, thread_id: str, *, by: str, reason: str = "") -> Thread:
        return await self._done(thread_id, "take", reason)

    async def reply(
        self, workspace_id: str, thread_id: str, text: str, *, by: str, idempotency_key: str = ""
    ) -> ThreadMessage:
        return await self._said(_at(thread_id, "reply"), text, idempotency_key)

    async def give_back(self, workspace_id: str, thread_id: str, *, by: str, reason: str = "") -> Thread:
        return await self._done(thread_id, "give-back", reason)

    async def close(self, workspace_id: str, thread_id: str, *, by: str, reason: str = "") -> Thread:
        return await self._done(thread_id, "close", reason)

    async def delete(self, workspace_id: str, thread_id: str, *, by: str) -> int:
        return (await self._server.ask(_DELETED, "DELETE", _at(thread_id))).runs

    async def _said(self, path: str, text: str, key: str) -> ThreadMessage:
        body = {"text": text}
        return await self._server.ask(_MESSAGE, "POST", path, json=body, headers=_headers(key))

    async def _done(self, thread_id: str, step: str, reason: str) -> Thread:
        body = {"reason": reason}
        return await self._server.ask(_THREAD, "POST", _at(thread_id, step), json=body)


def _headers(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key} if key else {}


def _at(thread_id: str, step: str = "") -> str:
    path = f"/v1/threads/{quote(thread_id, safe='')}"
    return f"{path}/{step}" if step else path
