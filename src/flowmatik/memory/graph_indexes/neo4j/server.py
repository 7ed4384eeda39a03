"""Requests to Neo4j's Query API (neo4j.com/docs/query-api), and what its refusals mean.

A request is one statement and one transaction; the answer's status is 202. Bookmarks of the last answer go
with the next request, so that a cluster's members read what was written here.
"""

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

import httpx

from flowmatik.kernel.clock import Clock, SystemClock
from flowmatik.kernel.errors import FlowmatikError
from flowmatik.memory.index_faults import away, late, refused

ID = "neo4j"
_ATTEMPTS = 4
_DELAY = 0.2
_PASSING = "Neo.TransientError."

Answer = Mapping[str, Any]


class Server:
    """`timeout` in seconds, of each call with its attempts."""

    def __init__(
        self, client: httpx.AsyncClient, database: str, timeout: float, clock: Clock | None = None
    ) -> None:
        self._client = client
        self._path = f"/db/{database}/query/v2"
        self._timeout = timeout
        self._clock = clock or SystemClock()
        self._bookmarks: list[str] = []

    async def read(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        return await self._asked(statement, parameters, "Read")

    async def write(self, statement: str, **parameters: Any) -> list[dict[str, Any]]:
        """The statement is one that may be done twice: what Neo4j calls transient is tried again."""
        return await self._asked(statement, parameters, "Write")

    async def version(self) -> str:
        """As the discovery document says it."""
        try:
            async with asyncio.timeout(self._timeout):
                reply = await self._client.get("/")
        except (httpx.TimeoutException, TimeoutError) as error:
            raise late(ID, self._timeout) from error
        except httpx.HTTPError as error:
            raise away(ID, type(error).__name__) from error
        if not reply.is_success:
            raise _fault(reply.status_code, "")
        return str(_object(reply).get("neo4j_version", ""))

    async def close(self) -> None:
        await self._client.aclose()

    async def _asked(self, statement: str, parameters: Mapping[str, Any], mode: str) -> list[dict[str, Any]]:
        body: dict[str, Any] = {"statement": statement, "parameters": parameters, "accessMode": mode}
        if self._bookmarks:
            body["bookmarks"] = self._bookmarks
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._patient(body)
        except (httpx.TimeoutException, TimeoutError) as error:
            raise late(ID, self._timeout) from error
        except httpx.HTTPError as error:
            raise away(ID, type(error).__name__) from error
        self._bookmarks = [str(one) for one in answer.get("bookmarks") or self._bookmarks]
        data = cast("Answer", answer.get("data") or {})
        fields = [str(one) for one in data.get("fields", ())]
        return [dict(zip(fields, row, strict=True)) for row in data.get("values", ())]

    async def _patient(self, body: Mapping[str, Any]) -> Answer:
        for attempt in range(1, _ATTEMPTS + 1):
            reply = await self._client.post(self._path, json=body, headers={"Accept": "application/json"})
            answer = _object(reply)
            code = _code(answer)
            if reply.is_success and not code:
                return answer
            passing = code.startswith(_PASSING) or reply.status_code == HTTPStatus.SERVICE_UNAVAILABLE
            if not passing or attempt == _ATTEMPTS:
                raise _fault(reply.status_code, code)
            await self._clock.sleep(_DELAY * 2 ** (attempt - 1))
        raise AssertionError("the last attempt returns or raises")


def _fault(status: int, code: str) -> FlowmatikError:
    """Its words may hold what was sent, so that only the code is told."""
    said = f"HTTP {status}" + (f", {code}" if code else "")
    if code.startswith(_PASSING) or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return away(ID, said)
    return refused(ID, said)


def _code(answer: Answer) -> str:
    errors = cast("Sequence[Answer]", answer.get("errors") or ())
    return str(errors[0].get("code", "unknown")) if errors else ""


def _object(reply: httpx.Response) -> Answer:
    try:
        found: object = reply.json()
    except ValueError:
        found = None
    if isinstance(found, Mapping):
        return cast("Answer", found)
    if reply.is_success:
        raise away(ID, "no JSON object for an answer")
    return {}
