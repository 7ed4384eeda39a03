"""What a database holds survives the revisions that change its tables."""

from importlib.resources import files
from pathlib import Path

from flowmatik.core.journal.postgres import PostgresReads
from flowmatik.core.journal.search_port import HeadFilter, HeadSearch
from flowmatik.core.journal.sqlite import SqliteJournal
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.sqlite import connect
from flowmatik.stores.migrate import current, upgrade
from flowmatik.stores.postgres import PostgresDatabase, connect_once, open_pool
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore

LETTERS = """
INSERT INTO dead_letters (subscriber, run_id, workspace_id, seq, error, attempts, at) VALUES
    ('audit', 'run_1', 'default', 4, 'boom', 3, '2026-01-01T00:00:00Z'),
    ('metrics', 'run_1', 'default', 2, 'boom', 3, '2026-01-01T00:00:00Z');
INSERT INTO subscriber_positions (subscriber, run_id, workspace_id, seq) VALUES
    ('audit', 'run_1', 'default', 3), ('metrics', 'run_1', 'default', 1);
"""


def before_0004(dialect: str) -> str:
    """The schema of revision 0003 with a run's dead letter and places."""
    folder = files("flowmatik.stores.migrations.versions")
    names = ["r0001_tables.sql", *(["r0001_postgresql.sql"] if dialect == "postgresql" else [])]
    scripts = [folder.joinpath(name).read_text(encoding="utf-8") for name in (*names, "r0002_relay.sql")]
    return "\n".join([
        *scripts,
        "ALTER TABLE runs ADD COLUMN unpriced BIGINT NOT NULL DEFAULT 0;",
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);",
        "INSERT INTO alembic_version VALUES ('0003');",
        LETTERS,
    ])  # fmt: skip


SECOND = """
INSERT INTO dead_letters (subscriber, run_id, workspace_id, seq, error, attempts, at)
VALUES ('audit', 'run_1', 'default', 5, 'boom', 3, '2026-01-01T00:00:01Z')
"""
KEPT = "SELECT subscriber, seq, error, at FROM dead_letters ORDER BY seq"
PLACES = "SELECT subscriber, seq, behind FROM subscriber_positions"


def kept() -> list[tuple[object, ...]]:
    return [("audit", 4, "boom", "2026-01-01T00:00:00Z"), ("audit", 5, "boom", "2026-01-01T00:00:01Z")]


