import os
from pathlib import Path

import pytest

from flowmatik.kernel.errors import ConfigurationError, InvalidInput, Unavailable
from flowmatik.kernel.sqlite import connect
from flowmatik.memory import StoredMemory, build_memory
from tests.integration.memory.support import StandingClock, WordEmbedder, best, ingest, outcomes

LONG_AGO = 1_600_000_000_000_000_000  # ns since the epoch


def _write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")


async def test_unchanged_files_cost_no_reading_and_no_embedding(
    memory: StoredMemory, folder: Path, embedder: WordEmbedder
) -> None:
    _write(folder, a="# A\n\nAlpha text.", b="# B\n\nBeta text.")
    for name in ("a.md", "b.md"):
        os.utime(folder / name, ns=(LONG_AGO, LONG_AGO))
    assert await outcomes(memory, folder) == {"a.md": "added", "b.md": "added"}
    before = len(embedder.calls)
    _write(folder, a="# A\n\nOmega text.")  # of the same size: only reading it would notice
    os.utime(folder / "a.md", ns=(LONG_AGO, LONG_AGO))
    assert await outcomes(memory, folder) == {"a.md": "unchanged", "b.md": "unchanged"}
    assert len(embedder.calls) == before


async def test_a_touched_file_of_the_same_content_is_unchanged(memory: StoredMemory, folder: Path) -> None:
    _write(folder, a="# A\n\nAlpha text.")
    await ingest(memory, folder)
    passage = await best(memory, "alpha")
    os.utime(folder / "a.md", ns=(1, 1))
    assert await outcomes(memory, folder) == {"a.md": "unchanged"}
    assert (await best(memory, "alpha")).id == passage.id


async def test_a_changed_file_replaces_exactly_its_chunks(
    memory: StoredMemory, folder: Path, embedder: WordEmbedder
) -> None:
    _write(folder, a="# A\n\n## One\n\nAlpha text.\n\n## Two\n\nGamma text.", b="# B\n\nBeta text.")
    await ingest(memory, folder)
    other, kept = await best(memory, "beta"), await best(memory, "gamma")
    _write(folder, a="# A\n\n## One\n\nDelta text, longer.\n\n## Two\n\nGamma text.")
    embedder.calls.clear()
    assert await outcomes(memory, folder) == {"a.md": "updated", "b.md": "unchanged"}
    assert all("Beta" not in text for text in embedder.calls)
    assert (await best(memory, "delta")).text == "Delta text, longer."
    assert all("Alpha" not in p.text for p in await memory.search("default", "alpha text"))
    assert (await best(memory, "beta")).id == other.id
    assert (await best(memory, "gamma")).id == kept.id
    assert (await memory.status("default")).chunks == 3


async def test_a_deleted_file_vanishes_with_all_that_came_of_it(memory: StoredMemory, folder: Path) -> None:
    _write(folder, a="# A\n\nAlpha text.", b="# B\n\nBeta text.")
    (folder / "t.csv").write_text("x,y\n1,2\n", encoding="utf-8")
    await ingest(memory, folder)
    gone = await best(memory, "alpha")
    (folder / "a.md").unlink()
    (folder / "t.csv").unlink()
    assert await outcomes(memory, folder) == {"a.md": "deleted", "t.csv": "deleted", "b.md": "unchanged"}
    assert await memory.passage("default", gone.id) is None
    assert await memory.tables("default") == []
    status = await memory.status("default")
    assert (status.documents, status.chunks, status.tables) == (1, 1, 0)


def _left_behind(path: Path) -> list[Path]:
    return list(path.parent.glob(path.name + "*"))


