"""Requests to Weaviate's REST and GraphQL API (docs.weaviate.io/weaviate/api), and what its refusals mean."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar, cast

import httpx

from flowmatik.memory import index_faults as faults
from flowmatik.memory.vector_indexes.weaviate.schema import ID

_CONNECT_SECONDS = 5.0
_ATTEMPTS = 3
_PAUSE = 0.05
_WHOLE = {"consistency_level": "ALL"}  # what is written is found by whichever replica is asked
T = TypeVar("T")

Record = dict[str, Any]


class Service:
    """`seconds` for each call, with its attempts. All that is written may be written twice."""

    def __init__(self, url: str, api_key: str, seconds: float) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._seconds = seconds
        self._client: httpx.AsyncClient | None = None

    async def get(self, path: str, **params: str) -> Record | None:
        """None for what is not there."""
        return _record(await self._within(self._asked("GET", path, {"params": params}, absent=True)))

    async def make(self, path: str, body: object) -> None:
        """What is there already is left as it is."""
        await self._within(self._asked("POST", path, {"json": body}, there=True))

    async def remove(self, path: str, body: object = None) -> None:
        await self._within(self._asked("DELETE", path, {"json": body}, absent=True))

    async def put(self, objects: Sequence[Record]) -> None:
        """A batch is answered object by object, with success as a whole. Raises for the first that failed."""
        sent = {"json": {"objects": list(objects)}, "params": _WHOLE}
        for one in await self._within(self._asked("POST", "/v1/batch/objects", sent)) or ():
            result = _part(one, "result")
            errors = _part(result, "errors").get("error")
            if errors or result.get("status", "SUCCESS") != "SUCCESS":
                raise faults.away(ID, "an object of a batch was not taken")

    async def delete(self, body: Record, tenant: str) -> None:
        """A deletion stops at a number of matches that the server is set to, and is asked again."""
        sent = {"json": body, "params": {**_WHOLE, "tenant": tenant}}
        while True:
            answer = _record(await self._within(self._asked("DELETE", "/v1/batch/objects", sent))) or {}
            results = _part(answer, "results")
            if results.get("failed"):
                raise faults.away(ID, "an object of a batch was not deleted")
            if int(results.get("matches") or 0) <= int(results.get("successful") or 0):
                return

    async def ask(self, query: str) -> Record:
        """The answer's `data`. Errors come with status 200."""
        sent = {"json": {"query": query}}
        answer = _record(await self._within(self._asked("POST", "/v1/graphql", sent))) or {}
        if answer.get("errors"):
            raise faults.away(ID, "a query ended with an error")
        return _part(answer, "data")

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
        self._client = None

    async def _within(self, work: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._seconds):
                return await work
        except (httpx.TimeoutException, TimeoutError) as error:
            raise faults.late(ID, self._seconds) from error

    async def _asked(
        self, method: str, path: str, sent: Mapping[str, Any], *, absent: bool = False, there: bool = False
    ) -> Any:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                response = await self._connected().request(method, f"{self._url}{path}", **sent)
            except httpx.TimeoutException:
                raise
            except httpx.HTTPError as error:
                if attempt == _ATTEMPTS:
                    raise faults.away(ID, type(error).__name__) from error
                await asyncio.sleep(_PAUSE * 2**attempt)
                continue
            status = response.status_code
            if response.is_success:
                return _body(response)
            if (status == HTTPStatus.NOT_FOUND and absent) or (_exists(response) and there):
                return None
            if status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.TOO_MANY_REQUESTS:
                known = status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
                raise (faults.refused if known else faults.rejected)(ID, f"HTTP {status}")
            if attempt == _ATTEMPTS:
                raise faults.away(ID, f"HTTP {status}")
            await asyncio.sleep(_PAUSE * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    def _connected(self) -> httpx.AsyncClient:
        if self._client is None:
            timeout = httpx.Timeout(self._seconds, connect=min(self._seconds, _CONNECT_SECONDS))
            self._client = httpx.AsyncClient(headers=self._headers, timeout=timeout)
        return self._client


def _exists(response: httpx.Response) -> bool:
    return response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY and "already exists" in response.text


def _body(response: httpx.Response) -> Any:
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError as error:
        raise faults.away(ID, "an answer that is no JSON") from error


def _record(body: Any) -> Record | None:
    if body is None:
        return None
    if not isinstance(body, dict):
        raise faults.away(ID, "an answer of another form")
    return cast("Record", body)


def _part(answer: Record, name: str) -> Record:
    """Of an answer, {} where it is absent."""
    return answer.get(name) or {}