async def test_dead_letters_of_a_sqlite_journal_get_a_key_for_each_event(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    file = connect(path)
    file.executescript(before_0004("sqlite"))
    file.close()
    await upgrade(path)
    store = SqliteStore(path)
    database = SqliteDatabase(store)
    await database.fetch(SECOND)
    assert [tuple(row) for row in await database.fetch(KEPT)] == kept()
    assert [tuple(row) for row in await database.fetch(PLACES)] == [("audit", 3, 0)]
    await store.close()
    assert (await current(path))[0] == (await current(path))[1]


async def test_dead_letters_of_a_postgresql_journal_get_a_key_for_each_event(
    pg_database: str,
) -> None:
    connection = await connect_once(pg_database)
    await connection.execute(before_0004("postgresql"))
    await connection.close()
    await upgrade(pg_database)
    pool = await open_pool(pg_database, role="flowmatik_engine", max_size=1)
    api = await open_pool(pg_database, role="flowmatik_api", max_size=1)
    try:
        database = PostgresDatabase(pool)
        await database.fetch(SECOND)
        assert [tuple(row) for row in await database.fetch(KEPT)] == kept()
        assert [tuple(row) for row in await database.fetch(PLACES)] == [("audit", 3, 0)]
        seen = [len(await PostgresDatabase(api, workspace=name).fetch(KEPT)) for name in ("default", "other")]
        assert seen == [2, 0]
    finally:
        await pool.close()
        await api.close()


RUNS = """
INSERT INTO runs (run_id, workspace_id, status, head_seq, created_at, goal) VALUES
    ('run_1', 'default', 'succeeded', 1, '2026-01-01T00:00:00Z', '¿Cuántas FACTURAS (de María)
hay?'), ('run_2', 'default', 'failed', 1, '2026-01-01T00:00:01Z', 'Año 2026: 100%');
"""
SOUGHT = {"facturas": ["run_1"], "cuantas": ["run_1"], "maria": ["run_1"], "hay": ["run_1"],
          "ano": ["run_2"], "100": ["run_2"], "acturas": []}  # fmt: skip


async def by_words(journal: HeadSearch) -> dict[str, list[str]]:
    return {
        word: [
            head.run_id
            for head in await journal.find_heads("default", HeadFilter(words=(word,)), before=None, limit=9)
        ]
        for word in SOUGHT
    }


async def test_runs_of_a_sqlite_journal_that_were_there_before_are_found_by_their_goals(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.db"
    file = connect(path)
    file.executescript(before_0004("sqlite") + RUNS)
    file.close()
    await upgrade(path)
    store = SqliteStore(path)
    assert await by_words(SqliteJournal(store, SystemClock())) == SOUGHT
    await store.close()


async def test_runs_of_a_postgresql_journal_that_were_there_before_are_found_by_their_goals(
    pg_database: str,
) -> None:
    connection = await connect_once(pg_database)
    await connection.execute(before_0004("postgresql") + RUNS)
    await connection.close()
    await upgrade(pg_database)
    pool = await open_pool(pg_database, role="flowmatik_api", max_size=1)
    try:
        assert await by_words(PostgresReads(PostgresDatabase(pool).within("default"))) == SOUGHT
        seen = PostgresReads(PostgresDatabase(pool).within("other"))
        assert (await by_words(seen))["facturas"] == []
    finally:
        await pool.close()


REFERENCE = '{"result":{"output":{"$blob":{"bytes":70000,"preview":"[{","sha256":"' + "a" * 64 + '"}}}}'
EVENTS = """
INSERT INTO runs (run_id, workspace_id, status, head_seq, created_at, goal) VALUES
    ('run_1', 'w1', 'succeeded', 3, '2026-01-01T00:00:00Z', '');
INSERT INTO run_events (run_id, seq, workspace_id, type, payload, at) VALUES
    ('run_1', 1, 'w1', 'CallSucceeded', 'REFERENCE', ''),
    ('run_1', 2, 'w1', 'CallSucceeded', 'REFERENCE', ''),
    ('run_1', 3, 'w1', 'CallSucceeded', '{"$blob": damaged', '');
""".replace("REFERENCE", REFERENCE)
REFERRED = "SELECT run_id, workspace_id, sha256, bytes FROM run_blobs"


BEGINNINGS = """
INSERT INTO runs (run_id, workspace_id, status, head_seq, created_at, goal) VALUES
    ('run_1', 'w1', 'queued', 1, '', ''), ('run_2', 'w1', 'queued', 1, '', ''),
    ('run_3', 'w1', 'queued', 1, '', ''), ('run_4', 'w1', 'queued', 0, '', ''),
    ('run_5', 'w1', 'queued', 1, '', '');
INSERT INTO run_events (run_id, seq, workspace_id, type, payload, at) VALUES
    ('run_1', 1, 'w1', 'RunCreated', '{"arguments":{"decision_version":9},"decision_version":5}', ''),
    ('run_2', 1, 'w1', 'RunCreated', '{"decision_version":4,"goal":"NUL"}', ''),
    ('run_3', 1, 'w1', 'RunCreated', '{"decision_version": damaged', ''),
    ('run_5', 1, 'w1', 'RunCreated', '[{"decision_version":3}]', '');
""".replace("NUL", "\\u0000")
VERSIONS = "SELECT run_id, decision_version FROM runs ORDER BY run_id"


async def test_runs_that_were_there_before_have_the_decision_version_of_their_first_event(
    tmp_path: Path, pg_database: str
) -> None:
    expected = [("run_1", 5), ("run_2", 4), ("run_3", -1), ("run_4", -1), ("run_5", -1)]
    path = tmp_path / "journal.db"
    file = connect(path)
    file.executescript(before_0004("sqlite") + BEGINNINGS)
    file.close()
    await upgrade(path)
    store = SqliteStore(path)
    assert [tuple(row) for row in await SqliteDatabase(store).fetch(VERSIONS)] == expected
    await store.close()
    connection = await connect_once(pg_database)
    await connection.execute(before_0004("postgresql") + BEGINNINGS)
    await upgrade(pg_database)
    rows = await connection.fetch(VERSIONS)
    await connection.close()
    assert [tuple(row) for row in rows] == expected


async def test_blobs_that_were_there_before_are_known_as_those_of_their_runs(
    tmp_path: Path, pg_database: str
) -> None:
    path = tmp_path / "journal.db"
    file = connect(path)
    file.executescript(before_0004("sqlite") + EVENTS)
    file.close()
    await upgrade(path)
    store = SqliteStore(path)
    assert [tuple(row) for row in await SqliteDatabase(store).fetch(REFERRED)] == [
        ("run_1", "w1", "a" * 64, 70000)
    ]
    await store.close()
    connection = await connect_once(pg_database)
    await connection.execute(before_0004("postgresql") + EVENTS)
    await upgrade(pg_database)
    rows = await connection.fetch(REFERRED)
    await connection.close()
    assert [tuple(row) for row in rows] == [("run_1", "w1", "a" * 64, 70000)]