async def test_erased_text_is_not_left_in_the_file(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "memory.db"
    memory = build_memory(path, embedder=None, clock=StandingClock())
    _write(folder, a="# A\n\nThe secret word is xylographerista.")
    await ingest(memory, folder)
    (folder / "a.md").unlink()
    await ingest(memory, folder)
    await memory.close()
    files = _left_behind(path)
    left = b"".join(file.read_bytes() for file in files)
    assert b"xylographerista" not in left


async def test_a_renamed_file_is_moved_and_its_citations_stay(
    memory: StoredMemory, folder: Path, embedder: WordEmbedder
) -> None:
    _write(folder, a="# A\n\nAlpha text.")
    await ingest(memory, folder)
    passage = await best(memory, "alpha")
    embedder.calls.clear()
    (folder / "sub").mkdir()
    (folder / "a.md").rename(folder / "sub" / "z.md")
    (progress,) = await ingest(memory, folder)
    assert (progress.source, progress.outcome, progress.done, progress.total) == ("sub/z.md", "moved", 1, 1)
    assert embedder.calls == []
    moved = await memory.passage("default", passage.id)
    assert moved is not None
    assert moved.source == "sub/z.md"


async def test_two_roots_with_one_name_are_told_apart_by_their_folders(
    memory: StoredMemory, tmp_path: Path
) -> None:
    for root in ("north", "south"):
        (tmp_path / root).mkdir()
        (tmp_path / root / "rules.md").write_text(f"# R\n\nRules of the {root}.", encoding="utf-8")
    assert await outcomes(memory, tmp_path / "north") == {"rules.md": "added"}
    assert await outcomes(memory, tmp_path / "south") == {"south/rules.md": "added"}
    assert await outcomes(memory, tmp_path / "south", tmp_path / "north") == {
        "rules.md": "unchanged",
        "south/rules.md": "unchanged",
    }


async def test_a_file_known_by_its_folder_is_the_same_when_given_alone(
    memory: StoredMemory, folder: Path
) -> None:
    (folder / "sub").mkdir()
    _write(folder / "sub", a="# A\n\nAlpha text.")
    await ingest(memory, folder)
    assert await outcomes(memory, folder / "sub" / "a.md") == {"sub/a.md": "unchanged"}
    (folder / "sub" / "a.md").unlink()
    assert await outcomes(memory, folder / "sub" / "a.md") == {"sub/a.md": "deleted"}


async def test_a_path_that_never_existed_is_an_error_before_anything_is_done(
    memory: StoredMemory, folder: Path
) -> None:
    _write(folder, a="# A\n\nAlpha text.")
    with pytest.raises(InvalidInput, match=r"nowhere\.md"):
        await ingest(memory, folder, folder / "nowhere.md")
    assert (await memory.status("default")).documents == 0


async def test_vectors_that_failed_are_made_by_the_next_sync(
    memory: StoredMemory, folder: Path, embedder: WordEmbedder
) -> None:
    _write(folder, a="# A\n\nAlpha text.")
    embedder.down = True
    assert await outcomes(memory, folder) == {"a.md": "added"}
    assert (await memory.status("default")).embedded == 0
    assert (await best(memory, "alpha")).source == "a.md"
    embedder.down = False
    assert await outcomes(memory, folder) == {"a.md": "updated"}
    assert (await memory.status("default")).embedded == 1


async def test_another_embedding_model_rebuilds_the_vectors(tmp_path: Path, folder: Path) -> None:
    _write(folder, a="# A\n\nAlpha text.")
    first = build_memory(tmp_path / "m.db", embedder=WordEmbedder(), clock=StandingClock())
    await ingest(first, folder)
    await first.close()
    other = WordEmbedder(id="wider", dimension=96)
    second = build_memory(tmp_path / "m.db", embedder=other, clock=StandingClock())
    assert (await second.status("default")).embedded == 0
    assert (await best(second, "alpha")).source == "a.md"
    assert await outcomes(second, folder) == {"a.md": "updated"}
    assert (await second.status("default")).embedding_model == "wider"
    assert (await second.status("default")).embedded == 1
    await second.close()


async def test_a_schema_from_the_future_is_refused(tmp_path: Path) -> None:
    connection = connect(tmp_path / "m.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    memory = build_memory(tmp_path / "m.db", embedder=None, clock=StandingClock())
    with pytest.raises(ConfigurationError) as caught:
        await memory.status("default")
    assert caught.value.code == "config.schema_newer"
    await memory.close()


async def test_a_file_that_is_no_database_is_unavailable_by_name(tmp_path: Path) -> None:
    (tmp_path / "m.db").write_bytes(b"this is not a database at all, really not" * 100)
    memory = build_memory(tmp_path / "m.db", embedder=None, clock=StandingClock())
    with pytest.raises(Unavailable, match=r"m\.db is damaged.*memory repair") as caught:
        await memory.status("default")
    assert (caught.value.code, caught.value.retryable) == ("unavailable.memory.damaged", False)
    await memory.close()


async def test_a_closed_memory_says_so(memory: StoredMemory) -> None:
    await memory.close()
    with pytest.raises(Unavailable, match="closed"):
        await memory.status("default")


async def test_workspaces_do_not_see_each_other(memory: StoredMemory, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.md").write_text(f"# A\n\nSecret of {name}.", encoding="utf-8")
        (tmp_path / name / "t.csv").write_text("x\n1\n", encoding="utf-8")
        await ingest(memory, tmp_path / name, workspace=name)
    mine = await memory.search("one", "secret")
    assert [p.text for p in mine if p.source == "a.md"] == ["Secret of one."]
    assert await memory.passage("two", mine[0].id) is None
    assert await memory.locate("two", mine[0].id, "Secret") is None
    assert [t.path for t in await memory.tables("one")] == [str(tmp_path / "one" / "t.csv")]
    assert (await memory.status("three")).documents == 0
    assert await memory.search("three", "secret") == []


async def test_scores_do_not_depend_on_other_workspaces(memory: StoredMemory, folder: Path) -> None:
    _write(folder, a="# A\n\nAlpha text here.", b="# B\n\nBeta text there.")
    await ingest(memory, folder, workspace="one")
    before = await memory.search("one", "alpha text")
    await ingest(memory, folder, workspace="two")
    await ingest(memory, folder, workspace="three")
    assert await memory.search("one", "alpha text") == before
