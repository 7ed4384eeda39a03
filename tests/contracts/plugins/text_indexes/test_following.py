"""A text index follows memory: each change arrives, whatever dies when; what differs is found and mended."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import cast

import pytest

from flowmatik.contracts.indexes import Filter
from flowmatik.contracts.memory import DocumentLabels
from flowmatik.contracts.text_indexes import TextIndex
from flowmatik.kernel.errors import Unavailable
from flowmatik.memory import following
from flowmatik.memory.text_index import TextFeed, rows_of
from tests.contracts.memory.conftest import Shelf, on_sqlite
from tests.contracts.plugins.text_indexes.conftest import ALL, World

WS = "default"


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    place = tmp_path / "memory"
    (place / "docs").mkdir(parents=True)
    async with on_sqlite(place) as one:
        yield one
        await one.memory.close()


@pytest.fixture
async def pair(
    shelf: Shelf, writing: AbstractAsyncContextManager[World]
) -> AsyncIterator[tuple[Shelf, World, TextFeed]]:
    async with writing as world:
        assert world.index is not None
        await world.index.drop(WS)
        yield shelf, world, TextFeed(shelf.database, world.index)


async def same(shelf: Shelf, world: World) -> None:
    """The index has exactly memory's passages."""
    rows = await shelf.rows("memory_chunks")
    assert await world.search.ids(WS) == sorted(str(one[2]) for one in rows)


async def test_what_is_stored_changed_moved_and_removed_arrives(pair: tuple[Shelf, World, TextFeed]) -> None:
    shelf, world, feed = pair
    for name in ("a", "b", "c"):
        shelf.write(f"{name}.md", f"# Zebra {name}\n\nAbout the zebra number {name}.")
    await shelf.take()
    assert await following.follow(shelf.database, WS, feed) == 3
    await same(shelf, world)
    assert len(await world.found("zebra", WS)) == 3
    shelf.write("a.md", "About a giraffe.")
    (shelf.folder / "b.md").rename(shelf.folder / "moved.md")
    await shelf.take()
    await shelf.memory.remove(WS, "c.md")
    await following.follow(shelf.database, WS, feed)
    await same(shelf, world)
    assert len(await world.found("zebra", WS)) == 1
    assert len(await world.found("zebra", WS, Filter(sources=("moved.md",)))) == 1
    assert len(await world.found("giraffe", WS)) == 1
    assert await following.follow(shelf.database, WS, feed) == 0


async def test_labels_arrive(pair: tuple[Shelf, World, TextFeed]) -> None:
    shelf, world, feed = pair
    shelf.write("a.md", "About the zebra.")
    await shelf.take(labels=DocumentLabels(acl=("user:ann",), tags=("t",), dated="2024-01-01"))
    await following.follow(shelf.database, WS, feed)
    assert await world.found("zebra", WS, Filter(principals=frozenset({"user:bob"}))) == []
    where = Filter(principals=frozenset({"user:ann"}), tags=("t",), dated_from="2024", dated_until="2024")
    assert len(await world.found("zebra", WS, where)) == 1


class Dying:
    """The index, until it does not come to its `call`."""

    def __init__(self, index: TextIndex, call: str) -> None:
        self._index = index
        self._call = call

    def __getattr__(self, name: str) -> object:
        if name == self._call:
            raise Unavailable("died")
        return getattr(self._index, name)


@pytest.mark.parametrize("call", ["upsert", "delete_documents", "settle"])
async def test_what_dies_midway_is_done_again(pair: tuple[Shelf, World, TextFeed], call: str) -> None:
    shelf, world, feed = pair
    assert world.index is not None
    shelf.write("a.md", "About the zebra.")
    await shelf.take()
    await following.follow(shelf.database, WS, feed)
    shelf.write("a.md", "About the giraffe.")
    await shelf.take()
    dying = cast("TextIndex", Dying(world.index, call))
    with pytest.raises(Unavailable):
        await following.follow(shelf.database, WS, TextFeed(shelf.database, dying))
    assert await world.found("zebra giraffe", WS), "the document is found all the time"
    await following.follow(shelf.database, WS, feed)
    await same(shelf, world)
    assert await world.found("zebra", WS) == []


async def test_differences_are_found_and_mended(pair: tuple[Shelf, World, TextFeed]) -> None:
    shelf, world, feed = pair
    assert world.index is not None
    for name in ("a", "b"):
        shelf.write(f"{name}.md", f"About the zebra number {name}.")
    await shelf.take()
    await following.follow(shelf.database, WS, feed)
    (first, _) = await world.search.ids(WS)
    await world.index.delete(WS, [first])
    document = (await shelf.memory.documents(WS))[0].id
    (stray, *_) = await rows_of(shelf.database, WS, document)
    await world.index.upsert(WS, [type(stray)(chunk="stray", document="none", source="x", terms=stray.terms)])
    assert await feed.reconcile(WS) == (1, 1)
    assert await feed.reconcile(WS) == (0, 0)
    await same(shelf, world)
    assert len(await world.search.search(WS, [("en:zebra",)], 10, ALL)) == 2
