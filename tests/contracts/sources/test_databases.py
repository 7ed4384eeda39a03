"""Rows of a real SQLite file and a real PostgreSQL; whatever is no query is refused by the database."""

import os
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import asyncpg as _asyncpg
import pytest

from flowmatik.contracts.sources import SourceOutside
from flowmatik.kernel.errors import InvalidInput
from flowmatik.kernel.sqlite import connect, sqlite3
from flowmatik.memory import Places
from tests.contracts.sources.conftest import ME, Setting, W, counted
from tests.integration.memory.support import WordEmbedder

asyncpg = cast("Any", _asyncpg)
pytestmark = pytest.mark.parametrize("dsn", ["sqlite"], indirect=True)
BIRDS = "SELECT id, name, body, seen, readers, kinds FROM birds ORDER BY id"
COLUMNS = {"key": "id", "text": "body", "title": "name", "date": "seen", "tags": "kinds"}


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    path = tmp_path / "birds.sqlite"
    connection = sqlite3.connect(str(path))
    connection.execute(
        "CREATE TABLE birds (id INTEGER, name TEXT, body TEXT, seen TEXT, readers TEXT, kinds TEXT)"
    )
    rows = [
        (1, "Heron", "The heron wades.", "2024-03-01", "ana@example.org", "wader"),
        (2, "Bittern", "The bittern booms.", "2024-03-02 10:00:00", "team:birds, *", ""),
        (3, "Stork", "The stork claps.", None, "", None),
    ]
    connection.executemany("INSERT INTO birds VALUES (?, ?, ?, ?, ?, ?)", rows)
    connection.commit()
    connection.close()
    return path


def change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(str(path))
    connection.execute(statement)
    connection.commit()
    connection.close()


async def test_a_row_is_a_document_and_only_changed_rows_are_read(
    at: Setting, birds: Path, embedder: WordEmbedder
) -> None:
    await at.added("sql", path=str(birds), query=BIRDS, **COLUMNS)
    assert counted(await at.synced()) == {"added": 3}
    assert await at.names() == {"docs/1.md", "docs/2.md", "docs/3.md"}
    found = {one.source: one for one in await at.memory.documents(W)}
    assert found["docs/1.md"].dated == "2024-03-01"
    assert tuple(found["docs/1.md"].tags) == ("wader",)
    embedded = len(embedder.calls)
    assert counted(await at.synced()) == {"unchanged": 3}
    change(birds, "UPDATE birds SET body = 'The heron has flown.' WHERE id = 1")
    change(birds, "UPDATE birds SET id = 20 WHERE id = 2")
    change(birds, "DELETE FROM birds WHERE id = 3")
    assert counted(await at.synced()) == {"updated": 1, "moved": 1, "deleted": 1}
    assert len(embedder.calls) == embedded + 1


async def test_rows_that_are_too_much_together_are_not_held_together(at: Setting, birds: Path) -> None:
    large = (
        "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 150)"
        " SELECT id, hex(zeroblob(500000)) AS body FROM n"
    )
    await at.added("sql", path=str(birds), query=large, key="id", text="body", most_megabytes=2)
    tracemalloc.start()
    try:
        report = await at.synced()
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (report.code, "raise most_megabytes" in report.reason) == ("unavailable.source", True)
    assert most < 50_000_000


