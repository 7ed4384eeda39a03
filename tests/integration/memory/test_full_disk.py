"""A disk that is full in the middle of something: it is said, nothing is there by halves, and it goes on."""

import asyncio
import resource
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flowmatik.contracts.memory_care import ErasureRequest
from flowmatik.kernel.errors import Unavailable
from flowmatik.memory import StoredMemory, StoredMemoryCare, build_memory, hurt
from flowmatik.memory.checkup import look_at
from tests.integration.memory.support import StandingClock, WordEmbedder, ingest

WS = "default"
_FILES = 6
Work = Callable[[StoredMemory], Awaitable[object]]


@contextmanager
def full(most: int) -> Generator[None]:
    """The kernel lets no file of this process be written beyond its first `most` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def size_of(path: Path) -> int:
    return path.stat().st_size


def text(number: int, words: int = 300) -> str:
    many = " ".join(f"word{number}x{n}" for n in range(words))
    return f"# Title {number}\n\nMarker{number} of Nairobi. {many}."


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "memory.db"


@pytest.fixture
def newer() -> WordEmbedder:
    return WordEmbedder(id="newer", dimension=256)


@pytest.fixture
async def memory(path: Path, folder: Path, newer: WordEmbedder) -> AsyncIterator[StoredMemory]:
    built = build_memory(path, embedder=WordEmbedder(), clock=StandingClock(), others=[newer])
    for number in range(_FILES):
        (folder / f"f{number:02}.md").write_text(text(number), encoding="utf-8")
    await ingest(built, folder)
    await built.store.purge()
    yield built
    await built.close()


async def left_whole(memory: StoredMemory, path: Path, documents: int) -> None:
    """Every document with all that belongs to it, and the file sound."""
    database = memory.store.database
    partly = await database.fetch(
        "SELECT d.source FROM memory_documents d WHERE d.chunks <> (SELECT count(*) FROM memory_chunks c"
        " WHERE c.document = d.id) OR d.derived = '' OR NOT EXISTS (SELECT 1 FROM memory_mentions m"
        " WHERE m.document = d.id) OR d.chunks <> (SELECT count(*) FROM memory_vectors v"
        " WHERE v.document = d.id AND v.embedder = 'words')"
    )
    assert partly == []
    assert (await memory.status(WS)).documents == documents
    assert (await memory.search(WS, "Marker3"))[0].source == "f03.md"
    state = await look_at(path, "words")
    assert state is not None
    assert (state.documents, state.not_embedded) == (documents, 0)
    assert not hurt.is_marked(path), "a full disk damages nothing"


async def fails(most: int, work: Awaitable[object]) -> str:
    with full(most), pytest.raises(Unavailable) as refused:
        await work
    assert refused.value.code == "unavailable.memory"
    return refused.value.message


async def test_an_ingest_leaves_whole_documents_and_the_next_one_takes_the_rest(
    memory: StoredMemory, path: Path, folder: Path
) -> None:
    for number in range(_FILES, 2 * _FILES):
        (folder / f"f{number:02}.md").write_text(text(number), encoding="utf-8")
    said = await fails(size_of(path), ingest(memory, folder))
    assert "check the disk" in said
    there = (await memory.status(WS)).documents
    assert _FILES <= there < 2 * _FILES
    await left_whole(memory, path, there)
    outcomes = [one.outcome for one in await ingest(memory, folder)]
    assert outcomes.count("added") == 2 * _FILES - there
    await left_whole(memory, path, 2 * _FILES)


async def test_a_document_that_changes_is_the_old_one_until_the_new_one_fits(
    memory: StoredMemory, path: Path, folder: Path
) -> None:
    (folder / "f03.md").write_text(text(3, words=8_000).replace("Nairobi", "Mombasa"), encoding="utf-8")
    await fails(size_of(path), ingest(memory, folder))
    await left_whole(memory, path, _FILES)
    assert "Nairobi" in (await memory.search(WS, "Marker3"))[0].text
    await ingest(memory, folder)
    assert "Mombasa" in (await memory.search(WS, "Marker3"))[0].text


async def test_a_rebuild_breaks_off_between_documents_and_can_be_made_again(
    memory: StoredMemory, path: Path
) -> None:
    care = StoredMemoryCare(memory, StandingClock())
    await fails(size_of(path) // 2, care.rebuild(WS))
    await left_whole(memory, path, _FILES)
    assert (await care.rebuild(WS)).documents == _FILES
    await left_whole(memory, path, _FILES)


async def test_a_move_to_another_embedder_leaves_the_old_vectors_in_use(
    memory: StoredMemory, path: Path
) -> None:
    care = StoredMemoryCare(memory, StandingClock())
    await fails(30_000, care.reembed(WS, "newer"))
    await left_whole(memory, path, _FILES)
    assert (await memory.status(WS)).embedding_model == "words"
    assert (await care.reembed(WS, "newer")).embedder == "newer"
    status = await memory.status(WS)
    assert (status.embedding_model, status.embedded) == ("newer", status.chunks)


@pytest.mark.parametrize("most", [100, 30_000, 150_000])
async def test_an_erasure_erases_all_of_it_or_nothing_and_is_ended_later(
    memory: StoredMemory, path: Path, most: int
) -> None:
    care = StoredMemoryCare(memory, StandingClock())
    await fails(most, care.forget(WS, ErasureRequest(subject=("Nairobi",)), by="u"))
    there = (await memory.status(WS)).documents
    assert there in (0, _FILES), "all of them or none"
    begun = await memory.store.database.fetch("SELECT id FROM memory_erasing")
    done = await care.finish(WS)
    assert len(done) == len(begun)
    if not begun:
        done = [await care.forget(WS, ErasureRequest(subject=("Nairobi",)), by="u")]
    assert [one.documents for one in done] == [_FILES]
    assert (await memory.status(WS)).documents == 0
    assert await memory.search(WS, "Marker3") == []
    await memory.close()
    assert b"Nairobi" not in await asyncio.to_thread(path.read_bytes)
