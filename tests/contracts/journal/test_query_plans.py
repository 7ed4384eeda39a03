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
    ("unfinished", "runs_unfinished", ("", 500)),
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
    pg_database: str, statement: str, index: str, arguments: tuple[object, ...]
) -> None:
    await upgrade(pg_database)
    connection = await connect_once(pg_database)
    try:
        await connection.execute("SET enable_seqscan = off")  # of empty tables it would be cheaper
        rows = await connection.fetch(f"EXPLAIN {queries.postgres()[statement]}", *arguments)
    finally:
        await connection.close()
    plan = "\n".join(str(row[0]) for row in rows)
    assert index in plan, plan
