"""A folder as a source, on every store: only what changed is parsed and embedded, and nothing is lost."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from flowmatik.contracts.sources import NewSource
from flowmatik.kernel.errors import Conflict, InvalidInput, NotFound
from tests.contracts.sources.conftest import ME, Setting, W, counted
from tests.integration.memory.support import WordEmbedder

Write = Callable[[str, str], Path]


async def test_only_what_changed_is_read_embedded_and_counted(
    at: Setting, docs: Write, embedder: WordEmbedder, tmp_path: Path
) -> None:
    for number in range(5):
        docs(f"f{number}.md", f"# Title {number}\n\nThe heron number {number} wades.")
    await at.added("folder", path=str(tmp_path / "docs"))
    assert counted(await at.synced()) == {"added": 5}
    assert await at.names() == {f"docs/f{n}.md" for n in range(5)}
    embedded = len(embedder.calls)
    assert counted(await at.synced()) == {"unchanged": 5}
    assert len(embedder.calls) == embedded

    docs("f1.md", "# Title 1\n\nThe heron has flown to the marsh.")
    (tmp_path / "docs" / "f2.md").rename(tmp_path / "docs" / "f2-moved.txt")
    (tmp_path / "docs" / "f2-moved.txt").rename(tmp_path / "docs" / "sub.md")
    (tmp_path / "docs" / "f3.md").unlink()
    docs("g.md", "# New\n\nA bittern booms.")
    report = await at.synced()
    assert (report.added, report.updated, report.deleted, report.unchanged) == (1, 1, 1, 2)
    assert report.moved == 1
    assert await at.names() == {"docs/f0.md", "docs/f1.md", "docs/f4.md", "docs/g.md", "docs/sub.md"}
    assert not await at.memory.search(W, "number 3") or all(
        "number 3" not in one.text for one in await at.memory.search(W, "number 3")
    )


async def test_a_folder_that_vanishes_deletes_nothing_and_says_so(
    at: Setting, docs: Write, tmp_path: Path
) -> None:
    docs("a.md", "# A\n\nThe heron wades.")
    await at.added("folder", path=str(tmp_path / "docs"))
    await at.synced()
    (tmp_path / "docs").rename(tmp_path / "away")
    report = await at.synced()
    assert (report.status, report.code, report.deleted) == ("failed", "unavailable.source", 0)
    (tmp_path / "docs").mkdir()  # an empty place where a disk was
    report = await at.synced()
    assert (report.status, report.code, report.deleted) == ("failed", "unavailable.source", 0)
    assert await at.names() == {"docs/a.md"}
    shutil.rmtree(tmp_path / "docs")
    (tmp_path / "away").rename(tmp_path / "docs")
    (tmp_path / "docs" / "a.md").unlink()
    assert counted(await at.synced()) == {"deleted": 1}
    assert await at.names() == set()


async def test_a_bad_document_is_a_dead_letter_until_it_changes_or_is_tried_again(
    at: Setting, docs: Write, tmp_path: Path
) -> None:
    docs("good.md", "# Good\n\nThe heron wades.")
    (tmp_path / "docs" / "bad.txt").write_bytes(b"\x00\x01\x02\xff" * 100)
    await at.added("folder", path=str(tmp_path / "docs"))
    assert counted(await at.synced()) == {"added": 1, "failed": 1}
    (letter,) = await at.sources.failures(ME, "docs")
    assert (letter.path, letter.code, letter.attempts) == ("bad.txt", "document.binary", 1)
    assert counted(await at.synced()) == {"unchanged": 2}
    begun = await at.sources.retry(ME, "docs", ["bad.txt"])
    await at.sources.settled()
    assert counted(await at.sources.report(ME, "docs", begun.id)) == {"unchanged": 1, "failed": 1}
    (letter,) = await at.sources.failures(ME, "docs")
    assert letter.attempts == 2
    docs("bad.txt", "It is text now.")
    assert counted(await at.synced()) == {"unchanged": 1, "added": 1}
    assert not await at.sources.failures(ME, "docs")
    with pytest.raises(NotFound):
        await at.sources.retry(ME, "docs", ["nothing.txt"])


async def test_removing_a_source_erases_its_documents_or_keeps_them(
    at: Setting, docs: Write, tmp_path: Path
) -> None:
    docs("a.md", "# A\n\nThe heron wades.")
    await at.added("folder", path=str(tmp_path / "docs"))
    await at.synced()
    assert await at.sources.remove(ME, "docs", keep=True) == 0
    assert await at.names() == {"docs/a.md"}
    await at.added("folder", path=str(tmp_path / "docs"))
    assert counted(await at.synced()) == {"unchanged": 1}
    assert await at.sources.remove(ME, "docs") == 1
    assert await at.names() == set()
    assert (tmp_path / "docs" / "a.md").exists()
    with pytest.raises(NotFound):
        await at.sources.get(ME, "docs")


async def test_bad_sources_are_refused_by_name(at: Setting, tmp_path: Path) -> None:
    place = str(tmp_path)
    for settings in ({}, {"path": "relative"}, {"path": place, "pth": "x"}, {"path": 7}, {"path": "a\x00b"}):
        with pytest.raises(InvalidInput) as refused:
            await at.sources.add(ME, NewSource(name="docs", kind="folder", settings=settings))
        assert refused.value.code == "input.source.setting"
    with pytest.raises(InvalidInput) as refused:
        await at.sources.add(ME, NewSource(name="docs", kind="../folder", settings={"path": place}))
    assert refused.value.code == "input.source.kind"
    with pytest.raises(InvalidInput) as refused:
        await at.sources.add(ME, NewSource(name="Docs/../x", kind="folder", settings={"path": place}))
    assert refused.value.code == "input.source.name"
    with pytest.raises(InvalidInput):
        await at.sources.add(ME, NewSource(name="d", kind="folder", settings={"path": place}, cron="often"))
    await at.added("folder", path=place)
    with pytest.raises(Conflict):
        await at.added("folder", path=place)


async def test_what_a_newer_program_derives_is_derived_of_files_that_have_not_changed(
    at: Setting, docs: Write, embedder: WordEmbedder, tmp_path: Path
) -> None:
    docs("a.md", "# Heron\n\nwith [more](b.md).")
    docs("b.md", "# Stork\n\nclaps.")
    await at.added("folder", path=str(tmp_path / "docs"))
    await at.synced()
    memory = at.memory.store.database.within(W)
    linked = "SELECT subject, object, chunk FROM memory_relations WHERE relation = 'links_to'"
    before = await memory.fetch(linked)
    assert len(before) == 1
    await memory.transaction([
        ("DELETE FROM memory_relations WHERE workspace_id = $1", (W,)),
        ("UPDATE memory_documents SET links = '', derived = '2' WHERE workspace_id = $1", (W,)),
    ])  # fmt: skip
    embedded = len(embedder.calls)
    assert counted(await at.synced()) == {"unchanged": 2}
    assert await memory.fetch(linked) == before
    assert len(embedder.calls) == embedded
