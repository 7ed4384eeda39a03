"""What is asked again and again reads an index, however many runs are stored."""

import sqlite3
from pathlib import Path

import pytest

from flowmatik.core.journal import queries
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.postgres import connect_once

# statement, the index that it needs, its arguments
LOOKS = [
    ("unheard", "runs_owned", ("wkr_1", 500)),
    ("foreign", "runs_unfinished", (1, 6, 20)),
    ("deletable", "events_in_doubt", ("2026-01-01", "[]", 100, "2026-01-01")),
    ("deletable", "runs_ended", ("2026-01-01", "[]", 100, "2026-01-01")),
]
ON_POSTGRES = [look for look in LOOKS if look[0] != "unheard"]


@pytest.mark.parametrize(("statement", "index", "arguments"), LOOKS)
async def test_sqlite_needs_no_look_at_all_runs(
    tmp_path: Path, statement: str, index: str, arguments: tuple[object, ...]
) -> None:
    path = tmp_path / "journal.db"
    await upgrade(path)
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {queries.sqlite()[statement]}", arguments).fetchall()
    finally:
        connection.close()
    plan = [str(row[3]) for row in rows]
    assert any(index in step for step in plan), plan


@pytest.mark.parametrize(("statement", "index", "arguments"), ON_POSTGRES)
async def test_postgres_can_do_without_reading_all_runs(
    pg_migrated: str, statement: str, index: str, arguments: tuple[object, ...]
) -> None:
    plan = await _plan(pg_migrated, statement, arguments)
    assert index in plan, plan


async def test_postgres_looks_for_due_timers_in_the_index_and_reads_no_other(pg_migrated: str) -> None:
    plan = await _plan(pg_migrated, "fire_due_timers", (500, "2026-01-01"))
    assert "Index Cond: (due_at <= " in plan, plan


async def _plan(dsn: str, statement: str, arguments: tuple[object, ...]) -> str:
    await upgrade(dsn)
    connection = await connect_once(dsn)
    try:
        await connection.execute("SET enable_seqscan = off")  # of empty tables it would be cheaper
        await connection.execute("SET enable_bitmapscan = off")
        rows = await connection.fetch(f"EXPLAIN {queries.postgres()[statement]}", *arguments)
    finally:
        await connection.close()
    return "\n".join(str(row[0]) for row in rows)
