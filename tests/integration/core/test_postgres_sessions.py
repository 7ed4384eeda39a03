"""What the engine relies on holds whatever defaults a database has: isolation, commits on disk, retries,
row-level security."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from flowmatik.app import doctor
from flowmatik.app.settings import load_settings
from flowmatik.app.texts import Texts
from flowmatik.app.wiring import open_platform
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.contracts.tools import Effect
from flowmatik.kernel.errors import JournalUnavailable
from flowmatik.stores.migrate import current, upgrade
from flowmatik.stores.postgres import Durability, PostgresDatabase, connect_once, durability, open_pool
from tests.conftest import administer
from tests.integration.app.clerks import permit
from tests.integration.core.own_postgres import own_postgres_server

ROLES = ("flowmatik_engine", "flowmatik_api")


async def given(url: str, **defaults: str) -> None:
    """The database has these defaults for every session that says nothing else."""
    name = url.rpartition("/")[2]
    for setting, value in defaults.items():
        await administer(url, f"ALTER DATABASE \"{name}\" SET {setting} = '{value}'")


async def shown(url: str, role: Any) -> tuple[str, str]:
    """In another transaction than the one that a connection began with."""
    pool = await open_pool(url, role=role, max_size=1)
    try:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT 1")
        return (
            await pool.fetchval("SELECT current_setting('transaction_isolation')"),
            await pool.fetchval("SELECT current_setting('synchronous_commit')"),
        )
    finally:
        await pool.close()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("level", ["off", "local", "remote_write", "on"])
async def test_sessions_are_read_committed_and_their_commits_on_disk(
    pg_migrated: str, role: str, level: str
) -> None:
    await upgrade(pg_migrated)
    await given(pg_migrated, default_transaction_isolation="serializable", synchronous_commit=level)
    assert await shown(pg_migrated, role) == ("read committed", "on")


async def test_a_database_that_waits_for_more_than_the_disk_goes_on_doing_so(pg_migrated: str) -> None:
    await upgrade(pg_migrated)
    await given(pg_migrated, synchronous_commit="remote_apply")
    assert await shown(pg_migrated, "flowmatik_engine") == ("read committed", "remote_apply")
    assert (await durability(pg_migrated)).in_use == "remote_apply"


async def test_two_upgrades_at_once_make_one_schema_in_a_serializable_database(pg_database: str) -> None:
    await given(pg_database, default_transaction_isolation="serializable")
    await asyncio.gather(*(upgrade(pg_database) for _ in range(3)))
    applied, newest = await current(pg_database)
    assert applied == newest


@pytest.mark.parametrize(
    ("level", "said"),
    [
        ("on", "are on disk when they are acknowledged (synchronous_commit = on)"),
        ("off", "is off, the engine's"),
    ],
)
async def test_the_doctor_says_what_a_commit_waits_for(
    pg_migrated: str, tmp_path: Path, level: str, said: str
) -> None:
    await upgrade(pg_migrated)
    await given(pg_migrated, synchronous_commit=level)
    settings = load_settings(tmp_path, {"FLOWMATIK_DATABASE_URL": pg_migrated})
    findings = {finding.check: finding for finding in await doctor.check_store(settings)}
    assert findings["durability"].ok
    assert said in Texts("en")(findings["durability"].detail, **findings["durability"].values)


async def test_without_fsync_a_tool_that_acts_once_is_refused_and_the_doctor_says_why(tmp_path: Path) -> None:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    plan = PlanTask(
        id="s", objective="", tool="file_append", arguments={"path": "a.txt", "line": "b"}, effect=Effect.ONCE
    )
    with own_postgres_server("fsync=off") as server:
        settings = load_settings(tmp_path, {"FLOWMATIK_DATABASE_URL": server.url})
        async with open_platform(settings, recover_all=False) as platform:
            await permit(platform, "default", "file_append")
            run_id = await platform.runs.create("default", NewRun(goal="x", plan=(plan,)))
            view = await asyncio.wait_for(platform.runs.wait("default", run_id), 120)
        assert (view.status, view.tasks[0].error_code) == (RunStatus.FAILED, "tool.durability")
        findings = {finding.check: finding for finding in await doctor.check_store(settings)}
        assert findings["durability"].mend == "doctor.durability.fsync_mend"
        assert await durability(server.url) == Durability(fsync=False, synchronous_commit="on")


TAKE = "UPDATE agent_channels SET version = $1 WHERE workspace_id = 'default' AND name = $2"


async def channels(url: str) -> Any:
    """A pool over a database that has the channels a and b."""
    await upgrade(url)
    pool = await open_pool(url, role="flowmatik_engine", min_size=2, max_size=4)
    for name in "ab":
        await pool.execute("INSERT INTO agent_channels VALUES ('default', $1, $1, 'old')", name)
    return pool


async def test_two_transactions_that_wait_for_each_other_both_go_down(pg_migrated: str) -> None:
    """PostgreSQL ends one of them as a deadlock; the other's rows are let go and it is done again."""
    pool = await channels(pg_migrated)
    database = PostgresDatabase(pool)
    waits = "SELECT pg_sleep(0.3)"
    try:
        counts = await asyncio.gather(
            database.transaction([(TAKE, ("x", "a")), (waits, ()), (TAKE, ("x", "b"))]),
            database.transaction([(TAKE, ("y", "b")), (waits, ()), (TAKE, ("y", "a"))]),
        )
        assert [(one[0], one[2]) for one in counts] == [(1, 1), (1, 1)]
        assert len({row[0] for row in await database.fetch("SELECT version FROM agent_channels")}) == 1
        assert await deadlocks(pg_migrated) > 0
    finally:
        await pool.close()


