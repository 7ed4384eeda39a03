"""The file of an index that is damaged: it is made anew by itself, and filled from memory."""

import logging
import os
import stat
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from flowmatik.contracts.memory import Search
from flowmatik.contracts.text_indexes import TextIndex
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Unavailable
from flowmatik.memory import StoredMemory
from flowmatik.memory.outside.keeping import OutsideIndexes
from flowmatik.memory.text_index import load_text_index
from flowmatik.memory.vector_indexes.choosing import load_vector_index
from flowmatik.testing.clock import SkippingClock
from tests.contracts.memory.conftest import WS, Shelf

NAMES = ("vectors.db", "words.db")
SECRET = b"Forgotten-8843"


@asynccontextmanager
async def keeping(shelf: Shelf) -> AsyncGenerator[tuple[OutsideIndexes, StoredMemory]]:
    """As a process of its own has them."""
    text = load_text_index("fts5", {"path": str(shelf.folder.parent / "words.db")})
    indexes = OutsideIndexes(
        shelf.database,
        cast("Clock", SkippingClock()),
        vectors=load_vector_index("sqlite_exact", {"path": str(shelf.folder.parent / "vectors.db")}),
        text=cast("TextIndex", text),
    )
    memory = shelf.another()
    memory.use_indexes(indexes)
    try:
        yield indexes, memory
    finally:
        await indexes.close()


async def followed(shelf: Shelf, indexes: OutsideIndexes) -> None:
    for workspace in (WS, "another"):  # PostgreSQL shows one at a time to this role
        await indexes.follow_all(shelf.database.within(workspace))


async def taken(shelf: Shelf) -> None:
    for n in range(30):
        shelf.write(f"n{n}.md", f"# Note {n}\n\nThe heron number {n} nests by the river.")
    await shelf.take()
    await shelf.take(shelf.folder / "n1.md", workspace="another")


def noise(path: Path) -> None:
    path.write_bytes(os.urandom(50_000) + SECRET)


def holed(path: Path) -> None:
    """A header that is sound, and nothing else: found by whoever reads, not by whoever opens."""
    kept = path.read_bytes()
    path.write_bytes(kept[:100] + os.urandom(len(kept) - 100))


async def whole(indexes: OutsideIndexes, workspace: str = WS) -> bool:
    return all(one.agrees and one.stored for one in await indexes.states(workspace))


async def asked(memory: StoredMemory) -> tuple[list[str], list[str]]:
    found = await memory.find(WS, Search(query="heron number 7 by the river", limit=3))
    return [one.source for one in found.items], [one.code for one in found.notices]


@pytest.mark.parametrize("damage", [noise, holed])
@pytest.mark.parametrize("mend", ["by itself", "rebuild"])
async def test_a_damaged_file_is_made_anew_and_filled_from_memory(
    shelf: Shelf, damage: Callable[[Path], None], mend: str, caplog: pytest.LogCaptureFixture
) -> None:
    await taken(shelf)
    async with keeping(shelf) as (indexes, memory):
        await followed(shelf, indexes)
        before = await asked(memory)
        assert before[0]
        assert not before[1]
    for name in NAMES:
        damage(shelf.folder.parent / name)
    async with keeping(shelf) as (indexes, memory):
        with caplog.at_level(logging.WARNING):
            if mend == "rebuild":
                await indexes.rebuild(WS)
            await followed(shelf, indexes)
        assert await whole(indexes)
        assert await whole(indexes, "another")
        assert await asked(memory) == before
    told = [one for one in caplog.messages if "damaged" in one]
    assert len(told) == len(NAMES)
    for name in NAMES:
        path = shelf.folder.parent / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not [one for one in shelf.folder.parent.iterdir() if one.is_file() and SECRET in one.read_bytes()]


async def test_what_a_search_finds_damaged_is_filled_again_though_memory_did_not_change(shelf: Shelf) -> None:
    await taken(shelf)
    async with keeping(shelf) as (indexes, memory):
        await followed(shelf, indexes)
        before = await asked(memory)
    async with keeping(shelf) as (indexes, memory):
        await followed(shelf, indexes)
        for name in NAMES:
            holed(shelf.folder.parent / name)
        found, notices = await asked(memory)
        assert found[0] == before[0][0]
        assert sorted(notices) == ["search.text_away", "search.vectors_away"]
        await followed(shelf, indexes)
        await followed(shelf, indexes)
        assert await whole(indexes)
        assert await whole(indexes, "another")
        assert await asked(memory) == before, "and the index is asked again at once"


async def test_another_process_that_has_the_old_file_open_goes_on_with_the_new_one(shelf: Shelf) -> None:
    await taken(shelf)
    async with keeping(shelf) as (first, memory), keeping(shelf) as (second, _):
        await followed(shelf, first)
        await followed(shelf, second)
        before = await asked(memory)
        for name in NAMES:
            noise(shelf.folder.parent / f"new-{name}")
            (shelf.folder.parent / f"new-{name}").replace(shelf.folder.parent / name)
        await second.rebuild(WS)
        assert await asked(memory) == before
        shelf.write("late.md", "The lantern burns late.")
        await shelf.take()
        await followed(shelf, first)
        await followed(shelf, first)
        assert await whole(first)
        assert await whole(first, "another")
        assert await whole(second)


@pytest.mark.parametrize("leg", ["text", "vectors"])
async def test_a_file_of_somebody_else_that_was_named_by_mistake_is_left_alone(
    tmp_path: Path, leg: str
) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(b"%PDF-1.7 " * 1000)
    given = {"path": str(path)}
    index = load_text_index("fts5", given) if leg == "text" else load_vector_index("sqlite_exact", given)
    with pytest.raises(Unavailable) as caught:
        await index.health()
    await index.close()
    assert caught.value.code == "unavailable.index.damaged"
    assert path.read_bytes() == b"%PDF-1.7 " * 1000