async def test_a_row_that_names_nobody_is_left_out_even_when_it_was_taken(at: Setting, birds: Path) -> None:
    await at.added("sql", path=str(birds), query=BIRDS, acl="readers", **COLUMNS)
    assert counted(await at.synced()) == {"added": 2, "failed": 1}
    (letter,) = await at.sources.failures(ME, "docs")
    assert (letter.path, letter.code) == ("3.md", "document.acl")
    found = {one.source: tuple(one.acl) for one in await at.memory.documents(W)}
    assert found == {"docs/1.md": ("user:ana@example.org",), "docs/2.md": ()}
    change(birds, "UPDATE birds SET readers = NULL WHERE id = 1")
    await at.synced()
    assert await at.names() == {"docs/2.md"}


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM birds",
        "WITH x AS (SELECT 1) INSERT INTO birds (id) VALUES (9)",
        "PRAGMA query_only = OFF",
        "SELECT * FROM pragma_database_list",
        "ATTACH DATABASE '/tmp/other.db' AS other",
        "SELECT 1 AS id; DELETE FROM birds",
        "SELECT load_extension('x')",
        "VACUUM INTO '/tmp/copy.db'",
        "BEGIN IMMEDIATE",
        "",
    ],
)
async def test_sqlite_refuses_what_is_no_query(at: Setting, birds: Path, statement: str) -> None:
    if not statement:
        with pytest.raises(InvalidInput):
            await at.added("sql", path=str(birds), query=statement, key="id", text="id")
        return
    await at.added("sql", path=str(birds), query=statement, key="id", text="id")
    report = await at.synced()
    assert (report.status, report.code) == ("failed", "unavailable.source")
    connection = connect(birds, read_only=True)
    assert connection.execute("SELECT count(*) FROM birds").fetchone() == (3,)
    connection.close()


async def test_a_query_without_end_is_stopped_and_too_many_rows_are_said(at: Setting, birds: Path) -> None:
    endless = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT max(id) AS id FROM n"
    await at.added("sql", "endless", path=str(birds), query=endless, key="id", text="id", timeout_seconds="1")
    assert "took more than 1 seconds" in (await at.synced("endless")).reason
    await at.added("sql", "many", path=str(birds), query=BIRDS, key="id", text="body", most_rows="2")
    assert "more than 2 rows" in (await at.synced("many")).reason
    await at.added(
        "sql", "twice", path=str(birds), query="SELECT 1 AS id, body FROM birds", key="id", text="body"
    )
    assert "the key '1' is there twice" in (await at.synced("twice")).reason
    await at.added("sql", "other", path=str(birds), query=BIRDS, key="nope", text="body")
    assert "no column 'nope'" in (await at.synced("other")).reason
    assert not await at.names()


async def test_what_is_the_installations_own_is_never_read(at: Setting, birds: Path, tmp_path: Path) -> None:
    places = Places(private=(birds.parent,))
    own = SourceOutside(secret=str, http=lambda private, seconds: None, is_private=places.forbids)
    from flowmatik.memory.syncing import SourceKinds

    other = tmp_path.parent / f"{tmp_path.name}-link.db"
    os.link(birds, other)
    try:
        for path in (birds, other):
            reader = SourceKinds(own).open(
                "sql", {"path": str(path), "query": BIRDS, "key": "id", "text": "body"}, W
            )
            with pytest.raises(Exception, match="installation's own"):
                [one async for one in reader.list("")]
            await reader.close()
    finally:
        other.unlink()


async def test_wrong_settings_are_refused_by_name(at: Setting, birds: Path) -> None:
    good: dict[str, object] = {"path": str(birds), "query": BIRDS, "key": "id", "text": "body"}
    for wrong in (
        {"dsn": "env:SOURCE_DSN"},
        {"path": "birds.db"},
        {"template": "{body}"},
        {"format": "docx"},
        {"most_rows": "0"},
        {"surprise": "1"},
    ):
        with pytest.raises(InvalidInput):
            await at.added("sql", "other", **{**good, **wrong})
    with pytest.raises(InvalidInput):
        await at.added("sql", "other", **{**good, "path": "", "dsn": "postgresql://u:p@h/d"})


@pytest.fixture
async def server(at: Setting, tmp_path: Path) -> AsyncIterator[Any]:
    """A table of its own in the tests' PostgreSQL."""
    dsn = os.environ["FLOWMATIK_TEST_PG_DSN"]
    at.secrets = {"env:SOURCE_DSN": dsn}
    connection = await asyncpg.connect(dsn)
    schema = f"birds_{os.getpid()}"
    await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")
    await connection.execute(f"SET search_path TO {schema}")
    await connection.execute(
        "CREATE TABLE birds (id int, name text, body text, seen timestamptz, readers text[], at int)"
    )
    yield connection
    await connection.execute(f"DROP SCHEMA {schema} CASCADE")
    await connection.close()


def query() -> str:
    return "SELECT * FROM PLACE.birds".replace("PLACE", f"birds_{os.getpid()}")


