"""Files are read and embedded side by side, and stored as if one after the other."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from flowmatik.kernel.sqlite import connect
from flowmatik.memory import StoredMemory, build_memory
from flowmatik.memory.sync import AT_ONCE
from tests.integration.memory.support import StandingClock, WordEmbedder, ingest, outcomes

SECONDS = 60


class HeldEmbedder(WordEmbedder):
    """Answers when it may; `asked` is set when somebody waits."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.may = asyncio.Event(), asyncio.Event()

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.asked.set()
        async with asyncio.timeout(SECONDS):
            await self.may.wait()
        return await super().embed(texts)


class GatheringEmbedder(WordEmbedder):
    """Answers nobody before so many have asked at the same time; `most` did."""

    def __init__(self, together: int) -> None:
        super().__init__()
        self.most = 0
        self._asking = 0
        self._barrier = asyncio.Barrier(together)

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self._asking += 1
        self.most = max(self.most, self._asking)
        try:
            async with asyncio.timeout(SECONDS):
                await self._barrier.wait()
            return await super().embed(texts)
        finally:
            self._asking -= 1


@pytest.fixture
def folder_of_eight(folder: Path) -> Path:
    for number in range(8):
        text = f"# Page {number}\n\nThis is about the {'word ' * (8 - number)}of page {number}."
        (folder / f"{number}.md").write_text(text, encoding="utf-8")
    return folder


def _memory(path: Path, embedder: WordEmbedder) -> StoredMemory:
    return build_memory(path / "memory.db", embedder=embedder, clock=StandingClock())


async def test_as_many_as_may_be_are_embedded_at_once(tmp_path: Path, folder_of_eight: Path) -> None:
    embedder = GatheringEmbedder(AT_ONCE)
    memory = _memory(tmp_path, embedder)
    steps = await ingest(memory, folder_of_eight)
    assert [step.outcome for step in steps] == ["added"] * 8
    assert embedder.most == AT_ONCE > 1
    await memory.close()


async def test_they_are_told_of_and_stored_in_the_order_of_their_names(
    tmp_path: Path, folder_of_eight: Path
) -> None:
    memory = _memory(tmp_path, WordEmbedder())
    steps = await ingest(memory, folder_of_eight)
    assert [(step.source, step.done, step.total) for step in steps] == [
        (f"{number}.md", number + 1, 8) for number in range(8)
    ]
    await memory.close()
    file = connect(tmp_path / "memory.db", synchronous="NORMAL")
    by_number = file.execute("SELECT document FROM memory_chunks ORDER BY number").fetchall()
    assert by_number == file.execute("SELECT id FROM memory_documents ORDER BY source").fetchall()
    file.close()


async def test_what_was_removed_while_it_was_read_is_a_document_of_its_own_again(
    tmp_path: Path, folder: Path
) -> None:
    page = folder / "page.md"
    page.write_text("# Page\n\nThe first version.", encoding="utf-8")
    embedder = HeldEmbedder()
    embedder.may.set()
    memory = _memory(tmp_path, embedder)
    await ingest(memory, folder)
    (first,) = await memory.documents("default")
    page.write_text("# Page\n\nThe second version, which is longer.", encoding="utf-8")
    embedder.asked.clear()
    embedder.may.clear()
    taking = asyncio.create_task(outcomes(memory, folder))
    async with asyncio.timeout(SECONDS):
        await embedder.asked.wait()
    await memory.remove("default", "page.md")
    embedder.may.set()
    assert await taking == {"page.md": "added"}
    (second,) = await memory.documents("default")
    assert second.id != first.id
    await memory.close()


async def test_of_two_copies_under_new_names_one_goes_on_being_the_old_document(
    tmp_path: Path, folder: Path
) -> None:
    (folder / "old.md").write_text("Without a heading its name is its title.", encoding="utf-8")
    memory = _memory(tmp_path, WordEmbedder())
    await ingest(memory, folder)
    (before,) = await memory.documents("default")
    (folder / "old.md").rename(folder / "one.md")
    (folder / "two.md").write_bytes((folder / "one.md").read_bytes())
    assert await outcomes(memory, folder) == {"one.md": "moved", "two.md": "added"}
    one, two = await memory.documents("default")
    assert (one.source, one.id, two.source) == ("one.md", before.id, "two.md")
    assert two.id != before.id
    assert await outcomes(memory, folder) == {"one.md": "unchanged", "two.md": "unchanged"}
    await memory.close()


async def test_who_stops_listening_leaves_nothing_under_way(tmp_path: Path, folder_of_eight: Path) -> None:
    memory = _memory(tmp_path, WordEmbedder())
    before = asyncio.all_tasks()
    steps = memory.sync.run("default", [folder_of_eight], None)
    first = await anext(steps)
    await steps.aclose()
    assert first.source == "0.md"
    assert asyncio.all_tasks() == before
    stored = {document.source for document in await memory.documents("default")}
    assert stored == {"0.md"}
    assert set((await outcomes(memory, folder_of_eight)).values()) == {"unchanged", "added"}
    await memory.close()
