"""Requests to the server, and what its refusals mean."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

import httpx

from flowmatik.kernel.clock import Clock, SystemClock
from flowmatik.kernel.errors import FlowmatikError
from flowmatik.memory.index_faults import away, refused

ID = "elasticsearch"
_ATTEMPTS = 4
_DELAY = 0.2
_BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)

Answer = Mapping[str, Any]


class Server:
    """`timeout` in seconds, of each request."""

    def __init__(self, client: httpx.AsyncClient, timeout: float, clock: Clock | None = None) -> None:
        self._client = client
        self.timeout = timeout
        self._clock = clock or SystemClock()

    async def ask(
        self, method: str, path: str, body: object = None, *, missing: bool = False, **query: str
    ) -> Answer:
        """The answer's object; an empty one when `missing` is allowed and there is no such index or row.
        A list is sent as lines of JSON. What the server has no room for now is asked again."""
        content = None if body is None else _written(body)
        kind = "application/x-ndjson" if isinstance(body, list) else "application/json"
        headers = {} if content is None else {"Content-Type": kind}
        reply = await self._patient(method, path, content, headers, query)
        if reply.status_code == HTTPStatus.NOT_FOUND and missing:
            return {}
        if reply.is_success:
            return _object(reply)
        raise fault(reply.status_code, _object(reply).get("error"))

    async def _patient(
        self,
        method: str,
        path: str,
        content: bytes | None,
        headers: Mapping[str, str],
        query: Mapping[str, str],
    ) -> httpx.Response:
        attempt = 1
        while True:
            try:
                reply = await self._client.request(
                    method, path, content=content, headers=headers, params=query
                )
            except httpx.HTTPError as error:
                raise away(ID, type(error).__name__) from error
            if reply.status_code not in _BUSY or attempt == _ATTEMPTS:
                return reply
            await self._clock.sleep(_DELAY * 2 ** (attempt - 1))
            attempt += 1

    async def close(self) -> None:
        await self._client.aclose()


def fault(status: int, error: object) -> FlowmatikError:
    """For what the server says is wrong, of a request or of one part of it."""
    said = f"HTTP {status}{_reason(error)}"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in (*_BUSY, HTTPStatus.CONFLICT):
        return away(ID, said)
    return refused(ID, said)


def kind_of(error: object) -> str:
    return str(cast("Answer", error).get("type", "")) if isinstance(error, Mapping) else ""


def _reason(error: object) -> str:
    return f", {kind_of(error)}" if kind_of(error) else ""


def _written(body: object) -> bytes:
    if isinstance(body, list):
        return b"".join(_written(one) + b"\n" for one in cast("Sequence[object]", body))
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _object(reply: httpx.Response) -> Answer:
    try:
        found = reply.json()
    except ValueError:
        found = None
    if isinstance(found, Mapping):
        return cast("Answer", found)
    if reply.is_success:
        raise away(ID, "no JSON object for an answer")
    return {}
