"""A memory of an older version is brought up to date where it lies, and loses nothing."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from flowmatik.contracts.graph_extraction import Extracted
from flowmatik.contracts.memory_care import ErasureRequest
from flowmatik.memory import StoredMemoryCare, build_memory, look_at
from flowmatik.memory.extractions import extraction
from flowmatik.memory.rebuild import rebuild
from flowmatik.memory.salvage import salvage
from flowmatik.memory.stored_memory import in_file
from tests.integration.memory.support import StandingClock, WordEmbedder, ingest

DUMPS = Path("tests/data/memory")


def memory_of(version: int, folder: Path) -> Path:
    path = folder / "memory.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((DUMPS / f"v{version}.sql").read_text(encoding="utf-8"))
        connection.execute("PRAGMA journal_mode = WAL")
    return path


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return memory_of(1, tmp_path)


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
    assert (after.schema, after.documents, after.passages, after.not_embedded) == (5, 4, 6, 0)
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


async def test_of_version_2_everything_stays_and_what_models_read_can_be_kept(tmp_path: Path) -> None:
    path = memory_of(2, tmp_path)
    memory = build_memory(path, embedder=WordEmbedder(dimension=8), clock=StandingClock())
    hr = frozenset({"team:hr"})
    found = await memory.search("default", "days of leave", on_behalf=hr)
    assert [one.source for one in found] == ["leave.md", "pay.md"]
    assert await memory.search("default", "days of leave", on_behalf=frozenset({"user:x"})) == []
    database = memory.store.database
    (chunk,) = (await database.fetch("SELECT number FROM memory_chunks ORDER BY number"))[0]
    said = Extracted(entities=("23 days of leave",), relations=(("Zurbano", "grants", "leave"),))
    await database.transaction(extraction("default", chunk, "custom/small", said, "2026-01-01"))
    assert [one.documents async for one in rebuild(database, "default")] == [2]
    kept = await database.fetch("SELECT relation FROM memory_relations WHERE relation <> 'mentions'")
    assert kept == [("model:grants",)]
    merged = await database.fetch("SELECT entity, target FROM memory_merges")
    assert merged == [("grupo zurbano", "zurbano logistics")]
    after = await look_at(path, "words")
    assert after is not None
    assert (after.schema, after.documents) == (5, 2)
    await memory.close()


@pytest.mark.parametrize("version", [2, 3, 4])
def test_a_damaged_memory_of_an_older_version_is_salvaged_into_a_new_one(
    tmp_path: Path, version: int
) -> None:
    new = tmp_path / "new.db"
    asyncio.run(in_file(new).database.transaction([]))
    found = salvage(memory_of(version, tmp_path), new, least_revision=1)
    assert (found.kept, found.lost, found.unsaid) == (max(4 - version, 1), (), ())


async def test_of_version_3_certificates_stay_and_what_is_forgotten_from_now_on_stays_out(
    tmp_path: Path, folder: Path
) -> None:
    path = memory_of(3, tmp_path)
    memory = build_memory(path, embedder=WordEmbedder(dimension=8), clock=StandingClock())
    (folder / "new.md").write_text("# New\n\nOf Acme Ltd too.", encoding="utf-8")
    assert [one.outcome for one in await ingest(memory, folder)] == ["added"]
    care = StoredMemoryCare(memory, StandingClock())
    assert [one.documents for one in await care.erasures("default")] == [1]
    (read,) = await memory.store.database.fetch("SELECT model FROM memory_extractions")
    assert read == ("custom/small",)
    await care.forget("default", ErasureRequest(document="new.md"), by="usr_1")
    assert [one.code for one in await ingest(memory, folder)] == ["document.forgotten"]
    after = await look_at(path, "words")
    assert after is not None
    assert (after.schema, after.documents) == (5, 1)
    await memory.close()


async def test_of_version_4_what_stays_out_stays_out_and_links_are_read_from_now_on(
    tmp_path: Path, folder: Path
) -> None:
    path = memory_of(4, tmp_path)
    memory = build_memory(path, embedder=WordEmbedder(dimension=8), clock=StandingClock())
    database = memory.store.database
    assert await database.fetch("SELECT count(*) FROM memory_kept_out") == [(1,)]
    assert await database.fetch("SELECT source, links FROM memory_documents") == [("leave.md", "")]
    (folder / "new.md").write_text("# New\n\nSee [the leave](leave.md).", encoding="utf-8")
    assert [one.outcome for one in await ingest(memory, folder)] == ["added"]
    linked = await database.fetch("SELECT subject, weight FROM memory_relations WHERE relation = 'links_to'")
    assert linked == [("new", 1.0)]
    after = await look_at(path, "words")
    assert after is not None
    assert (after.schema, after.documents) == (5, 2)
    await memory.close()
