"""Writes that wait together share one transaction of a SQLite file, and fail apart."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowmatik.kernel.errors import Conflict, StoreFull
from flowmatik.kernel.sqlite import Connection
from flowmatik.stores.sqlite import SqliteStore


def insert(n: int, size: int = 1) -> Callable[[Connection], None]:
    return lambda db: db.execute("INSERT INTO things VALUES (?, ?)", (n, "x" * size)) and None


def count(db: Connection) -> int:
    return db.execute("SELECT count(*) FROM things").fetchone()[0]


async def opened(path: Path, **options: Any) -> SqliteStore:
    store = SqliteStore(path, **options)
    await store.write(lambda db: db.execute("CREATE TABLE things (n INTEGER PRIMARY KEY, text TEXT)"))
    return store


async def holding(store: SqliteStore, hold: threading.Event) -> "asyncio.Task[object]":
    """A write that has begun, alone in its transaction, and lasts until `hold` is set."""
    begun = threading.Event()

    def work(_: Connection) -> None:
        begun.set()
        hold.wait()

    task = asyncio.create_task(store.write(work))
    await asyncio.to_thread(begun.wait)
    return task


async def handed_over_together(store: SqliteStore, *works: Callable[[Connection], Any]) -> list[Any]:
    """The works wait while another write holds the writer, so that they form one group."""
    hold = threading.Event()
    first = await holding(store, hold)
    tasks = [asyncio.create_task(store.write(work)) for work in works]
    await asyncio.sleep(0)
    hold.set()
    await first
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_write_that_fails_takes_nothing_of_the_others_with_it(tmp_path: Path) -> None:
    store = await opened(tmp_path / "a.db")

    def half(db: Connection) -> None:
        insert(7)(db)
        raise ValueError("changed its mind")

    results = await handed_over_together(store, insert(1), insert(1), half, insert(2), count)
    assert isinstance(results[1], Conflict)
    assert isinstance(results[2], ValueError)
    assert (results[0], results[3], results[4]) == (None, None, 2)
    assert await store.read(count) == 2
    await store.close()


async def test_writes_that_wait_together_are_one_transaction(tmp_path: Path) -> None:
    store = await opened(tmp_path / "a.db")
    seen = await handed_over_together(
        store, insert(1), lambda db: db.in_transaction, insert(2), lambda _: reader_sees(tmp_path / "a.db")
    )
    assert seen[1] is True
    assert seen[3] == 0, "nothing of the group is visible before all of it is"
    assert await store.read(count) == 2
    await store.close()


def reader_sees(path: Path) -> int:
    from flowmatik.kernel.sqlite import connect

    reader = connect(path, read_only=True)
    try:
        return count(reader)
    finally:
        reader.close()


async def test_a_full_disk_refuses_the_write_that_does_not_fit_and_no_other(tmp_path: Path) -> None:
    store = await opened(tmp_path / "a.db", max_page_count=20)
    results = await handed_over_together(store, insert(1), insert(2, size=200_000), insert(3))
    assert (results[0], results[2]) == (None, None)
    assert isinstance(results[1], StoreFull)
    assert await store.read(count) == 2
    await store.close()


async def test_when_nothing_fits_every_caller_hears_of_it(tmp_path: Path) -> None:
    store = await opened(tmp_path / "a.db", max_page_count=20)
    results = await handed_over_together(store, *(insert(n, size=200_000) for n in range(3)))
    assert [type(result) for result in results] == [StoreFull] * 3
    assert await store.read(count) == 0
    assert await store.write(insert(9)) is None
    await store.close()


async def test_a_cancelled_caller_withdraws_nothing(tmp_path: Path) -> None:
    store = await opened(tmp_path / "a.db")
    hold = threading.Event()
    first = await holding(store, hold)
    second = asyncio.create_task(store.write(insert(1)))
    await asyncio.sleep(0)
    second.cancel()
    hold.set()
    await first
    with pytest.raises(asyncio.CancelledError):
        await second
    await store.close()
    again = SqliteStore(tmp_path / "a.db")
    assert await again.read(count) == 1
    await again.close()
