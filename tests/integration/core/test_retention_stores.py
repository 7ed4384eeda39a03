"""Deletion in real databases: nothing of a run stays in any table, and nobody but one role can do it."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from flowmatik.core.journal.port import HeadChange, NewTimer, Snapshot
from flowmatik.core.journal.postgres import PostgresJournal
from flowmatik.kernel.sqlite import connect
from flowmatik.stores.postgres import PostgresDatabase, connect_once, open_pool
from tests.contracts.journal.stores import HandClock, Store, event, owned, postgres_store, sqlite_store

SECRET = "the-secret-of-run-one"
KEPT = {"tombstones"}


def count_of(table: str) -> str:
    return " ".join(("SELECT count(*) FROM", table, "WHERE run_id = 'run_1'"))


async def full_run(store: Store) -> None:
    """An ended run with a row in every table that has one of runs."""
    journal = store.journal
    await journal.register_subscriber("mail", ordered=True)
    await journal.set_cap("default", "month", 1000)
    owner = await owned(journal, "run_1")
    await journal.post("run_1", "i", "signal", f'"{SECRET}"')
    await journal.allot("default", "run_1", 1, {"month": 5})
    rows = [event(payload=f'{{"call_id":"{SECRET} {n}"}}') for n in range(300)]
    await owner.append(owner.next(*rows, timers=(NewTimer(timer_id="t", due_at="2099-01-01T00:00:00Z"),)))
    await journal.save_snapshot("run_1", Snapshot(seq=owner.seq, fold_version="v", body=SECRET * 100))
    await owner.append(owner.next(event(), head=HeadChange(status="succeeded")))
    await journal.relayed(await journal.outbox(100))
    await journal.set_subscriber_seq("mail", "run_1", owner.seq)


async def tables_of_sqlite(path: Path) -> dict[str, int]:
    connection = connect(path, read_only=True)
    try:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found: dict[str, int] = {}
        for name in names:
            columns = {row[1] for row in connection.execute(f"PRAGMA table_info({name})")}
            if "run_id" in columns:
                count = connection.execute(count_of(name)).fetchone()
                found[name] = count[0]
        return found
    finally:
        connection.close()


async def tables_of_postgres(dsn: str) -> dict[str, int]:
    connection = await connect_once(dsn)
    try:
        rows = await connection.fetch(
            "SELECT table_name FROM information_schema.columns"
            " WHERE column_name = 'run_id' AND table_schema = current_schema()"
        )
        found: dict[str, int] = {}
        for (name,) in rows:
            found[name] = await connection.fetchval(count_of(name))
        return found
    finally:
        await connection.close()


async def test_nothing_of_a_deleted_run_is_left_in_any_table_or_page_of_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with sqlite_store(tmp_path) as store:
        await full_run(store)
        before = await tables_of_sqlite(path)
        assert before["run_events"] > 300
        assert await store.journal.delete_runs(["run_1"]) == ["run_1"]
        after = await tables_of_sqlite(path)
    assert {name for name, count in after.items() if count} == KEPT
    assert set(before) == set(after)
    assert SECRET.encode() not in path.read_bytes(), "closed, and so checkpointed"


async def test_nothing_of_a_deleted_run_is_left_in_any_table_of_postgresql(pg_migrated: str) -> None:
    async with postgres_store(pg_migrated) as store:
        await full_run(store)
        before = await tables_of_postgres(pg_migrated)
        filled = {name for name, count in before.items() if count}
        assert {"runs", "run_events", "run_inbox", "timers", "snapshots", "allotments", "holders"} <= filled
        assert "subscriber_positions" in filled
        assert await store.journal.delete_runs(["run_1"]) == ["run_1"]
        after = await tables_of_postgres(pg_migrated)
    assert {name for name, count in after.items() if count} == KEPT


async def test_neither_the_engines_role_nor_the_apis_can_delete(pg_migrated: str) -> None:
    async with postgres_store(pg_migrated):
        for role in ("flowmatik_engine", "flowmatik_api"):
            pool = await open_pool(pg_migrated, role=role, min_size=0, max_size=1)
            try:
                for table in ("runs", "run_events", "run_inbox", "tombstones"):
                    with pytest.raises(asyncpg.InsufficientPrivilegeError):
                        await pool.execute(" ".join(("DELETE FROM", table)))
            finally:
                await pool.close()


async def test_sweeps_at_once_delete_every_run_once_and_wait_for_nobody(pg_migrated: str) -> None:
    async with postgres_store(pg_migrated) as store:
        ids = [f"run_{n:02}" for n in range(40)]
        for run_id in ids:
            owner = await owned(store.journal, run_id)
            await owner.append(owner.next(event(), head=HeadChange(status="failed")))
        await store.journal.relayed(await store.journal.outbox(1000))
        gone = await asyncio.gather(*(store.journal.delete_runs(ids) for _ in range(4)))
        while sum(map(len, gone)) < 40:  # what one had locked, another left for later
            gone.append(await store.journal.delete_runs(ids))
        assert sorted(run_id for batch in gone for run_id in batch) == ids


async def test_a_hold_that_is_being_set_and_a_deletion_do_not_pass_each_other(pg_migrated: str) -> None:
    async with postgres_store(pg_migrated) as store:
        owner = await owned(store.journal, "run_1")
        await owner.append(owner.next(event(), head=HeadChange(status="failed")))
        connection: Any = await connect_once(pg_migrated)
        try:
            async with connection.transaction():
                await connection.execute("UPDATE runs SET held = 1 WHERE run_id = 'run_1'")
                assert await store.journal.delete_runs(["run_1"]) == [], "locked by whoever holds it"
            assert await store.journal.delete_runs(["run_1"]) == []
        finally:
            await connection.close()


async def test_a_journal_without_the_role_deletes_nothing(pg_migrated: str) -> None:
    async with postgres_store(pg_migrated):
        pool = await open_pool(pg_migrated, role="flowmatik_engine", min_size=0, max_size=1)
        try:
            journal = PostgresJournal(PostgresDatabase(pool), HandClock())
            with pytest.raises(Exception, match="flowmatik_retention"):
                await journal.delete_runs(["run_1"])
            await journal.close()
        finally:
            await pool.close()
