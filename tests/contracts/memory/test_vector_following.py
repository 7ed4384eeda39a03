"""A vector index has what memory has, whatever was done to the documents and whoever was away."""

from collections.abc import AsyncIterator
from typing import cast

import numpy as np
import pytest

from flowmatik.contracts.indexes import Filter
from flowmatik.contracts.memory import DocumentLabels
from flowmatik.contracts.vector_indexes import VectorIndex, VectorRow
from flowmatik.kernel.errors import Unavailable
from flowmatik.memory.vector_indexes.choosing import load_vector_index
from flowmatik.memory.vector_indexes.following import catch_up, compare, reconcile
from tests.contracts.memory.conftest import WS, Shelf
from tests.integration.memory.support import WordEmbedder


@pytest.fixture
async def index(shelf: Shelf) -> AsyncIterator[VectorIndex]:
    made = load_vector_index("sqlite_exact", {"path": str(shelf.folder.parent / "vectors.db")})
    yield made
    await made.close()


async def _question(text: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return (await WordEmbedder().embed([text]))[0]


async def _ids(shelf: Shelf) -> set[str]:
    rows = await shelf.database.within(WS).fetch("SELECT id FROM memory_chunks WHERE workspace_id = $1", WS)
    return {str(row[0]) for row in rows}


async def test_it_follows_what_is_stored_labelled_replaced_and_removed(
    shelf: Shelf, index: VectorIndex
) -> None:
    database = shelf.database.within(WS)
    shelf.write("a/one.md", "Walnut planks are dried for two years.")
    shelf.write("b/two.md", "Salaries of the directors.")
    await shelf.take()
    await shelf.take(
        shelf.folder / "b" / "two.md",
        labels=DocumentLabels(acl=("user:ana",), tags=("pay",), dated="2026-02-03"),
    )
    await catch_up(database, WS, index)
    assert (await compare(database, WS, index)).agrees
    assert set(await index.ids(WS)) == await _ids(shelf)
    question = await _question("salaries")
    everybody = await index.search(WS, question, 10, Filter(principals=frozenset(["user:ben"])))
    ana = await index.search(WS, question, 10, Filter(principals=frozenset(["user:ana"])))
    assert (len(everybody), len(ana)) == (1, 2)
    assert len(await index.search(WS, question, 10, Filter(tags=("pay",), dated_from="2026-02-01"))) == 1
    shelf.write("a/one.md", "Oak boards are dried for three years.")
    await shelf.take()
    assert not (await compare(database, WS, index)).agrees
    await catch_up(database, WS, index)
    assert set(await index.ids(WS)) == await _ids(shelf)
    (two,) = [one.source for one in await shelf.memory.documents(WS) if one.source.endswith("two.md")]
    await shelf.memory.remove(WS, two)
    await catch_up(database, WS, index)
    assert set(await index.ids(WS)) == await _ids(shelf)
    assert (await compare(database, WS, index)).agrees
    assert await catch_up(database, WS, index) == 0


class Failing:
    """The index, away at a call of its writes."""

    def __init__(self, index: VectorIndex, call: str) -> None:
        self._index = index
        self._call = call

    def __getattr__(self, name: str) -> object:
        if name != self._call:
            return getattr(self._index, name)

        async def away(*given: object) -> None:
            raise Unavailable("away")

        return away


@pytest.mark.parametrize("call", ["prepare", "delete_documents", "upsert", "advance"])
async def test_changes_wait_for_an_index_that_is_away(shelf: Shelf, index: VectorIndex, call: str) -> None:
    database = shelf.database.within(WS)
    for number in range(3):
        shelf.write(f"n{number}.md", f"Number {number} of the walnut planks.")
    await shelf.take()
    with pytest.raises(Unavailable):
        await catch_up(database, WS, cast("VectorIndex", Failing(index, call)))
    assert (await compare(database, WS, index)).behind == 3
    await catch_up(database, WS, index)
    assert set(await index.ids(WS)) == await _ids(shelf)


async def test_an_index_that_differs_says_so_and_is_put_right(shelf: Shelf, index: VectorIndex) -> None:
    database = shelf.database.within(WS)
    shelf.write("one.md", "Walnut planks are dried for two years.")
    await shelf.take()
    await catch_up(database, WS, index)
    (there,) = await index.ids(WS)
    await index.delete(WS, [there])
    stray = VectorRow(chunk="stray", document="d", source="s", vector=await _question("stray"))
    await index.upsert(WS, [stray, VectorRow(chunk="x", document="d", source="s", vector=stray.vector)])
    assert not (await compare(database, WS, index)).agrees
    assert (await reconcile(database, WS, index)).agrees
    assert await index.ids(WS) == [there]


async def test_a_workspace_without_documents_has_nothing(shelf: Shelf, index: VectorIndex) -> None:
    database = shelf.database.within("empty")
    assert await catch_up(database, "empty", index) == 0
    assert (await reconcile(database, "empty", index)).agrees
