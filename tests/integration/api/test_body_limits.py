"""How large a body may be, declared or not, and who hears of it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

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
