"""Teams over real databases: who bears what a principal spends, each workspace for itself."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flowmatik.contracts.budgets import Bearing
from flowmatik.contracts.database import Database
from flowmatik.contracts.security import Principal
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import Conflict, InvalidInput, NotFound
from flowmatik.security import StoredIdentity, StoredTeams
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.postgres import PostgresDatabase, open_pool
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore

WS = "default"


@pytest.fixture(params=["sqlite", "postgres"])
def dsn(request: pytest.FixtureRequest) -> str:
    return "" if request.param == "sqlite" else request.getfixturevalue("pg_migrated")


@pytest.fixture
async def database(dsn: str, tmp_path: Path) -> AsyncIterator[Database]:
    if not dsn:
        await upgrade(tmp_path / "journal.db")
        store = SqliteStore(tmp_path / "journal.db")
        yield SqliteDatabase(store)
        await store.close()
        return
    pool = await open_pool(dsn, role="flowmatik_api", max_size=2)
    yield PostgresDatabase(pool)
    await pool.close()


def teams_in(database: Database) -> StoredTeams:
    def owner_of(principal: str) -> str:
        return "local" if principal == "key_local" else principal

    return StoredTeams(database, SystemClock(), local="local", owner_of=owner_of)


async def person(database: Database, user_id: str, name: str, workspace: str = WS) -> Principal:
    row = (user_id, workspace, name, "", "admin", "2026-01-01", 0)
    await database.within(workspace).transaction(
        [
            (
                "INSERT INTO users (id, workspace_id, username, password_hash, scopes, created_at, disabled)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7)",
                row,
            )
        ]
    )
    return Principal(id=user_id, name=name, workspace_id=workspace, scopes=frozenset({"admin"}))


async def test_a_key_spends_for_whoever_made_it_and_their_teams(database: Database, tmp_path: Path) -> None:
    teams, identity = teams_in(database), StoredIdentity(database, SystemClock(), tmp_path / "keys")
    ana = await person(database, "usr_1", "ana")
    key = await identity.create_key(ana, "batch", ("runs:write",))
    holder = Principal(id=key.id, name="batch", workspace_id=WS, scopes=frozenset({"admin"}))
    nested = await identity.create_key(holder, "nested", ("runs:write",))
    assert await teams.bearing(WS, "usr_1") == Bearing(principals=("usr_1",))
    assert await teams.bearing(WS, key.id) == Bearing(principals=(key.id, "usr_1"))
    assert await teams.bearing(WS, nested.id) == Bearing(principals=(nested.id, "usr_1"))
    await teams.add(WS, "sales", "ana")
    await teams.add(WS, "sales", "ana")
    await teams.add(WS, "night", "batch")
    assert await teams.bearing(WS, key.id) == Bearing(principals=(key.id, "usr_1"), teams=("night", "sales"))
    assert [(one.team, one.name) for one in await teams.members(WS)] == [("night", "batch"), ("sales", "ana")]
    assert await teams.bearing("other", key.id) == Bearing(principals=(key.id,))
    await teams.remove(WS, "sales", "ana")
    assert await teams.bearing(WS, "usr_1") == Bearing(principals=("usr_1",))


async def test_runs_of_nobody_and_of_this_machines_key_are_the_local_ones(
    database: Database,
) -> None:
    teams = teams_in(database)
    added = await teams.add(WS, "home", "local")
    assert (added.principal, added.name) == ("local", "local")
    for principal in ("", "local", "key_local"):
        assert await teams.bearing(WS, principal) == Bearing(principals=("local",), teams=("home",))


async def test_somebody_unknown_or_of_another_workspace_is_in_no_team(database: Database) -> None:
    teams = teams_in(database)
    await person(database, "usr_9", "eve", workspace="other")
    for named in ("eve", "usr_9", "nobody"):
        with pytest.raises(NotFound) as refused:
            await teams.add(WS, "sales", named)
        assert refused.value.code == "not_found.principal"
    with pytest.raises(NotFound) as none:
        await teams.remove(WS, "sales", "eve")
    assert none.value.code == "not_found.member"


async def test_a_name_that_several_have_is_told_apart_by_ids(database: Database, tmp_path: Path) -> None:
    teams, identity = teams_in(database), StoredIdentity(database, SystemClock(), tmp_path / "keys")
    ana = await person(database, "usr_1", "ana")
    key = await identity.create_key(ana, "ana", ("runs:read",))
    with pytest.raises(Conflict) as several:
        await teams.add(WS, "sales", "ana")
    assert {"usr_1", key.id} == set(str(several.value.context["ids"]).split(", "))
    assert (await teams.add(WS, "sales", key.id)).principal == key.id


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a:b", "x" * 101, "\x1b"])
async def test_what_is_no_name_of_a_team_is_refused(database: Database, name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await teams_in(database).add(WS, name, "local")
    assert refused.value.code == "input.team"
