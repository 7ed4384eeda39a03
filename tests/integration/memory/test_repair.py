"""A damaged memory file is set aside; what can be read of it is found as before, the rest comes again."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowmatik.app.cli.main import run_cli
from flowmatik.kernel.errors import Unavailable
from flowmatik.kernel.sqlite import connect
from flowmatik.memory import StoredEntities, StoredMemory, build_memory, repair
from flowmatik.memory.repair import Repaired
from tests.integration.memory.support import StandingClock, WordEmbedder, ingest

_FILES = 24
_TEMPLATE: dict[str, bytes] = {}


def opened(path: Path) -> StoredMemory:
    return build_memory(path, embedder=WordEmbedder(), clock=StandingClock())


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("docs")
    for number in range(_FILES):
        text = " ".join(f"word{number}x{n}" for n in range(120))
        whole = f"# Title {number}\n\nMarker{number} {text}."
        (made / f"f{number:02}.md").write_text(whole, encoding="utf-8")
    return made


async def filled(path: Path, texts: Path) -> None:
    """Made once, for all tests."""
    if not _TEMPLATE:
        memory = opened(path)
        await ingest(memory, texts)
        entities = StoredEntities(memory.store.database, StandingClock())
        await entities.merge("default", "title 1", "title 2", by="u")
        await memory.close()
        _TEMPLATE["m.db"] = await asyncio.to_thread(path.read_bytes)
    await asyncio.to_thread(path.write_bytes, _TEMPLATE["m.db"])


def pages_of(path: Path, table: str) -> list[int]:
    """The leaf pages of a table's tree (https://www.sqlite.org/fileformat2.html, 1.6)."""
    connection = connect(path)
    (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    data = path.read_bytes()

    def leaves(number: int) -> Iterator[int]:
        page = data[(number - 1) * size : number * size]
        if page[0] in (0x0A, 0x0D):
            yield number
            return
        for cell in range(int.from_bytes(page[3:5])):
            at = int.from_bytes(page[12 + 2 * cell : 14 + 2 * cell])
            yield from leaves(int.from_bytes(page[at : at + 4]))
        yield from leaves(int.from_bytes(page[8:12]))

    return list(leaves(int(root)))


def overwrite(path: Path, pages: list[int]) -> None:
    with path.open("r+b") as file:
        file.seek(16)
        size = int.from_bytes(file.read(2)) or 65536
        for page in pages:
            file.seek((page - 1) * size)
            file.write(os.urandom(size))


async def test_what_can_be_read_is_kept_and_the_rest_comes_with_the_next_ingest(
    tmp_path: Path, docs: Path
) -> None:
    path = tmp_path / "m.db"
    await filled(path, docs)
    pages = pages_of(path, "memory_documents")
    overwrite(path, pages[len(pages) // 2 : len(pages) // 2 + 3])
    done = await repair.repair(path, StandingClock())
    assert done is not None
    assert 0 < len(done.lost) < _FILES
    assert done.kept == _FILES - len(done.lost)
    assert Path(done.set_aside).name.startswith("m.db.damaged-2030")
    memory = opened(path)
    there = {one.source for one in await memory.documents("default")}
    assert len(there) == done.kept
    kept = sorted(there)[0]
    number = int(kept[1:3])
    assert (await memory.search("default", f"Marker{number}"))[0].source == kept
    merged = await StoredEntities(memory.store.database, StandingClock()).show("default", "title 1")
    assert merged.key == "title 2"
    outcomes = await ingest(memory, docs)
    assert sum(one.outcome == "added" for one in outcomes) == len(done.lost)
    assert (await memory.status("default")).documents == _FILES
    await memory.close()
    assert await repair.repair(path, StandingClock()) == Repaired(), "it is sound now"


@pytest.mark.parametrize("table", ["memory_postings", "memory_mentions", "memory_chunks", "memory_vectors"])
async def test_whatever_was_hit_nothing_is_left_by_halves(tmp_path: Path, docs: Path, table: str) -> None:
    path = tmp_path / "m.db"
    await filled(path, docs)
    overwrite(path, pages_of(path, table)[:4])
    done = await repair.repair(path, StandingClock())
    assert done is not None
    assert done.set_aside
    if table in ("memory_postings", "memory_mentions", "memory_vectors"):
        assert (done.kept, done.lost) == (_FILES, ())
    connection = connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    counted = (
        "SELECT count(*) FROM memory_documents d WHERE d.chunks <> (SELECT count(*) FROM memory_chunks c"
    )
    assert connection.execute(f"{counted} WHERE c.document = d.id)").fetchone()[0] == 0
    connection.close()
    memory = opened(path)
    await ingest(memory, docs)
    status = await memory.status("default")
    assert (status.documents, status.embedded) == (_FILES, status.chunks)
    await memory.close()


async def test_of_a_file_that_is_no_database_an_empty_one_is_made(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "m.db"
    path.write_bytes(b"no database" * 5000)
    memory = opened(path)
    with pytest.raises(Unavailable, match="memory repair"):
        await memory.status("default")
    await memory.close()
    done = await repair.repair(path, StandingClock())
    assert done is not None
    assert (done.kept, done.lost) == (0, ())
    (folder / "a.md").write_text("# A\n\nAlpha.", encoding="utf-8")
    memory = opened(path)
    assert [one.outcome for one in await ingest(memory, folder)] == ["added"]
    await memory.close()


async def test_who_dies_on_the_way_leaves_the_old_file_in_its_place(
    tmp_path: Path, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.db"
    await filled(path, docs)
    overwrite(path, pages_of(path, "memory_postings")[:4])
    before = path.read_bytes()

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", dies)
        with pytest.raises(KeyboardInterrupt):
            await repair.repair(path, StandingClock())
    assert path.read_bytes() == before
    done = await repair.repair(path, StandingClock())
    assert done is not None
    assert done.kept == _FILES


async def test_a_full_disk_in_the_middle_leaves_whole_documents_and_no_others(
    tmp_path: Path, docs: Path
) -> None:
    path = tmp_path / "m.db"
    await filled(path, docs)
    memory = opened(path)
    database = memory.store.database
    ((pages,),) = await database.fetch("SELECT page_count FROM pragma_page_count")
    await database.fetch(f"PRAGMA max_page_count = {int(pages) + 2}")
    (docs / "big.md").write_text("# Big\n\n" + " ".join(f"w{n}" for n in range(40_000)), encoding="utf-8")
    with pytest.raises(Unavailable, match="full"):
        await ingest(memory, docs)
    assert "big.md" not in {one.source for one in await memory.documents("default")}
    assert (await memory.search("default", "Marker7"))[0].source == "f07.md"
    await database.fetch("PRAGMA max_page_count = 1000000")
    assert [one.outcome for one in await ingest(memory, docs)].count("added") == 1
    await memory.close()
    (docs / "big.md").unlink()


def test_the_command_says_what_was_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".flowmatik").mkdir(mode=0o700)
    (tmp_path / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    line = ["--home", str(tmp_path), "--json", "memory", "repair"]
    assert run_cli(line) == 0
    assert json.loads(capsys.readouterr().out)["set_aside"] == ""
    (tmp_path / ".flowmatik" / "memory.db").write_bytes(b"no database" * 5000)
    assert run_cli(line) == 0
    told = json.loads(capsys.readouterr().out)
    assert Path(told["set_aside"]).parent == tmp_path / ".flowmatik"
    assert run_cli(["--url", "http://127.0.0.1:9", *line]) == 2
    assert "--url" in capsys.readouterr().err
