"""On PostgreSQL a workspace is kept from the others by the database itself, whatever a query forgets."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from flowmatik.app.settings import load_settings
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.database import Row, Statement
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun, RunStatus
from flowmatik.contracts.security import Principal
from flowmatik.core.journal.postgres import PostgresReads
from flowmatik.kernel.errors import InvalidInput, NotFound
from flowmatik.stores.postgres import PostgresDatabase, open_pool
from tests.conftest import administer
from tests.integration.app.clerks import permit
from tests.unit.core.engines import eventually

PLAN = (PlanTask(id="s0", objective="", tool="memory_search", arguments={"query": "x"}),)
PROFILE = """
apiVersion: flowmatik/v1
kind: Agent
metadata: {name: clerk}
role: worker
summary: Files things.
instructions: File it.
skills: [documents]
"""


class Forgetful(PostgresReads):
    """Its queries do not ask for a workspace."""

    async def _ask(self, sql: str, *params: Any) -> list[Row]:
        return await super()._ask(sql.replace("r.workspace_id = $1 AND", "$1 <> '' AND"), *params)


@pytest.fixture
async def platform(pg_migrated: str, tmp_path: Path) -> AsyncIterator[Platform]:
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    settings = load_settings(tmp_path, {"FLOWMATIK_DATABASE_URL": pg_migrated})
    async with open_platform(settings, recover_all=False) as opened:
        yield opened


OLD_RECORD = """
INSERT INTO bulk_operations (workspace_id, request_id, action, asked, asked_by, begun_at, touched_at, calls,
    open_calls, matched, done, passed, failed)
