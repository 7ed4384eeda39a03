"""What was forgotten stays out of a source's syncs until somebody asks for that very document."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowmatik.contracts.memory_care import ErasureRequest
from flowmatik.kernel.errors import NotFound
from flowmatik.memory import StoredMemoryCare
from flowmatik.memory.syncing.rows import Kept
from flowmatik.memory.syncing.store import SourceRows
from tests.contracts.sources.conftest import ME, Setting, W, counted

Docs = Callable[[str, str], Path]


async def retried(at: Setting, *paths: str) -> dict[str, int]:
    begun = await at.sources.retry(ME, "docs", paths)
    await at.sources.settled()
    return counted(await at.sources.report(ME, "docs", begun.id))


async def rows_of(at: Setting) -> str:
    rows = await at.database.within(W).fetch("SELECT * FROM source_entries WHERE workspace_id = $1", W)
    assert "pump" in repr(rows), "what is kept is looked at"
    return repr(rows).casefold()


async def test_nothing_tells_of_it_any_more_and_it_comes_back_when_it_is_retried_by_its_path(
    at: Setting, docs: Docs
) -> None:
    docs("ana.md", "# Staff\n\nAna Zurbarán joined in 2019.")
    docs("pump.md", "# Pump\n\nThe pump is blue.")
    await at.added("folder", path=str(at.folder / "docs"))
    assert counted(await at.synced()) == {"added": 2}
    care = StoredMemoryCare(at.memory, at.clock, others=[at.sources.entries])
    await care.forget(W, ErasureRequest(subject=("Ana Zurbarán",)), by=ME.id)
    assert counted(await at.synced()) == {"unchanged": 2}

    docs("ana.md", "# Staff\n\nAna Zurbarán left in 2024, and that is all.")
    assert counted(await at.synced()) == {"unchanged": 2}
    assert await at.sources.failures(ME, "docs") == []
    assert (await at.sources.get(ME, "docs")).documents == 1
    assert "ana" not in await rows_of(at)
    assert await retried(at) == {"unchanged": 2}, "all of them are not this one"
    assert await at.names() == {"docs/pump.md"}

    assert await retried(at, "ana.md") == {"added": 1, "unchanged": 1}
    assert await at.names() == {"docs/ana.md", "docs/pump.md"}
    docs("ana.md", "# Staff\n\nAna Zurbarán came back in 2025, after all of that.")
    assert counted(await at.synced()) == {"updated": 1, "unchanged": 1}


async def test_a_dead_letter_that_names_the_subject_goes_and_stays_away(at: Setting, docs: Docs) -> None:
    docs("pump.md", "# Pump\n\nThe pump is blue.")
    docs("Ana Zurbarán.pdf", "no PDF at all")
    await at.added("folder", path=str(at.folder / "docs"))
    assert counted(await at.synced()) == {"added": 1, "failed": 1}
    care = StoredMemoryCare(at.memory, at.clock, others=[at.sources.entries])
    done = await care.forget(W, ErasureRequest(subject=("Ana Zurbarán",)), by=ME.id)
    assert (done.documents, done.counts["source_entries"]) == (0, 1)
    assert "zurb" not in await rows_of(at)
    assert counted(await at.synced()) == {"unchanged": 2}
    assert "zurb" not in await rows_of(at)


async def test_a_copy_of_it_elsewhere_is_left_out_without_a_word(at: Setting, docs: Docs) -> None:
    docs("ana.md", "# Staff\n\nAna Zurbarán joined in 2019.")
    docs("pump.md", "# Pump\n\nThe pump is blue.")
    await at.added("folder", path=str(at.folder / "docs"))
    await at.synced()
    care = StoredMemoryCare(at.memory, at.clock, others=[at.sources.entries])
    await care.forget(W, ErasureRequest(document="docs/ana.md"), by=ME.id)
    docs("another-ana.md", "# Staff\n\nAna Zurbarán joined in 2019.")
    assert counted(await at.synced()) == {"unchanged": 3}
    assert "ana" not in await rows_of(at)
    assert await at.names() == {"docs/pump.md"}


async def test_a_copy_elsewhere_is_refused_by_its_bytes_and_read_again_only_when_it_has_changed(
    at: Setting, docs: Docs
) -> None:
    text = "# Staff\n\nAna Zurbarán joined in 2019."
    original = docs("ana.md", text)
    await at.added("folder", path=str(at.folder / "docs"))
    await at.synced()
    await StoredMemoryCare(at.memory, at.clock, others=[at.sources.entries]).forget(
        W, ErasureRequest(document="docs/ana.md"), by=ME.id
    )
    copy = docs("copy.pdf", text)  # which no parser could read
    (step,) = [one async for one in at.memory.ingest(W, [at.folder / "docs"]) if "pdf" in one.source]
    assert (step.outcome, step.code) == ("skipped", "document.forgotten")
    assert counted(await at.synced()) == {"unchanged": 2}

    before = copy.stat()
    copy.write_bytes(bytes(before.st_size))
    os.utime(copy, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert counted(await at.synced()) == {"unchanged": 2}, "it has not been looked into"
    os.utime(copy, ns=(0, 0))
    assert counted(await at.synced()) == {"unchanged": 1, "failed": 1}

    twin = docs("twin.md", text)
    assert counted(await at.synced()) == {"unchanged": 2, "failed": 1}
    assert [one.outcome async for one in at.memory.ingest(W, [original])] == ["added"]
    original.unlink()
    assert twin.exists()
    await at.synced()
    assert "docs/twin.md" in await at.names(), "what was let in may have copies"


async def test_a_dead_letter_of_a_folder_that_can_be_read_at_last_stays_in_memory(
    at: Setting, docs: Docs
) -> None:
    docs("pump.json", "{no json")
    await at.added("folder", path=str(at.folder / "docs"))
    assert counted(await at.synced()) == {"failed": 1}
    docs("pump.json", '{"pump": "blue"}')
    assert counted(await at.synced()) == {"added": 1}
    assert await at.names() == {"docs/pump.json"}


async def test_trying_all_dead_letters_again_lets_in_no_content_that_was_forgotten(
    at: Setting, docs: Docs
) -> None:
    docs("ana.md", "# Staff\n\nAna Zurbarán joined in 2019.")
    docs("pay.md", "\0\1\2 no text at all \0\3" * 40)
    await at.added("folder", path=str(at.folder / "docs"))
    assert counted(await at.synced()) == {"added": 1, "failed": 1}
    care = StoredMemoryCare(at.memory, at.clock)
    await care.forget(W, ErasureRequest(document="docs/ana.md"), by=ME.id)
    docs("pay.md", "# Staff\n\nAna Zurbarán joined in 2019.")
    await retried(at)
    assert await at.names() == set()


async def test_a_source_that_is_forgotten_leaves_no_dead_letter_and_no_word_of_its_syncs(
    at: Setting, docs: Docs
) -> None:
    folder = docs("ana.md", "# Staff\n\nAna Zurbarán joined in 2019.").parent
    docs("bad.pdf", "no PDF at all")
    await at.added("folder", path=str(folder))
    other = at.folder / "others"
    other.mkdir()
    (other / "pump.md").write_text("# Pump\n\nThe pump is blue.")
    (other / "bad.pdf").write_text("no PDF at all")
    await at.added("folder", "others", path=str(other))
    assert counted(await at.synced()) == {"added": 1, "failed": 1}
    assert counted(await at.synced("others")) == {"added": 1, "failed": 1}
    folder.rename(at.folder / "away")
    assert (await at.synced()).status == "failed"
    others = [at.sources.entries, at.sources.reports]
    care = StoredMemoryCare(at.memory, at.clock, others=others, said=[at.sources.definitions])
    for asked in (ErasureRequest(source="docs"), ErasureRequest(source=str(folder))):
        plan = await care.forget(W, asked, by=ME.id, rehearse=True)
        assert (plan.counts["source_entries"], plan.counts["source_syncs"]) == (2, 2)
    done = await care.forget(W, ErasureRequest(source="docs"), by=ME.id)
    assert [(one.kind, one.ids) for one in done.naming] == [
        ("sources", ((await at.sources.get(ME, "docs")).id,))
    ]
    assert await at.sources.syncs(ME, "docs") == []
    assert await at.sources.failures(ME, "docs") == []
    assert len(await at.sources.failures(ME, "others")) == 1
    assert len(await at.sources.syncs(ME, "others")) == 1
    with pytest.raises(NotFound):
        await care.forget(W, ErasureRequest(source="docs"), by=ME.id)


async def test_a_source_that_names_the_subject_is_named_and_so_is_a_dead_letter_by_its_path(
    at: Setting, docs: Docs
) -> None:
    docs("ana/bad.pdf", "no PDF at all")
    await at.added("folder", path=str(at.folder / "docs" / "ana"))
    assert counted(await at.synced()) == {"failed": 1}
    care = StoredMemoryCare(at.memory, at.clock, others=[at.sources.entries], said=[at.sources.definitions])
    plan = await care.forget(W, ErasureRequest(subject=("Ana",)), by=ME.id, rehearse=True)
    assert [(one.kind, one.count) for one in plan.naming] == [("sources", 1)]
    done = await care.forget(W, ErasureRequest(document="docs/bad.pdf"), by=ME.id)
    assert (done.counts["source_entries"], done.naming) == (1, ())
    assert counted(await at.synced()) == {"unchanged": 1}


async def test_a_sync_that_goes_on_while_its_source_is_forgotten_leaves_no_report(
    at: Setting, docs: Docs
) -> None:
    for number in range(8):
        docs(f"f{number}.md", f"# T{number}\n\nThe heron number {number} wades.")
    await at.added("folder", path=str(at.folder / "docs"))
    begun = await at.sources.sync(ME, "docs")
    assert begun.status == "running"
    care = StoredMemoryCare(at.memory, at.clock, others=[at.sources.entries, at.sources.reports])
    done = await care.forget(W, ErasureRequest(source="docs"), by=ME.id)
    assert done.counts["source_syncs"] == 1
    assert await at.sources.syncs(ME, "docs") == []
    await at.sources.settled()
    assert await at.sources.syncs(ME, "docs") == []
    assert (await at.synced()).status == "done", "the next one says again what it does"


async def test_a_sync_whose_report_was_forgotten_has_one_again_for_whoever_asks_for_it(
    at: Setting, docs: Docs
) -> None:
    folder = docs("pump.md", "# Pump\n\nThe pump is blue.").parent
    await at.added("folder", path=str(folder))
    begun = await at.sources.sync(ME, "docs")
    await at.sources.close()
    at.sources = at.opened()
    await StoredMemoryCare(at.memory, at.clock, others=[at.sources.reports]).forget(
        W, ErasureRequest(source="docs"), by=ME.id
    )
    at.clock.pass_by(hours=1)
    again = await at.sources.sync(ME, "docs")
    assert (again.id, again.status) == (begun.id, "running")
    assert again.started_at > begun.started_at
    await at.sources.settled()
    (report,) = await at.sources.syncs(ME, "docs")
    assert (report.id, report.status) == (begun.id, "done")


@pytest.mark.parametrize("name", ["Ana Zurbarán.pdf", "Ana Zurbarán.md"])
async def test_what_is_forgotten_while_a_sync_looks_at_it_has_no_row_afterwards(
    at: Setting, docs: Docs, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    docs("pump.md", "# Pump\n\nThe pump is blue.")
    docs(name, "# Staff\n\nNot a PDF.")
    await at.added("folder", path=str(at.folder / "docs"))
    await at.synced()
    docs(name, "# Staff\n\nNot a PDF, but longer.")
    care = StoredMemoryCare(at.memory, at.clock, others=[at.sources.entries])
    record = SourceRows.record

    async def after_it_was_forgotten(rows: SourceRows, source_id: str, kept: Kept, *rest: Any) -> None:
        if kept.path == name:
            await care.forget(W, ErasureRequest(subject=("Ana Zurbarán",)), by=ME.id)
        await record(rows, source_id, kept, *rest)

    monkeypatch.setattr(SourceRows, "record", after_it_was_forgotten)
    await at.synced()
    assert "zurb" not in await rows_of(at)
    assert await at.names() == {"docs/pump.md"}
