"""The requests of Pinecone's data API that are used, and when what they wrote is found.

Source: the reference of the data plane, version 2025-10, and the guide to data freshness: a write is answered
with its log sequence number, a query with the highest one that it reflects.
"""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

import httpx

from flowmatik.memory import index_faults

ID = "pinecone"
VERSION = "2025-10"
WRITTEN = "x-pinecone-request-lsn"
REFLECTED = "x-pinecone-max-indexed-lsn"
_CONNECT_SECONDS = 5.0
_ATTEMPTS = 3
_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


class Service:
    """`seconds` for each call, with its attempts."""

    def __init__(self, host: str, api_key: str, seconds: float) -> None:
        self._host = host.rstrip("/")
        self._headers = {"Api-Key": api_key, "X-Pinecone-API-Version": VERSION}
        self._seconds = seconds
        self._client: httpx.AsyncClient | None = None

    async def read(self, method: str, path: str, **sent: Any) -> dict[str, Any]:
        _, body = await self._within(self._asked(method, path, sent))
        return body

    async def write(self, path: str, body: Mapping[str, Any], probe: list[float]) -> None:
        """Returns when queries reflect it. `probe`: a vector that the index takes. A namespace that is not
        there has nothing to be deleted."""

        async def work() -> None:
            headers, _ = await self._asked("POST", path, {"json": body}, absent_is_empty=True)
            written = _number(headers, WRITTEN)
            if written is None:
                if headers.get("x-absent"):
                    return
                raise index_faults.away(ID, "no log sequence number: not a serverless index")
            pause = _PAUSE
            query = {"namespace": body["namespace"], "vector": probe, "topK": 1}
            while True:
                headers, _ = await self._asked("POST", "/query", {"json": query})
                if (_number(headers, REFLECTED) or 0) >= written:
                    return
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

        await self._within(work())

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
        self._client = None

    async def _within(self, work: Any) -> Any:
        try:
            async with asyncio.timeout(self._seconds):
                return await work
        except TimeoutError as error:
            raise index_faults.late(ID, self._seconds) from error

    async def _asked(
        self, method: str, path: str, sent: Mapping[str, Any], *, absent_is_empty: bool = False
    ) -> tuple[Mapping[str, str], dict[str, Any]]:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                response = await self._connected().request(method, f"{self._host}{path}", **sent)
            except httpx.HTTPError as error:
                if attempt == _ATTEMPTS:
                    raise index_faults.away(ID, type(error).__name__) from error
                await asyncio.sleep(_PAUSE * 2**attempt)
                continue
            status = response.status_code
            if status == HTTPStatus.OK:
                return response.headers, _body(response)
            if status == HTTPStatus.NOT_FOUND and absent_is_empty:
                return {"x-absent": "1"}, {}
            may_pass = status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
            if not may_pass and status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                raise index_faults.rejected(ID, f"HTTP {status}")
            if not may_pass or attempt == _ATTEMPTS:
                raise index_faults.away(ID, f"HTTP {status}")
            await asyncio.sleep(_PAUSE * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    def _connected(self) -> httpx.AsyncClient:
        if self._client is None:
            timeout = httpx.Timeout(self._seconds, connect=_CONNECT_SECONDS)
            self._client = httpx.AsyncClient(headers=self._headers, timeout=timeout)
        return self._client


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if text.isdecimal() else None


def _body(response: httpx.Response) -> dict[str, Any]:
    try:
        body: object = response.json()
    except ValueError as error:
        raise index_faults.away(ID, "an answer that is no JSON") from error
    if not isinstance(body, dict):
        raise index_faults.away(ID, "an answer of another form")
    return cast("dict[str, Any]", body)
