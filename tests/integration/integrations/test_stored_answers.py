"""Answers kept in the database, in both stores; on PostgreSQL as the role that serves requests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flowmatik.app.model_reach import answers_chore
from flowmatik.contracts.database import Database
from flowmatik.contracts.model_access import Verdict
from flowmatik.contracts.models import ModelReply, ToolCall, Usage
from flowmatik.core.journal.port import HeadChange
from flowmatik.integrations.layers.answers import StoredAnswers
from flowmatik.integrations.probing.probing import Findings
from flowmatik.integrations.probing.store import StoredProbes
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.postgres import PostgresDatabase, open_pool
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore
from tests.contracts.journal.stores import event, owned, postgres_store, sqlite_store
from tests.unit.integrations.layers.support import HandClock

USE = ToolCall(id="1", name="t", arguments={"a": [1, "é"]})
REPLY = ModelReply(
    text="Sí.", tool_calls=(USE,), usage=Usage(input_tokens=9), cost_micros=5, model="m", finish="tool_calls"
)


@pytest.fixture(params=["sqlite", "postgres"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "journal.db")
    dsn: str = request.getfixturevalue("pg_database")
    return dsn


@pytest.fixture
async def database(target: str) -> AsyncIterator[Database]:
    await upgrade(target)
    if target.startswith("postgresql"):
        pool = await open_pool(target, role="flowmatik_api", max_size=2)
        yield PostgresDatabase(pool)
        await pool.close()
    else:
        store = SqliteStore(target)
        yield SqliteDatabase(store)
        await store.close()


async def test_an_answer_comes_back_whole_and_costs_nothing(database: Database) -> None:
    answers = StoredAnswers(database, HandClock())
    await answers.put("w", "k", REPLY, seconds=60)
    await answers.put("w", "k", REPLY, seconds=60)
    kept = await answers.get("w", "k")
    assert kept == ModelReply(
        text="Sí.", tool_calls=(USE,), cost_micros=0, model="m", finish="tool_calls", cached=True
    )


async def test_no_workspace_sees_anothers_nor_forgets_them(database: Database) -> None:
    answers = StoredAnswers(database, HandClock())
    await answers.put("w", "k", REPLY, seconds=60)
    assert await answers.get("v", "k") is None
    assert await answers.forget("v") == 0
    assert await answers.forget("w") == 1
    assert await answers.get("w", "k") is None


async def test_what_is_old_is_not_given_and_goes(database: Database) -> None:
    clock = HandClock()
    answers = StoredAnswers(database, clock, longest=30)
    await answers.put("w", "old", REPLY, seconds=3600)
    await clock.pass_(31)
    assert await answers.get("w", "old") is None
    await answers.put("w", "new", REPLY, seconds=10)
    assert await _keys(database) == ["new"]
    await clock.pass_(11)
    await answers.put("w", "newer", REPLY, seconds=10)
    assert await _keys(database) == ["newer"]


async def test_a_workspace_keeps_so_many_and_the_oldest_make_way(database: Database) -> None:
    answers = StoredAnswers(database, HandClock(), most=3)
    for n in range(6):
        await answers.put("w", f"k{n}", REPLY, seconds=60 + n)
    assert await _keys(database) == ["k3", "k4", "k5"]


async def _keys(database: Database) -> list[str]:
    rows = await database.within("w").fetch(
        "SELECT request FROM model_answers WHERE workspace_id = $1 ORDER BY request", "w"
    )
    return [row[0] for row in rows]


async def test_what_probes_found_out_is_kept_by_workspace(database: Database) -> None:
    clock = HandClock()
    probes = StoredProbes(database, clock)
    verdict = Verdict(capability="tools", able=None, why="¿?")
    put = await probes.put("w", "far/m", Findings(verdicts=(verdict,), cost_micros=None))
    await probes.contradict("w", "far/m", "json_schema", "refused")
    found = await probes.get("w", "far/m")
    assert found is not None
    assert (found.able("tools"), found.able("json_schema"), found.cost_micros) == (None, False, None)
    assert found.expires_at < put.expires_at
    assert await probes.all("w") == [found]
    assert await probes.all("v") == []
    clock.jump(86_401)
    assert [one.expired for one in await probes.all("w")] == [True]
    assert (await probes.forget("v"), await probes.forget("w")) == (0, 1)


async def test_old_answers_of_all_workspaces_go_by_the_hour(target: str) -> None:
    await upgrade(target)
    clock = HandClock()
    if target.startswith("postgresql"):
        pool = await open_pool(target, role="flowmatik_engine", max_size=2)
        everywhere: Database = PostgresDatabase(pool)
        close = pool.close
    else:
        store = SqliteStore(target)
        everywhere, close = SqliteDatabase(store), store.close
    answers = StoredAnswers(everywhere, clock)
    for workspace in ("v", "w"):
        await answers.put(workspace, "old", REPLY, seconds=10)
        await answers.put(workspace, "new", REPLY, seconds=8000)
    clock.jump(11)
    await answers_chore(everywhere, clock).work()
    rows = await everywhere.fetch("SELECT workspace_id, request FROM model_answers ORDER BY workspace_id")
    assert [tuple(row) for row in rows] == [("v", "new"), ("w", "new")]
    await close()


async def test_an_answer_goes_with_the_run_that_asked_for_it(target: str, database: Database) -> None:
    answers = StoredAnswers(database, HandClock())
    for key, run_id in (("mine", "run_1"), ("others", "run_2"), ("nobodys", "")):
        await answers.put("w", key, REPLY, seconds=60, run_id=run_id)
    on_server = target.startswith("postgresql")
    opening = postgres_store(target) if on_server else sqlite_store(Path(target).parent)
    async with opening as store:
        owner = await owned(store.journal, "run_1", workspace="w")
        await owner.append(owner.next(event(), head=HeadChange(status="succeeded")))
        assert await store.journal.delete_runs(["run_1"]) == ["run_1"]
    assert await answers.get("w", "mine") is None
    assert await answers.get("w", "others") is not None
    assert await answers.get("w", "nobodys") is not None
