"""What is forgotten is forgotten by the indexes outside too, before anything is certified."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from flowmatik.contracts.memory_care import ErasureRequest
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Unavailable
from flowmatik.memory import StoredMemoryCare
from flowmatik.memory.outside.turns import turn
from tests.contracts.memory.conftest import WS, on_sqlite
from tests.contracts.memory.outside_indexes import Outside, outside

ZORK = ErasureRequest(subject=("Zorkanian",))


@pytest.fixture(params=["sqlite_exact+fts5", "milvus+"])
async def there(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Outside]:
    (tmp_path / "docs").mkdir()
    async with on_sqlite(tmp_path) as shelf, outside(shelf, str(request.param)) as found:
        shelf.write("his.md", "# Zorkanian\n\nZorkanian keeps quuxiferous lanterns.")
        shelf.write("other.md", "# Oak\n\nOak boards are dried for three years.")
        await found.take()
        await found.follow()
        yield found


def care_of(there: Outside) -> StoredMemoryCare:
    return StoredMemoryCare(there.memory, cast("Clock", there.clock), indexes=there.indexes)


def _bytes(there: Outside) -> bytes:
    parts = (path for folder in there.files for path in folder.rglob("*") if path.is_file())
    return b"".join(path.read_bytes() for path in parts)


async def test_nothing_of_it_is_left_in_their_files(there: Outside) -> None:
    (his,) = [one.id for one in await there.memory.search(WS, "quuxiferous") if "his" in one.source]
    if there.text is not None:
        assert b"quuxif" in _bytes(there)
    plan = await care_of(there).forget(WS, ZORK, by="me", rehearse=True)
    done = await care_of(there).forget(WS, ZORK, by="me")
    assert plan.counts["indexes"] == done.counts["indexes"] == len(there.failing)
    assert set(done.stores) > set(there.indexes.names)
    for one in there.failing:
        assert his not in await one.ids(WS)
        assert await one.count(WS) == 1
    if there.text is not None:  # Milvus Lite's files are written anew by its purge
        assert b"quuxif" not in _bytes(there)
        assert his.encode() not in _bytes(there)
    assert done.purged or "indexes" in done.outside


async def test_while_an_index_is_away_nothing_is_certified_and_later_all_is(there: Outside) -> None:
    care, first = care_of(there), there.failing[0]
    first.goes()
    with pytest.raises(Unavailable) as caught:
        await care.forget(WS, ZORK, by="me")
    assert caught.value.code == "unavailable.index.erasure"
    assert await care.erasures(WS) == []
    assert not [one for one in await there.memory.search(WS, "quuxiferous") if "his" in one.source]
    first.comes_back()
    (done,) = await care.finish(WS)
    assert await care.erasures(WS) == [done]
    assert [await one.count(WS) for one in there.failing] == [1] * len(there.failing)


async def test_who_has_the_turn_keeps_others_off_until_it_is_over(there: Outside) -> None:
    database, clock = there.shelf.database, cast("Clock", there.clock)
    async with turn(database, WS, clock) as mine:
        assert mine is not None
        assert await mine.keep()
        async with turn(database, WS, clock, patience=5) as another:
            assert another is None
        with pytest.raises(Unavailable) as caught:
            await there.indexes.rebuild(WS)
        assert caught.value.code == "unavailable.index.busy"
        await there.take(None, there.shelf.write("late.md", "# Quartz\n\nQuartz glows."))
        await there.follow()
        assert [one.behind for one in await there.indexes.states(WS)] == [1] * len(there.failing)
    await there.follow()
    assert all(one.agrees for one in await there.indexes.states(WS))


async def test_differences_are_told_and_mended(there: Outside) -> None:
    for one in there.failing:
        await one.delete(WS, (await one.ids(WS))[:1])
    states = await there.indexes.states(WS)
    assert [(one.stored, one.indexed, one.agrees) for one in states] == [(2, 1, False)] * len(states)
    assert all(one.agrees for one in await there.indexes.rebuild(WS))
    there.failing[0].goes()
    assert (await there.indexes.states(WS))[0].fault == "unavailable.index"
