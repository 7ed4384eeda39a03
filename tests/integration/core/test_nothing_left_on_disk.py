"""A deleted run is gone from the bytes on the disk: the journal's file and its log, and the blobs."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from flowmatik.contracts.blobs import BlobStore
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun
from flowmatik.contracts.tools import ToolContext
from flowmatik.core.journal.port import Journal
from flowmatik.stores.blobs.files import FileBlobs
from flowmatik.stores.blobs.s3 import S3Blobs, S3Place
from flowmatik.testing.s3_server import S3Server, serving
from flowmatik.testing.tools import FunctionTool, FunctionTools
from tests.contracts.journal.stores import postgres_store, sqlite_store
from tests.unit.core.engines import eventually, running_engine

WS = "default"
MARKER = "this-is-what-must-go"
PLAN = (
    PlanTask(id="small", objective=MARKER, tool="say", arguments={"times": 1}),
    PlanTask(id="large", objective="", tool="say", arguments={"times": 5000, "of": MARKER}),
)


def saying() -> FunctionTools:
    async def say(arguments: dict[str, Any], context: ToolContext) -> Any:
        return [MARKER] * arguments["times"]

    return FunctionTools({"say": FunctionTool(function=say)})


def bytes_below(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


async def run_and_delete(
    journal: Journal, blobs: BlobStore, marked: Callable[[], bool], gone: Callable[[], bool]
) -> None:
    async with running_engine(journal=journal, blobs=blobs, tools=saying()) as engine:
        run_id = await engine.runs.create(WS, NewRun(goal=MARKER, plan=PLAN))
        await asyncio.wait_for(engine.runs.wait(WS, run_id), 120)
        await engine.bus.drain()
        assert marked()
        deleted = await engine.retention.delete(WS, run_id)
        assert deleted.blobs == 1
        assert deleted.blob_bytes > 5000 * len(MARKER)

        async def is_gone() -> bool:
            return gone()

        await eventually(is_gone)


async def test_no_byte_of_a_deleted_run_is_left_while_the_process_goes_on(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path / "blobs")
    left = tmp_path / "blobs" / WS

    def crashed() -> bool:
        (place,) = [file for file in left.rglob("*") if file.is_file()]
        (place.parent / f".part-{place.name}-x1").write_text(MARKER)  # as a crash in the middle leaves it
        return MARKER.encode() in bytes_below(tmp_path)

    async with sqlite_store(tmp_path) as store:
        await run_and_delete(
            store.journal, blobs, crashed, lambda: MARKER.encode() not in bytes_below(tmp_path)
        )
        assert (tmp_path / "journal.db-wal").exists(), "the log is there, and has nothing of it"


@asynccontextmanager
async def bucket() -> AsyncGenerator[tuple[S3Server, S3Blobs]]:
    async with serving(S3Server(bucket="b", access_key="k", secret_key="s")) as server:
        place = S3Place(url="s3://b/p", endpoint=server.url, access_key="k", secret_key="s")
        yield server, S3Blobs(place)


async def test_nothing_of_a_deleted_run_is_left_in_a_bucket(pg_database: str) -> None:
    async with postgres_store(pg_database) as store, bucket() as (server, blobs):
        await run_and_delete(store.journal, blobs, lambda: bool(server.objects), lambda: not server.objects)
