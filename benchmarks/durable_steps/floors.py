"""What the store itself allows: the results alone, with no engine about them.

`insert_commit` commits every step by itself; `group_commit` lets one writer commit whatever is
queued. Neither fences, records intents or feeds an outbox.
"""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import asyncpg as _asyncpg

from benchmarks.durable_steps.load import AT_ONCE, PAYLOAD, STEPS, steps_per_second
from flowmatik.kernel.canonical import dumps
from flowmatik.kernel.sqlite import connect

asyncpg = cast("Any", _asyncpg)  # ships no types

TABLE = (
    "CREATE TABLE steps (run_id text NOT NULL, seq integer NOT NULL, payload text NOT NULL, "
    "PRIMARY KEY (run_id, seq))"
)
Row = tuple[str, int, str]
Write = Callable[[list[Row]], Awaitable[None]]


@asynccontextmanager
async def _postgres(job: dict[str, Any]) -> AsyncGenerator[Write]:
    async with asyncpg.create_pool(job["target"], min_size=AT_ONCE, max_size=AT_ONCE) as pool:
        await pool.execute(TABLE)

        async def write(rows: list[Row]) -> None:
            if len(rows) == 1:
                await pool.execute("INSERT INTO steps VALUES ($1, $2, $3)", *rows[0])
                return
            columns = [list(column) for column in zip(*rows, strict=True)]
            await pool.execute(
                "INSERT INTO steps SELECT * FROM unnest($1::text[], $2::int[], $3::text[])", *columns
            )

        yield write


@asynccontextmanager
async def _sqlite(job: dict[str, Any]) -> AsyncGenerator[Write]:
    """One writer: more connections would only queue for the file's one write lock."""
    level = str(job["store"]).removeprefix("sqlite_").upper()
    connection = connect(Path(job["target"]) / "floor.db", synchronous=cast("Any", level))
    connection.execute(TABLE)
    loop = asyncio.get_running_loop()

    def insert(rows: list[Row]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO steps VALUES (?, ?, ?)", rows)
        connection.execute("COMMIT")

    with ThreadPoolExecutor(1) as thread:

        async def write(rows: list[Row]) -> None:
            await loop.run_in_executor(thread, insert, rows)

        yield write
    connection.close()


class _Group:
    """One writer; what arrives while it writes goes down together next."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._queue: asyncio.Queue[tuple[Row, asyncio.Future[None]]] = asyncio.Queue()

    async def put(self, row: Row) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((row, done))
        await done

    async def work(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while not self._queue.empty():
                batch.append(self._queue.get_nowait())
            await self._write([row for row, _ in batch])
            for _, done in batch:
                done.set_result(None)


async def measure(job: dict[str, Any]) -> dict[str, float]:
    numbers = itertools.count()
    opened = _postgres if job["store"] == "postgres" else _sqlite
    async with opened(job) as write:
        group = _Group(write)
        writer = asyncio.create_task(group.work())

        async def alone(row: Row) -> None:
            await write([row])

        put = group.put if job["mode"] == "group" else alone

        async def one_run() -> None:
            run_id = f"run-{next(numbers)}"
            for n in range(STEPS):
                await put((run_id, n, dumps({"n": n, "data": PAYLOAD})))

        try:
            return await steps_per_second(job, one_run)
        finally:
            writer.cancel()
