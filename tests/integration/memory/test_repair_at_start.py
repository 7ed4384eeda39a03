"""A damaged memory keeps nobody from starting, and nothing that people have said is lost by it in silence."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowmatik.contracts.memory import DocumentLabels
from flowmatik.kernel.errors import Unavailable
from flowmatik.memory import hurt
from flowmatik.memory.repair import repair, repair_at_start
from flowmatik.memory.store import DAMAGED
from tests.integration.memory.support import StandingClock
from tests.integration.memory.test_repair import opened, overwrite, pages_of

_FILES = 12
_LABELS = DocumentLabels(acl=("user:ana",), tags=("pay",))


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A memory of restricted documents."""
    made = tmp_path / "home" / ".flowmatik" / "memory.db"
    docs = tmp_path / "docs"
    docs.mkdir()
    for number in range(_FILES):
        text = " ".join(f"word{number}x{n}" for n in range(120))
        (docs / f"f{number:02}.md").write_text(f"# Title {number}\n\nMarker{number} {text}.")
    memory = opened(made)
    async for _ in memory.ingest("default", [docs], labels=_LABELS):
        pass
    await memory.close()
    return made


def data(path: Path) -> bytes:
    return path.read_bytes()


def aside(path: Path) -> list[Path]:
    return sorted(path.parent.glob("memory.db.damaged-*"))


async def test_a_sound_memory_is_left_alone_and_so_is_none(path: Path, tmp_path: Path) -> None:
    before = data(path)
    assert await repair_at_start(path, StandingClock()) is None
    assert await repair_at_start(tmp_path / "none.db", StandingClock()) is None
    assert (data(path), "none.db" in os.listdir(tmp_path)) == (before, False)


@pytest.mark.parametrize("table", ["memory_postings", "memory_mentions", "memory_documents", "memory_acl"])
async def test_what_is_kept_is_whole_and_what_was_restricted_stays_so(
    path: Path, tmp_path: Path, table: str
) -> None:
    overwrite(path, pages_of(path, table)[:2])
    done = await repair_at_start(path, StandingClock())
    assert done is not None
    assert [Path(done.set_aside)] == aside(path)
    memory = opened(path)
    there = await memory.documents("default")
    assert len(there) == done.kept == _FILES - len(done.lost)
    assert all(one.acl == ("user:ana",) for one in there)
    async for _ in memory.ingest("default", [tmp_path / "docs"]):
        pass
    assert (await memory.status("default")).documents == _FILES
    assert (await memory.status("default", on_behalf=frozenset({"user:bob"}))).documents == 0
    await memory.close()
    assert await repair_at_start(path, StandingClock()) is None


@pytest.mark.parametrize("whole", [False, True])
async def test_where_it_would_lose_what_people_have_said_it_is_not_done(path: Path, *, whole: bool) -> None:
    if whole:
        await asyncio.to_thread(path.write_bytes, b"no database" * 5000)
    else:
        overwrite(path, pages_of(path, "memory_labels"))
    damaged = data(path)
    with pytest.raises(Unavailable, match="memory_labels") as refused:
        await repair_at_start(path, StandingClock())
    assert refused.value.code == "unavailable.memory.unsaid"
    assert (data(path), aside(path)) == (damaged, [])
    assert not [one for one in path.parent.iterdir() if ".new" in one.name]
    done = await repair(path, StandingClock())
    assert done is not None
    assert done.set_aside, "whoever asks for it goes on without"


async def test_what_is_found_while_it_is_used_is_mended_at_the_next_start(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However deep inside the file it is."""
    overwrite(path, pages_of(path, "memory_documents"))
    memory = opened(path)
    with pytest.raises(Unavailable) as found:
        await memory.documents("default")
    assert found.value.code == DAMAGED
    await memory.close()
    monkeypatch.setattr("flowmatik.memory.repair._GLANCE", 0.0)
    assert hurt.is_marked(path)
    assert await repair_at_start(path, StandingClock()) is not None
    assert not hurt.is_marked(path)
    assert await repair_at_start(path, StandingClock()) is None


def flowmatik(home: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "flowmatik", "--home", str(home), "--lang", "en", *words]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLOWMATIK_")}
    env = {**kept, "FLOWMATIK_EMBEDDINGS": "false", **environment}
    return subprocess.run(line, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_a_process_starts_over_a_damaged_memory_and_says_what_happened(path: Path) -> None:
    home = path.parents[1]
    (home / "flowmatik.toml").write_text("")
    overwrite(path, pages_of(path, "memory_postings")[:3])
    off = flowmatik(home, "memory", "search", "Marker3", FLOWMATIK_MEMORY_REPAIR="off")
    assert off.returncode == 6, off.stderr
    assert "memory repair" in off.stderr
    assert aside(path) == []
    told = flowmatik(home, "--json", "memory", "status")
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["documents"] == _FILES
    assert "was damaged and has been repaired" in told.stderr
    assert str(aside(path)[0]) in told.stderr
    again = flowmatik(home, "--json", "memory", "status")
    assert (again.returncode, "damaged" in again.stderr) == (0, False)
