"""The SQLite journal on a locked and on a full file: unavailable, and nothing half-written."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flowmatik.core.journal.port import Journal
from flowmatik.core.journal.sqlite import SqliteJournal
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import JournalUnavailable
from flowmatik.kernel.sqlite import connect
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.sqlite import SqliteStore
from tests.contracts.journal.stores import HandClock, event, owned


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    await upgrade(tmp_path / "journal.db")
    return tmp_path / "journal.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(path, busy_timeout_ms=20)
    yield opened
    await opened.close()


async def test_a_file_locked_by_another_program_is_unavailable_until_it_lets_go(
    path: Path, store: SqliteStore
) -> None:
    run = await owned(SqliteJournal(store, SystemClock()), "run_1")
    waiting = run.next(event("Step"))
    other = connect(path)
    try:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(JournalUnavailable) as caught:
            await run.append(waiting)
        assert caught.value.retryable
        assert len(await run.journal.read("run_1")) == 2
        other.execute("ROLLBACK")
    finally:
        other.close()
    assert (await run.append(waiting)).head_seq == 3


async def test_a_full_disk_writes_nothing_by_halves(path: Path, store: SqliteStore) -> None:
    run = await owned(SqliteJournal(store, SystemClock()), "run_1")
    await run.append(run.next(event("Fits")))
    await store.close()
    small = SqliteStore(path, max_page_count=1)  # SQLite keeps at least the pages in use
    journal: Journal = SqliteJournal(small, SystemClock())
    run.journal = journal
    try:
        with pytest.raises(JournalUnavailable, match="full"):
            await run.append(run.next(event("Small"), event("Big", "x" * 100_000)))
        assert [e.type for e in await journal.read("run_1", after_seq=2)] == ["Fits"]
        assert (await journal.head(None, "run_1")).head_seq == 3
        assert [e.from_seq for e in await journal.outbox(10)] == [1, 2, 3]
    finally:
        await small.close()


async def test_of_a_batch_on_a_nearly_full_disk_what_still_fits_goes_down(
    path: Path, store: SqliteStore
) -> None:
    journal = SqliteJournal(store, SystemClock())
    runs = [await owned(journal, f"run_{n}") for n in range(3)]
    pages = await store.read(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
    await store.write(lambda db: db.execute(f"PRAGMA max_page_count = {pages + 8}").fetchone())
    sizes = (10, 1_000_000, 10)
    results = await asyncio.gather(
        *(run.append(run.next(event("Step", "x" * size))) for run, size in zip(runs, sizes, strict=True)),
        return_exceptions=True,
    )
    assert [type(result).__name__ for result in results] == ["Appended", "StoreFull", "Appended"]
    assert [len(await journal.read(run.run_id)) for run in runs] == [3, 2, 3]
    await store.write(lambda db: db.execute("PRAGMA max_page_count = 1000000").fetchone())
    assert (await runs[1].append(runs[1].next(event("Step", "x" * 1_000_000)))).head_seq == 3


async def test_the_home_s_engine_need_not_wait_for_the_leases_of_a_crashed_one(store: SqliteStore) -> None:
    journal = SqliteJournal(store, HandClock())
    await owned(journal, "run_1", "wkr_crashed")
    assert await journal.ready(5) == []
    await journal.forget_workers()
    assert await journal.ready(5) == ["run_1"]


async def test_appends_handed_over_go_down_before_the_journal_closes(store: SqliteStore) -> None:
    journal = SqliteJournal(store, SystemClock())
    run = await owned(journal, "run_1")
    pending = asyncio.create_task(run.append(run.next(event("Last"))))
    await asyncio.sleep(0)
    await journal.close()
    assert (await pending).head_seq == 3
    with pytest.raises(JournalUnavailable):
        await run.append(run.next(event("Too late")))
