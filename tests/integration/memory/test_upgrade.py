"""A memory of an older version is brought up to date where it lies, and loses nothing."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from flowmatik.memory import build_memory, look_at
from flowmatik.memory.rebuild import rebuild
from flowmatik.memory.stored_memory import in_file
from tests.integration.memory.support import StandingClock, WordEmbedder, ingest

DUMP = Path("tests/data/memory/v1.sql")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "memory.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(DUMP.read_text(encoding="utf-8"))
        connection.execute("PRAGMA journal_mode = WAL")
    return path


async def test_documents_passages_vectors_and_revisions_are_there_as_before(old: Path) -> None:
    before = await look_at(old, "words")
    assert before is not None
    assert (before.schema, before.documents, before.passages, before.not_embedded) == (1, 4, 6, 0)
    embedder = WordEmbedder(dimension=8)
    memory = build_memory(old, embedder=embedder, clock=StandingClock())
    status = await memory.status("default")
    assert (status.documents, status.chunks, status.embedded, status.tables) == (3, 4, 4, 1)
    found = await memory.search("default", "days of leave")
    assert {one.id for one in found[:2]} == {
        "chk_282af8a48bb1c0c0ca3aed927afaf5d3",
        "chk_a48c4c0cba20070a41a24cbd6da07f49",
    }
    assert dict(found[0].scores)["dense"] > 0
    assert (await memory.documents("other"))[0].source == "leave.md"
    assert (await memory.passage("default", found[-1].id) or found[0]).text == found[-1].text
    after = await look_at(old, "words")
    assert after is not None
    assert (after.schema, after.documents, after.passages, after.not_embedded) == (2, 4, 6, 0)
    await memory.close()


async def test_what_the_old_one_did_not_derive_is_derived_and_new_passages_get_new_numbers(
    old: Path, folder: Path
) -> None:
    store = in_file(old)
    assert [one.documents async for one in rebuild(store.database, "default")] == [3]
    found = await store.database.fetch(
        "SELECT mentions FROM memory_entities WHERE workspace_id = $1 AND key = $2", "default", "acme ltd"
    )
    assert found == [(1,)]
    await store.close()
    (folder / "new.md").write_text("# New\n\nOf Acme Ltd too.", encoding="utf-8")
    memory = build_memory(old, embedder=None, clock=StandingClock())
    assert [one.outcome for one in await ingest(memory, folder)] == ["added"]
    assert (await memory.status("default")).chunks == 5
    await memory.close()


async def test_an_upgrade_that_fails_in_the_middle_leaves_the_old_memory(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "flowmatik.memory.store._SCRIPTS", {1: ("schema.sql", "schema_from_1.sql", "schema.sql")}
    )
    memory = build_memory(old, embedder=None, clock=StandingClock())
    with pytest.raises(Exception, match="already exists"):
        await memory.status("default")
    await memory.close()
    left = await look_at(old, "words")
    assert left is not None
    assert (left.schema, left.documents) == (1, 4)
