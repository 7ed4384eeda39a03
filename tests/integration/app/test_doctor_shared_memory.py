"""The doctor looks at a memory that lies in PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flowmatik.app.doctor_memory import check_memory
from flowmatik.app.settings import Settings, load_settings
from flowmatik.app.texts import Texts
from flowmatik.contracts.database import Database
from flowmatik.memory import MemoryStore, build_memory
from flowmatik.memory.rebuild import rebuild
from flowmatik.stores.postgres import PostgresDatabase, open_pool
from tests.integration.memory.support import StandingClock, WordEmbedder, ingest


@pytest.fixture
def settings(tmp_path: Path, pg_migrated: str) -> Settings:
    """Without a model, as the first `look` needs it."""
    return load_settings(tmp_path, {"FLOWMATIK_DATABASE_URL": pg_migrated, "FLOWMATIK_EMBEDDINGS": "false"})


@pytest.fixture
async def database(pg_migrated: str) -> AsyncIterator[Database]:
    pool = await open_pool(pg_migrated, role="flowmatik_engine")
    yield PostgresDatabase(pool)
    await pool.close()


async def take(database: Database, folder: Path, workspace: str = "default") -> None:
    store = MemoryStore(database=database, name="PostgreSQL")
    memory = build_memory(store, embedder=WordEmbedder(), clock=StandingClock())
    await ingest(memory, folder, workspace=workspace)
    await memory.sync.close()


async def look(settings: Settings) -> tuple[bool, str, str]:
    finding = await check_memory(settings)
    text = Texts("en")
    mend = text(finding.mend, **finding.values) if finding.mend else ""
    return finding.ok, text(finding.detail, **finding.values), mend


async def test_what_is_there_and_what_is_wrong_with_it_is_told(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    assert await look(settings) == (True, "nothing taken in yet", "")
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in ("alpha", "beta"):
        (folder / f"{name}.md").write_text(f"# {name}\n\nOf Nairobi and {name}.", encoding="utf-8")
    for workspace in ("default", "other"):
        await take(database, folder, workspace)
    sound = (True, "4 documents, 4 passages, in PostgreSQL", "")
    assert await look(settings) == sound

    await database.transaction([
        ("INSERT INTO memory_entities (workspace_id, key, mentions) VALUES ($1, 'nobody', 1)", ("other",))
    ])  # fmt: skip
    fine, _, mend = await look(settings)
    assert not fine
    assert mend.startswith("1 row belongs to no document")
    assert [step async for step in rebuild(database, "other")]
    assert await look(settings) == sound

    await database.transaction([
        ("DELETE FROM memory_chunks WHERE workspace_id = $1 AND document IN (SELECT id FROM memory_documents"
         " WHERE workspace_id = $1 AND source = 'alpha.md')", ("default",)),
    ])  # fmt: skip
    fine, _, mend = await look(settings)
    assert not fine
    assert mend.startswith("1 document lacks passages")


async def test_vectors_of_another_model_are_told(
    settings: Settings, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "alpha.md").write_text("# Alpha\n\nText.", encoding="utf-8")
    await take(database, folder)
    chosen = [WordEmbedder(id="newer")]

    def embedder_of(settings: Settings) -> WordEmbedder:
        return chosen[-1]

    monkeypatch.setattr("flowmatik.app.doctor_memory.embedder_of", embedder_of)
    fine, _, mend = await look(settings)
    assert (fine, mend.partition(";")[0]) == (
        True,
        "1 workspace compares vectors of another model than newer",
    )
    chosen.append(WordEmbedder())
    assert await look(settings) == (True, "1 document, 1 passage, in PostgreSQL", "")


async def test_a_database_without_its_tables_is_a_fault_with_a_way_out(
    tmp_path: Path, pg_database: str
) -> None:
    settings = load_settings(tmp_path, {"FLOWMATIK_DATABASE_URL": pg_database})
    fine, _, mend = await look(settings)
    assert not fine
    assert "flowmatik migrate" in mend
