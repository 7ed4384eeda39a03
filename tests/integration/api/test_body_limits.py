"""How large a body may be, declared or not, and who hears of it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from flowmatik.api import bodies
from flowmatik.contracts.runs import NewRun
from flowmatik.contracts.security import Principal
from tests.integration.api_apps import app_with

MAX_JSON, MAX_BODY = 1000, 5000
HEADERS = {"Authorization": "Bearer key", "Content-Type": "application/json"}


class Anyone:
    async def authenticate(self, credential: str) -> Principal:
        return Principal(id="u", name="u", workspace_id="a", scopes=frozenset({"admin"}))


class Created:
    async def create(self, workspace_id: str, new: NewRun) -> str:
        return f"run_{len(new.goal)}"


@dataclass
class Gateway:
    client: httpx.AsyncClient
    folder: Path
    counted: list[tuple[str, int]] = field(default_factory=lambda: [])


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    counted: list[tuple[str, int]] = []

    def count(method: str, status: int) -> None:
        counted.append((method, status))

    app = app_with(
        runs=Created(),
        identity=Anyone(),
        upload_dir=tmp_path,
        on_request=count,
        max_json=MAX_JSON,
        max_body=MAX_BODY,
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield Gateway(client, tmp_path, counted)


async def undeclared(*parts: bytes) -> AsyncIterator[bytes]:
    """A body in parts, so that httpx sends no Content-Length."""
    for part in parts:
        yield part


async def test_an_undeclared_body_within_the_limit_is_taken(gateway: Gateway) -> None:
    body = undeclared(b'{"goal":"', b"x" * 900, b'"}')
    answer = await gateway.client.post("/v1/runs", content=body, headers=HEADERS)
    assert (answer.status_code, answer.json()) == (202, {"id": "run_900"})


@pytest.mark.parametrize("size", [MAX_JSON, MAX_BODY + 1])
async def test_an_undeclared_body_over_the_limit_is_too_large(gateway: Gateway, size: int) -> None:
    body = undeclared(b'{"goal":"', b"x" * size, b'"}')
    answer = await gateway.client.post("/v1/runs", content=body, headers=HEADERS)
    assert (answer.status_code, answer.json()["code"]) == (413, "input.too_large")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_declared_length_over_the_limit_is_too_large_before_it_is_read(gateway: Gateway) -> None:
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    headers = HEADERS | {"Content-Length": str(MAX_JSON + 1)}
    answer = await gateway.client.post("/v1/runs", content=never(), headers=headers)
    assert answer.json()["code"] == "input.too_large"


@pytest.mark.parametrize("declare", [True, False])
async def test_an_upload_over_its_own_limit_is_too_large_and_leaves_nothing(
    gateway: Gateway, declare: bool
) -> None:
    files = {"files": ("a.md", b"x" * (MAX_BODY + 1), "text/markdown")}
    made = gateway.client.build_request("POST", "/v1/memory/documents", files=files)
    headers = HEADERS | {"Content-Type": made.headers["content-type"]}
    whole = made.read()
    content = whole if declare else undeclared(whole[:3000], whole[3000:])
    answer = await gateway.client.post("/v1/memory/documents", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "input.too_large")
    assert list(gateway.folder.rglob("*")) == []


async def test_a_refused_body_is_counted_and_carries_the_protective_headers(gateway: Gateway) -> None:
    body = undeclared(b"x" * (MAX_JSON + 1))
    answer = await gateway.client.post("/v1/runs", content=body, headers=HEADERS)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert gateway.counted == [("POST", 413)]


async def dripping(seconds: float, parts: int) -> AsyncIterator[bytes]:
    """A valid body, a byte at a time, `seconds` apart."""
    for byte in b'{"goal": "x"}'.ljust(parts):
        yield bytes([byte])
        await asyncio.sleep(seconds)


async def test_a_body_that_does_not_come_keeps_its_place_for_a_while_and_gets_408(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "PATIENCE_SECONDS", 0.3)
    asked = asyncio.wait_for(
        gateway.client.post("/v1/runs", content=dripping(0.05, 900), headers=HEADERS), 120
    )
    refused = await asked
    assert (refused.status_code, refused.json()["code"]) == (408, "input.too_slow")
    assert refused.headers["Connection"] == "close"
    assert gateway.counted == [("POST", 408)]


async def test_a_body_that_comes_slowly_but_within_its_time_is_taken(gateway: Gateway) -> None:
    taken = await gateway.client.post("/v1/runs", content=dripping(0.02, 13), headers=HEADERS)
    assert taken.status_code == 202


async def test_a_large_body_has_the_longer_the_more_of_it_has_come(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr(bodies, "SLOWEST", 10)
    taken = await gateway.client.post("/v1/runs", content=dripping(0.05, 20), headers=HEADERS)
    assert taken.status_code == 202
