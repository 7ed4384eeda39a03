"""`kept`: each store of blobs in turn, empty; `damage` overwrites what it keeps of one."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from flowmatik.contracts.blobs import BlobStore
from flowmatik.core.blobs import InMemoryBlobs
from flowmatik.stores.blobs.files import FileBlobs
from flowmatik.stores.blobs.s3 import S3Blobs, S3Place
from flowmatik.testing.s3_server import S3Server, serving


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    blobs: BlobStore
    damage: Callable[[str, str], Awaitable[None]]


@asynccontextmanager
async def in_memory(_: Path) -> AsyncGenerator[Kept]:
    blobs = InMemoryBlobs()

    async def damage(workspace: str, sha256: str) -> None:
        cast("Any", blobs)._kept[workspace, sha256] = b"rotten"

    yield Kept(blobs=blobs, damage=damage)


@asynccontextmanager
async def in_files(root: Path) -> AsyncGenerator[Kept]:
    async def damage(workspace: str, sha256: str) -> None:
        (root / workspace / sha256[:2] / sha256).write_bytes(b"rotten")

    yield Kept(blobs=FileBlobs(root), damage=damage)


def a_server() -> S3Server:
    return S3Server(bucket="blobs", access_key="key", secret_key="secret")


def place_at(server: S3Server, **changed: str) -> S3Place:
    known = {"access_key": server.access_key, "secret_key": server.secret_key, "url": "s3://blobs/some/where"}
    return S3Place(**{**known, "endpoint": server.url, **changed})


@asynccontextmanager
async def in_a_bucket(_: Path) -> AsyncGenerator[Kept]:
    async with serving(a_server()) as server:

        async def damage(workspace: str, sha256: str) -> None:
            server.objects[f"some/where/{workspace}/{sha256[:2]}/{sha256}"] = b"rotten"

        yield Kept(blobs=S3Blobs(place_at(server)), damage=damage)
        assert server.refused == 0


@pytest.fixture(params=[in_memory, in_files, in_a_bucket], ids=["memory", "files", "s3"])
async def kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kept]:
    async with request.param(tmp_path / "blobs") as found:
        yield found
        await found.blobs.close()