async def deadlocks(url: str) -> int:
    connection = await connect_once(url)
    try:
        async with asyncio.timeout(120):
            while True:  # the server's counters lag
                await connection.execute("SELECT pg_stat_clear_snapshot()")
                if found := await connection.fetchval(
                    "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
                ):
                    return int(found)
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


class Flaky:
    """A pool whose statements fail so often before they are sent."""

    def __init__(self, pool: Any, error: Exception, times: int) -> None:
        self._pool = pool
        self._error = error
        self.left = times

    @asynccontextmanager
    async def acquire(self) -> AsyncGenerator[Any]:
        if self.left:
            self.left -= 1
            raise self._error
        async with self._pool.acquire() as connection:
            yield connection


SERIALISATION = "DO $do$ BEGIN RAISE EXCEPTION 'changed meanwhile' USING ERRCODE = '40001'; END $do$"


async def test_a_statement_that_could_not_be_serialised_is_tried_again_but_not_for_ever(
    pg_migrated: str,
) -> None:
    pool = await channels(pg_migrated)
    try:
        with pytest.raises(asyncpg.SerializationError) as failed:
            await pool.execute(SERIALISATION)
        flaky: Any = Flaky(pool, failed.value, 4)
        assert [tuple(row) for row in await PostgresDatabase(flaky).fetch("SELECT 1")] == [(1,)]
        assert flaky.left == 0
        with pytest.raises(JournalUnavailable):
            await PostgresDatabase(pool).fetch(SERIALISATION)
    finally:
        await pool.close()


GUARDED = """
SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,
    ARRAY(SELECT p.polname::text FROM pg_policy p WHERE p.polrelid = c.oid ORDER BY p.polname)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'workspace_id'
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace AND NOT a.attisdropped
"""


async def unguarded(url: str) -> tuple[int, dict[str, list[str]]]:
    """How many tables name a workspace, and the policies of those that do not keep workspaces apart."""
    connection = await connect_once(url)
    try:
        tables = await connection.fetch(GUARDED)
    finally:
        await connection.close()
    wanted = ["api_workspace", "engine_everywhere"]
    allowed = (wanted, [*wanted, "retention_everywhere"])  # of what the role that deletes runs must see
    return len(tables), {
        name: list(policies) for name, forced, policies in tables if not forced or policies not in allowed
    }


async def test_every_table_that_names_a_workspace_forces_row_level_security(pg_migrated: str) -> None:
    await upgrade(pg_migrated)
    count, open_ones = await unguarded(pg_migrated)
    assert count >= 15
    assert open_ones == {}


async def test_a_new_table_without_row_level_security_would_be_found(pg_migrated: str) -> None:
    await upgrade(pg_migrated)
    await administer(pg_migrated, "CREATE TABLE notes (workspace_id TEXT NOT NULL)")
    await administer(pg_migrated, "ALTER TABLE caps NO FORCE ROW LEVEL SECURITY")
    _, open_ones = await unguarded(pg_migrated)
    assert set(open_ones) == {"notes", "caps"}
