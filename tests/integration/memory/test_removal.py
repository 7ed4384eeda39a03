"""Documents are listed, and erased with all that came of them."""

from pathlib import Path

import pytest

from flowmatik.contracts.memory import StoredDocument
from flowmatik.kernel.errors import NotFound
from flowmatik.kernel.sqlite import connect
from flowmatik.memory import Places, StoredMemory, build_memory
from tests.integration.memory.support import StandingClock, WordEmbedder, ingest, outcomes

WORD = "abracadabra"


@pytest.fixture
def library(folder: Path) -> Path:
    (folder / "old").mkdir()
    (folder / "old" / "one.md").write_text(f"The first word is {WORD}.", encoding="utf-8")
    (folder / "old" / "two.md").write_text("The second word is sesame.", encoding="utf-8")
    (folder / "older.md").write_text("The third word is mellon.", encoding="utf-8")
    (folder / "sales.csv").write_text("city,amount\nRome,3\n", encoding="utf-8")
    return folder


async def names(memory: StoredMemory, workspace: str = "default") -> list[str]:
    return [document.source for document in await memory.documents(workspace)]


async def test_documents_are_listed_by_name_page_by_page(memory: StoredMemory, library: Path) -> None:
    await ingest(memory, library)
    first = await memory.documents("default", limit=3)
    rest = await memory.documents("default", after=first[-1].source)
    assert [one.source for one in (*first, *rest)] == ["old/one.md", "old/two.md", "older.md", "sales.csv"]
    size = (library / "old" / "one.md").stat().st_size
    assert first[0] == StoredDocument(
        id=first[0].id, source="old/one.md", chunks=1, size_bytes=size, source_id=first[1].source_id
    )


@pytest.mark.parametrize("by", ["id", "source", "path"])
async def test_a_document_is_erased_by_its_id_its_name_or_its_path(
    memory: StoredMemory, library: Path, by: str
) -> None:
    await ingest(memory, library)
    first = (await memory.documents("default"))[0]
    ref = {"id": first.id, "source": first.source, "path": str(library / first.source)}[by]
    assert await memory.remove("default", ref) == ["old/one.md"]
    assert await names(memory) == ["old/two.md", "older.md", "sales.csv"]
    assert all(WORD not in found.text for found in await memory.search("default", f"first {WORD}"))
    assert (library / "old" / "one.md").exists(), "a file of somebody else's stays"


@pytest.mark.parametrize("given", ["old", "old/", "PATH/old"])
async def test_a_folder_is_erased_with_all_that_is_in_it_and_nothing_beside(
    memory: StoredMemory, library: Path, given: str
) -> None:
    await ingest(memory, library)
    assert await memory.remove("default", given.replace("PATH", str(library))) == ["old/one.md", "old/two.md"]
    assert await names(memory) == ["older.md", "sales.csv"]


async def test_nothing_of_it_is_left_in_any_table_nor_in_the_bytes_of_the_files(
    tmp_path: Path, library: Path
) -> None:
    path = tmp_path / "home" / "memory.db"
    memory = build_memory(path, embedder=WordEmbedder(), clock=StandingClock())
    await ingest(memory, library)
    await memory.search("default", WORD)
    for source in await names(memory):
        await memory.remove("default", source)
    left = b"".join(file.read_bytes() for file in path.parent.iterdir() if not file.name.endswith("-shm"))
    assert WORD.encode() not in left
    rows = connect(path, read_only=True)
    left_rows = rows.execute(
        "SELECT (SELECT count(*) FROM memory_documents), (SELECT count(*) FROM memory_chunks),"
        " (SELECT count(*) FROM memory_postings), (SELECT count(*) FROM memory_tables)"
    ).fetchone()
    assert left_rows == (0, 0, 0, 0)
    rows.close()
    assert await memory.tables("default") == []
    await memory.close()


async def test_what_memory_does_not_have_is_not_found_and_nothing_goes(
    memory: StoredMemory, library: Path
) -> None:
    await ingest(memory, library)
    for ref in ("nowhere.md", "", "/", "o", "doc_unknown", "%", str(library.parent / "doc")):
        with pytest.raises(NotFound) as caught:
            await memory.remove("default", ref)
        assert caught.value.code == "not_found.document"
    with pytest.raises(NotFound):
        await memory.remove("another", "older.md")
    assert len(await names(memory)) == 4
    assert await names(memory, "another") == []


async def test_a_removed_upload_leaves_no_file_and_does_not_come_back(tmp_path: Path) -> None:
    uploads = tmp_path / "data" / "uploads"
    uploads.mkdir(parents=True)
    (uploads / "ferry.md").write_text("The ferry is called Golondrina.", encoding="utf-8")
    places = Places(private=(tmp_path / "data",), uploads=uploads)
    memory = build_memory(tmp_path / "m.db", embedder=None, clock=StandingClock(), places=places)
    await ingest(memory, uploads)
    await memory.remove("default", "ferry.md")
    assert list(uploads.iterdir()) == []
    assert await outcomes(memory, uploads) == {}
    await memory.close()