async def test_postgresql_rows_follow_a_cursor_column_and_a_template(at: Setting, server: Any) -> None:
    many = [(n, f"Bird {n}", f"Number {n} {{sings}}.", ["ana@example.org"], 1) for n in range(250)]
    await server.executemany(
        "INSERT INTO birds (id, name, body, readers, at, seen) VALUES ($1, $2, $3, $4, $5, '2024-05-01Z')",
        many,
    )
    settings = {"dsn": "env:SOURCE_DSN", "allow_private": "yes", "acl": "readers", "version": "at"}
    await at.added(
        "sql", query=query(), key="id", template="## {name}\n\n{body}", metadata=["name"], **settings
    )
    assert counted(await at.synced()) == {"added": 250}
    (one,) = [one for one in await at.memory.documents(W, limit=1000) if one.source == "docs/7.md"]
    assert (one.metadata["name"], tuple(one.acl)) == ("Bird 7", ("user:ana@example.org",))
    await server.execute("UPDATE birds SET body = 'unseen' WHERE id = 1")
    await server.execute("UPDATE birds SET body = 'seen', at = 2 WHERE id = 2")
    await server.execute("UPDATE birds SET readers = '{}' WHERE id = 3")
    assert counted(await at.synced()) == {"unchanged": 248, "updated": 1, "failed": 1}
    assert "docs/3.md" not in await at.names()


async def test_large_rows_of_postgresql_are_fetched_few_at_a_time(at: Setting, server: Any) -> None:
    del server
    large = "SELECT id, repeat('x', 1000000) AS body FROM generate_series(1, 150) AS id"
    settings = {"dsn": "env:SOURCE_DSN", "allow_private": "yes"}
    await at.added("sql", query=large, key="id", text="body", most_megabytes=2, **settings)
    tracemalloc.start()
    try:
        report = await at.synced()
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (report.code, "raise most_megabytes" in report.reason) == ("unavailable.source", True)
    assert most < 50_000_000


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM birds_{0}.birds RETURNING id",
        "WITH x AS (DELETE FROM birds_{0}.birds RETURNING id) SELECT id FROM x",
        "SELECT 1 AS id; DROP TABLE birds_{0}.birds",
        "SELECT nextval('birds_{0}.count') AS id",
        "COPY birds_{0}.birds TO PROGRAM 'touch /tmp/flowmatik-broken'",
        "SELECT set_config('transaction_read_only', 'off', true) AS id",
        "SELECT pg_sleep(60) AS id",
    ],
)
async def test_postgresql_refuses_what_is_no_query(at: Setting, server: Any, statement: str) -> None:
    await server.execute("INSERT INTO birds (id) VALUES (1); CREATE SEQUENCE count")
    await at.added(
        "sql",
        query=statement.format(os.getpid()),
        key="id",
        text="id",
        dsn="env:SOURCE_DSN",
        allow_private="yes",
        timeout_seconds="1",
    )
    report = await at.synced()
    assert (report.status, report.code) == ("failed", "unavailable.source")
    assert await server.fetchval("SELECT count(*) FROM birds") == 1
    assert await server.fetchval("SELECT is_called FROM count") is False


async def test_a_dsn_is_never_told_and_private_servers_are_closed(at: Setting, tmp_path: Path) -> None:
    settings = {"query": "SELECT 1 AS id", "key": "id", "text": "id", "dsn": "env:SOURCE_DSN"}
    await at.added("sql", **settings)
    await at.added("sql", "open", allow_private="yes", **settings)
    for dsn in (
        "postgresql://u:hunter2@127.0.0.1:1/d",
        "postgresql://u:hunter2@127.0.0.1:1,8.8.8.8/d",
        "mysql://u:hunter2@h/d",
        "postgresql://u:hunter2@h:port/d",
        "hunter2",
    ):
        at.secrets = {"env:SOURCE_DSN": dsn}
        for name in ("docs", "open"):
            report = await at.synced(name)
            assert (report.status, report.code) == ("failed", "unavailable.source")
            assert "hunter2" not in report.reason + repr(report.values)
    at.secrets = {"env:SOURCE_DSN": "postgresql://u:hunter2@127.0.0.1:1/d"}
    assert "private network" in (await at.synced()).reason
