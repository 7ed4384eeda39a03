"""A small API of customers with an OpenAPI document, for tests: it misbehaves when it is told to."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

HUGE = 5_000_000
CUSTOMER = {
    "type": "object",
    "required": ["id", "name"],
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "name": {"type": "string", "minLength": 1},
        "email": {"type": "string", "nullable": True},
        "parent": {"$ref": "#/components/schemas/Customer"},
    },
}
_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
_BODY = {"application/json": {"schema": {"$ref": "#/components/schemas/Customer"}}}
_KEY = {"name": "Idempotency-Key", "in": "header", "required": True, "schema": {"type": "string"}}


def _query(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema}


DOCUMENT: Mapping[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Customers", "version": "1"},
    "paths": {
        "/customers": {
            "get": {
                "operationId": "listCustomers",
                "summary": "Find customers.",
                "parameters": [
                    _query("q", {"type": "string"}),
                    _query("tag", {"type": "array", "items": {"type": "string"}}),
                    {"name": "X-Region", "in": "header", "schema": {"type": "string"}},
                ],
            },
            "post": {
                "operationId": "createCustomer",
                "parameters": [_KEY],
                "requestBody": {"required": True, "content": _BODY},
            },
        },
        "/customers/{id}": {
            "parameters": [_ID],
            "get": {"operationId": "getCustomer"},
            "put": {"operationId": "putCustomer", "requestBody": {"required": True, "content": _BODY}},
            "delete": {"operationId": "deleteCustomer"},
        },
        "/send": {"post": {"operationId": "send.mail", "x-flowmatik-effect": "idempotent"}},
        "/odd/{id}": {"get": {"operationId": "odd", "parameters": [_ID]}},
        "/me": {"get": {"operationId": "me"}},
    },
    "components": {"schemas": {"Customer": CUSTOMER}},
}


@dataclass(slots=True, kw_only=True)
class CrmApi:
    """`requests` are those that came: method, path with its query, headers, body. `token`: whether
    `Authorization` will do. The path `/odd/<what>` misbehaves: a status, `huge`, `hang`, `away` (a redirect
    to another host), `near` (to the same), `text`."""

    requests: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=lambda: [])
    token: Callable[[str], Awaitable[bool]] | None = None

    def app(self) -> Starlette:
        methods = ["GET", "POST", "PUT", "DELETE"]
        return Starlette(routes=[Route("/{path:path}", self._answer, methods=methods)])

    async def _answer(self, request: Request) -> Response:
        body = await request.json() if await request.body() else None
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        if self.token is not None and not await self.token(request.headers.get("authorization", "")):
            return Response(status_code=401)
        self.requests.append((request.method, path, dict(request.headers), body))
        if request.url.path.startswith("/odd/"):
            return await self._odd(request.url.path.removeprefix("/odd/"))
        if request.method == "DELETE":
            return Response(status_code=204)
        if request.url.path == "/me":
            return JSONResponse({"authorization": request.headers.get("authorization", "")})
        if request.method == "POST" and body is None:
            return JSONResponse({"why": "the mail server is full"}, 502)
        return JSONResponse({"method": request.method, "path": path, "got": body})

    async def _odd(self, what: str) -> Response:
        match what:
            case "huge":
                return JSONResponse("x" * HUGE)
            case "hang":
                await asyncio.sleep(60)
                return Response()
            case "away":
                return RedirectResponse("http://elsewhere.invalid/")
            case "near":
                return RedirectResponse("/customers?q=near")
            case "text":
                return PlainTextResponse("plain")
            case _:
                return PlainTextResponse("no", int(what), headers={"Retry-After": "7"})
