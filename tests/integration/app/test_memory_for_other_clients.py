"""Memory over MCP: what a client of another maker sees, by our own client of that protocol and by hand."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowmatik.app.local_token import read_local_token
from flowmatik.app.settings import load_settings
from flowmatik.app.web import serve_platform
from flowmatik.app.wiring import open_platform
from flowmatik.contracts.memory import DocumentLabels
from tests.integration.agents.mcp_homes import emulated

HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}


@asynccontextmanager
async def served(tmp_path: Path) -> AsyncGenerator[tuple[str, str]]:
    """The address and a token; one of the documents is for a team in which nobody is."""
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    (tmp_path / ".flowmatik").mkdir(mode=0o700)
    settings = load_settings(tmp_path, {})
    papers = tmp_path / "papers"
    papers.mkdir()
    async with open_platform(settings, recover_all=True) as platform:
        for name, acl in (("gate", ()), ("safe", ("team:vault",))):
            (papers / f"{name}.md").write_text(f"# Harbour\n\nThe harbour {name} opens at seven.\n")
            labels = DocumentLabels(acl=acl)
            async for _ in platform.memory.ingest("default", [papers / f"{name}.md"], labels=labels):
                pass
        (papers / "quay.md").write_text("# Quay\n\nis of stone.\n")
        (papers / "dock.md").write_text("# Dock\n\nas [it](quay.md), [it](quay.md) and [this](safe.md).\n")
        async for _ in platform.memory.ingest("default", [papers / "quay.md", papers / "dock.md"]):
            pass
        async with serve_platform(platform, host="127.0.0.1", port=0) as serving:
            yield serving.url, await asyncio.to_thread(read_local_token, settings)


async def asked(client: httpx.AsyncClient, method: str, **params: Any) -> dict[str, Any]:
    body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
    answer = await client.post("/mcp", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["id"] == 7
    return answer.json()


def headers_of(token: str) -> dict[str, str]:
    return {"Authorization": f"text:Bearer {token}"}


def client_of(address: str, token: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {token}"})


async def test_a_client_finds_the_tool_and_what_its_owner_may_see(tmp_path: Path) -> None:
    async with (
        served(tmp_path) as (address, token),
        emulated(
            tmp_path / "papers", headers=headers_of(token), url=f"{address}/mcp", allow_private=True
        ) as desk,
    ):
        found = (await desk.call("memory_search", query="When does the harbour gate open?"))["structured"]
        assert [one["source"] for one in found["items"]] == ["gate.md"]
        assert found["answerable"]["likely"] is True
        none = await desk.call("memory_search", query="harbour", since="2024")
        assert none["structured"]["items"] == []


async def test_a_client_is_told_what_links_to_what_as_its_owner_may_see(tmp_path: Path) -> None:
    async with served(tmp_path) as (address, token), client_of(address, token) as client:
        tools = (await asked(client, "tools/list"))["result"]["tools"]
        assert [one["name"] for one in tools] == ["memory_search", "memory_near"]

        async def near(**arguments: Any) -> dict[str, Any]:
            return (await asked(client, "tools/call", name="memory_near", arguments=arguments))["result"]

        found = await near(entity="Quay")
        (link,) = found["structuredContent"]["items"]
        assert (link["relation"], link["entity"], link["weight"]) == ("linked_from", "dock", 2)
        assert (
            found["content"][0]["text"] == "quay – dock: linked_from, 2 links; 1 passages, dock.md, lines 3-3"
        )
        out = (await near(entity="dock"))["structuredContent"]["items"]
        assert {one["entity"] for one in out} == {"quay", "safe.md"}
        hidden = await near(entity="Vault")
        assert (hidden["isError"], "Vault" in hidden["content"][0]["text"]) == (True, True)
        assert (await near(entity="quay", hops=9))["isError"] is True


async def test_a_wrong_question_is_told_where_the_model_reads_it(tmp_path: Path) -> None:
    async with served(tmp_path) as (address, token), client_of(address, token) as client:
        client.headers["Accept-Language"] = "es"
        for arguments, part in (
            ({"query": ""}, "query:"),
            ({"query": "gate", "limit": 99}, "limit:"),
            ({"query": "gate", "where": "here"}, "where:"),
            ({"query": "gate", "since": "soon"}, "soon"),
        ):
            result = (await asked(client, "tools/call", name="memory_search", arguments=arguments))["result"]
            assert result["isError"] is True
            assert part in result["content"][0]["text"]
        plain = (await asked(client, "tools/call", name="memory_search", arguments={"query": "gate"}))[
            "result"
        ]
        assert "[1] gate.md, lines 3-3\nThe harbour gate opens at seven." in plain["content"][0]["text"]


async def test_versions_are_agreed_and_what_is_unknown_is_refused_by_code(tmp_path: Path) -> None:
    async with served(tmp_path) as (address, token), client_of(address, token) as client:
        welcome = (await asked(client, "initialize", **HELLO))["result"]
        assert welcome["protocolVersion"] == "2025-06-18"
        assert welcome["capabilities"] == {"tools": {}}
        newer = await asked(client, "initialize", **{**HELLO, "protocolVersion": "2099-01-01"})
        assert newer["result"]["protocolVersion"] == "2025-11-25"
        assert (await asked(client, "ping"))["result"] == {}
        assert (await asked(client, "resources/list"))["error"]["code"] == -32601
        assert (await asked(client, "tools/call", name="rm"))["error"]["code"] == -32602
        told = await client.post("/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"})
        assert (told.status_code, told.content) == (202, b"")
        assert (await client.get("/mcp")).status_code == 405
        for body, code in ((b"{", -32700), (b"[]", -32600), (b'{"id":1}', -32600)):
            broken = await client.post("/mcp", content=body)
            assert (broken.status_code, broken.json()["error"]["code"]) == (400, code)


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Authorization": ""}, 401, "auth.required"),
        ({"Authorization": "Bearer nobody"}, 401, "auth.invalid"),
        ({"Origin": "https://evil.example"}, 403, "mcp.origin"),
        ({"MCP-Protocol-Version": "2020-01-01"}, 400, "mcp.version"),
    ],
)
async def test_strangers_pages_of_other_sites_and_other_revisions_are_turned_away(
    tmp_path: Path, headers: dict[str, str], status: int, code: str
) -> None:
    async with served(tmp_path) as (address, token), client_of(address, token) as client:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        answer = await client.post("/mcp", json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_key_without_the_right_to_read_memory_has_no_tool(tmp_path: Path) -> None:
    async with served(tmp_path) as (address, token), client_of(address, token) as client:
        made = await client.post("/v1/auth/keys", json={"name": "runner", "scopes": ["runs:read"]})
        client.headers["Authorization"] = f"Bearer {made.json()['secret']}"
        assert (await asked(client, "tools/list"))["result"] == {"tools": []}
        refused = await asked(client, "tools/call", name="memory_search", arguments={"query": "gate"})
        assert refused["error"]["code"] == -32602
