"""Servers that never greet, say what is no message, or send us elsewhere: clear errors, and no credential in
hands that it was not given to."""

import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from flowmatik.agents.mcp import McpRuntime, McpServer, look_at
from flowmatik.agents.openapi import Api, OpenApi, OpenApiBox, operations_of, read_document
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import ToolError, ToolOutcomeUnknown
from flowmatik.testing.app_server import served
from flowmatik.testing.crm_api import DOCUMENT
from flowmatik.testing.mcp_server import McpDesk, mcp_app
from tests.integration.agents.mcp_homes import CONTEXT, emulated

TOKEN = "Bearer sesame-open-1234"


class Given:
    async def headers(
        self, workspace_id: str, principal: str, name: str, *, refused: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        return {"Authorization": TOKEN}


@asynccontextmanager
async def two_hosts(status: int) -> AsyncGenerator[tuple[str, list[Request], list[Request]]]:
    """The address of one that sends to the other; what each of them was asked."""
    here: list[Request] = []
    there: list[Request] = []

    async def other(request: Request) -> Response:
        there.append(request)
        return JSONResponse({"stolen": True})

    methods = ["GET", "POST", "PUT", "DELETE"]
    async with served(Starlette(routes=[Route("/{path:path}", other, methods=methods)])) as elsewhere:

        async def one(request: Request) -> Response:
            here.append(request)
            return RedirectResponse(elsewhere + request.url.path, status)

        async with served(Starlette(routes=[Route("/{path:path}", one, methods=methods)])) as address:
            yield address, here, there


def crm(address: str) -> OpenApiBox:
    settings = OpenApi(document="crm.json", connection="crm", allow_private=True)
    operations, _ = operations_of(read_document(json.dumps(DOCUMENT), "crm.json"), "crm")
    return OpenApiBox([Api(name="crm", settings=settings, base_url=address, operations=operations)], Given())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_credentials_do_not_follow_an_api_to_another_host(status: int) -> None:
    calls: list[tuple[str, dict[str, Any]]] = [
        ("crm_me", {}),
        ("crm_create_customer", {"body": {"name": "Ada"}}),
        ("crm_delete_customer", {"id": "1"}),
    ]
    async with two_hosts(status) as (address, here, there):
        box = crm(address)
        for tool, arguments in calls:
            with pytest.raises(ToolError) as caught:
                await box.call(tool, arguments, CONTEXT)
            assert caught.value.code == "tool.openapi.redirect"
            assert isinstance(caught.value, ToolOutcomeUnknown) == (status == 303)
        await box.close()
        assert [request.headers["authorization"] for request in here] == [TOKEN] * 3
        assert there == []


@pytest.mark.parametrize("status", [302, 303, 307])
async def test_credentials_do_not_follow_an_mcp_server_to_another_host(tmp_path: Path, status: int) -> None:
    async with two_hosts(status) as (address, here, there), emulated(tmp_path, credentials=Given()) as home:
        server = McpServer(url=f"{address}/mcp", connection="crm", allow_private=True)
        with pytest.raises(ToolError) as caught:
            await look_at(home.runtime, "away", server)
        assert (caught.value.code, str(status) in caught.value.message) == ("tool.mcp.unreachable", True)
        assert {request.headers["authorization"] for request in here} == {TOKEN}
        assert there == []


async def test_a_call_that_is_answered_with_see_other_may_have_acted(tmp_path: Path) -> None:
    web = mcp_app(McpDesk())
    inner, away = web.app(), False

    async def app(scope: Any, receive: Any, send: Any) -> None:
        answer: Any = Response(status_code=303, headers={"location": "/elsewhere"}) if away else inner
        await answer(scope, receive, send)

    async with (
        served(app) as address,
        emulated(tmp_path, url=f"{address}/mcp", allow_private=True, recheck_seconds=600) as home,
    ):
        await home.call("echo", text="a")
        away = True
        with pytest.raises(ToolOutcomeUnknown) as caught:
            await home.call("note", text="b")
        assert caught.value.code == "tool.mcp.died"


async def test_an_api_that_is_not_there_is_a_clear_error() -> None:
    box = crm("http://127.0.0.1:9")
    with pytest.raises(ToolError) as caught:
        await box.call("crm_create_customer", {"body": {"name": "Ada"}}, CONTEXT)
    assert (type(caught.value), caught.value.code) == (ToolError, "tool.openapi.unreachable")
    assert caught.value.retryable
    await box.close()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("exec cat >/dev/null", "it did not start within 0.5 s"),
        ("echo this is no message; exec cat >/dev/null", "it is no JSON"),
        ("echo '[1]'; exec cat >/dev/null", "it is no JSON-RPC message"),
        ("exec yes x | tr -d '\\n'", "answered with more than"),
        ("exec cat", "refused initialize"),
        ('read x; echo \'{"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": "1"}}\'', "it speaks '1'"),
        ('read x; echo \'{"jsonrpc": "2.0", "id": 1, "result": 7}\'; exec cat >/dev/null', "is no object"),
        ("exec true", "exit code 0"),
        ("kill -9 $$", "exit code -9"),
    ],
)
async def test_a_server_that_does_not_greet_is_a_clear_error_in_time(
    tmp_path: Path, command: str, said: str
) -> None:
    begun = time.monotonic()
    runtime = McpRuntime(
        secrets=str, environment={"PATH": "/usr/bin:/bin"}, home=tmp_path, clock=SystemClock()
    )
    server = McpServer(command=["/bin/sh", "-c", command], start_timeout=0.5 if "not start" in said else 10)
    with pytest.raises(ToolError) as caught:
        await look_at(runtime, "bad", server)
    assert said in caught.value.message
    assert not isinstance(caught.value, ToolOutcomeUnknown)
    await runtime.close()
    assert time.monotonic() - begun < 5