VALUES ('b', 'old', 'cancel', '{}', 'ana', '2001-01-01T00:00:00Z', '2001-01-01T00:00:00Z', 1, 0, 1, 0, 0, 1);
INSERT INTO bulk_failures (workspace_id, request_id, failed_run, code, message)
VALUES ('b', 'old', 'r', 'c', '');
"""


async def a_run(platform: Platform, workspace_id: str) -> str:
    await permit(platform, workspace_id, "memory_search")
    run_id = await platform.runs.create(workspace_id, NewRun(goal="g", plan=PLAN))
    view = await asyncio.wait_for(platform.runs.wait(workspace_id, run_id), 120)
    assert view.status is RunStatus.SUCCEEDED
    return run_id


async def test_callers_of_a_workspace_get_its_runs_and_no_others(platform: Platform) -> None:
    ours, theirs = await a_run(platform, "default"), await a_run(platform, "b")
    for workspace_id, run_id in (("default", ours), ("b", theirs)):
        listed = await platform.runs.list(workspace_id)
        assert [one.id for one in listed.items] == [run_id]
        view = await platform.runs.get(workspace_id, run_id)
        events = [one async for one in platform.runs.events(workspace_id, run_id)]
        assert len(events) == view.head_seq > 0
        assert (await platform.runs.replay(workspace_id, run_id)).differences == ()
    for ask in (platform.runs.get, platform.runs.replay, platform.runs.cancel):
        with pytest.raises(NotFound):
            await ask("b", ours)


async def test_a_query_that_forgets_its_filter_still_sees_no_other_workspace(
    platform: Platform, pg_migrated: str
) -> None:
    ours, theirs = await a_run(platform, "default"), await a_run(platform, "b")
    api = await open_pool(pg_migrated, role="flowmatik_api", max_size=1)
    try:
        seen = Forgetful(PostgresDatabase(api).within("b"))
        heads = await seen.list_heads("default", status=None, before=None, limit=10)
        assert [head.run_id for head in heads] == [theirs]
        assert await seen.read(ours) == []
        assert len(await seen.read(theirs)) > 0
        with pytest.raises(NotFound):
            await seen.head("default", ours)
    finally:
        await api.close()


async def test_a_workspace_of_any_name_is_set_for_whoever_asks_and_for_nobody_else(pg_migrated: str) -> None:
    api = await open_pool(pg_migrated, role="flowmatik_api", max_size=1)
    database, ask = PostgresDatabase(api), "SELECT current_setting('flowmatik.workspace', true)"
    try:
        for name in ("b", "o'neill", "a\\'; RESET ROLE; --", "ñ"):
            assert [row[0] for row in await database.within(name).fetch(ask)] == [name]
            assert not (await database.fetch(ask))[0][0]
        with pytest.raises(InvalidInput):
            await database.within("b").fetch("SELECT 1 / $1::int", 2**40)
        with pytest.raises(InvalidInput):
            await database.within("b\0").fetch(ask)
        assert not (await database.fetch(ask))[0][0]
        for statements in ([(ask, ())], [(ask, ()), (ask, ())]):
            assert await database.within("c").transaction(statements) == [1] * len(statements)
            assert [row[0] for row in await database.within("c").fetch(ask)] == ["c"]
            assert await database.transaction(statements) == [1] * len(statements)
            assert not (await database.fetch(ask))[0][0]
    finally:
        await api.close()


async def test_rows_written_on_a_connection_that_served_another_workspace_are_the_callers_own(
    platform: Platform, pg_migrated: str
) -> None:
    ours = await a_run(platform, "default")
    api = await open_pool(pg_migrated, role="flowmatik_api", max_size=1)
    database = PostgresDatabase(api)
    renamed: list[Statement] = [("UPDATE agent_channels SET split = split", ())]
    try:
        (mine,) = await database.within("default").transaction(renamed)
        assert mine > 0
        assert await database.transaction(renamed) == [0]
        assert await database.within("c").transaction([*renamed, *renamed]) == [0, 0]
        assert await database.within("default").fetch("SELECT run_id FROM runs") == [(ours,)]
        assert await database.fetch("SELECT run_id FROM runs") == []
    finally:
        await api.close()


async def test_what_callers_ask_is_read_under_the_role_of_the_api(
    platform: Platform, pg_migrated: str
) -> None:
    run_id = await a_run(platform, "default")
    await administer(pg_migrated, "REVOKE SELECT ON runs FROM flowmatik_api")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await platform.runs.list("default")
    for ask in (platform.runs.get, platform.runs.replay, platform.runs.cancel, platform.runs.wait):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await ask("default", run_id)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        _ = [one async for one in platform.runs.events("default", run_id)]
    await administer(pg_migrated, "REVOKE SELECT ON dead_letters FROM flowmatik_api")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await platform.dead_letters.list("default")


async def test_agents_and_keys_are_of_the_workspace_of_the_call(platform: Platform) -> None:
    await platform.agents.apply("b", PROFILE, filename="clerk.yaml")
    shipped = [agent.name for agent in await platform.agents.list("default")]
    assert [agent.name for agent in await platform.agents.list("b")] == [*shipped, "clerk"]
    assert "clerk" not in [agent.name for agent in await platform.agents.list("default")]
    other = Principal(id="u", name="u", workspace_id="b", scopes=frozenset({"admin"}))
    key = await platform.identity.create_key(other, "theirs", ("runs:read",))
    assert (await platform.identity.authenticate(key.secret)).workspace_id == "b"


async def test_old_records_of_bulk_operations_go_in_every_workspace(pg_migrated: str, tmp_path: Path) -> None:
    await administer(pg_migrated, OLD_RECORD)
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    settings = load_settings(tmp_path, {"FLOWMATIK_DATABASE_URL": pg_migrated})
    pool = await open_pool(pg_migrated, role="flowmatik_engine", max_size=1)
    everywhere = PostgresDatabase(pool)

    async def gone() -> bool:
        found = "SELECT count(*) FROM bulk_operations UNION ALL SELECT count(*) FROM bulk_failures"
        return [row[0] for row in await everywhere.fetch(found)] == [0, 0]

    try:
        assert not await gone()
        async with open_platform(settings, recover_all=False):
            await eventually(gone, 120)
    finally:
        await pool.close()
