"""What every vector index promises."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import replace

import numpy as np
import pytest

from flowmatik.contracts.indexes import EVERYTHING, Filter
from flowmatik.contracts.vector_indexes import Held, VectorIndex
from flowmatik.kernel.errors import InvalidInput, NotFound
from tests.contracts.plugins.vector_indexes.conftest import OTHER, WS
from tests.contracts.plugins.vector_indexes.corpus import DIMENSION, EMBEDDER, expected, rows, vectors
from tests.contracts.plugins.vector_indexes.makers import Maker

FILTERS = {
    "everything": EVERYTHING,
    "a folder": Filter(sources=("rare",)),
    "a folder with a slash": Filter(sources=("plain/1/", "plain/2")),
    "a document": Filter(sources=("rare/103.md",)),
    "no document": Filter(sources=("rar", "plain/1/8")),
    "what Ana may see and others may not": Filter(
        sources=("rare",), principals=frozenset(["user:ana", "team:x"])
    ),
    "what Ben may see": Filter(principals=frozenset(["user:ben"])),
    "what nobody in particular may see": Filter(principals=frozenset()),
    "a tag": Filter(tags=("día",)),
    "one of the tags": Filter(tags=("rare", "unknown")),
    "no tag that is there": Filter(tags=("unknown",)),
    "a day": Filter(dated_from="2026-02-03", dated_until="2026-02-03"),
    "since": Filter(dated_from="2025-01-20"),
    "until": Filter(dated_until="2025-01-05"),
    "a month": Filter(dated_from="2025-01", dated_until="2025-01"),
    "a year": Filter(dated_from="2026", dated_until="2026"),
    "from an hour on": Filter(dated_from="2025-01-20T10:30", dated_until="2025-01-22T10"),
    "one in a hundred": Filter(tags=("rare",), principals=frozenset(["user:ana"]), dated_from="2026-01-01"),
}


@pytest.mark.parametrize("where", FILTERS.values(), ids=FILTERS.keys())
async def test_search_finds_the_nearest_of_what_was_asked_for(
    index: VectorIndex, maker: Maker, where: Filter
) -> None:
    held = rows(600)
    await index.upsert(WS, held)
    for question in vectors(3, seed=11):
        wanted = expected(held, question, 10, where)
        found = await index.search(WS, question, 10, where)
        assert len(found) == len(wanted)  # fewer than asked for only where there are no more
        assert [score for _, score in found] == pytest.approx([one for _, one in wanted], abs=maker.tolerance)
        if index.exact and maker.tolerance < 1e-3:
            assert [chunk for chunk, _ in found] == [chunk for chunk, _ in wanted]
    everything = {chunk for chunk, _ in await index.search(WS, vectors(1)[0], len(held), where)}
    assert everything == {chunk for chunk, _ in expected(held, vectors(1)[0], len(held), where)}


async def test_all_that_there_is_can_be_asked_for(index: VectorIndex) -> None:
    held = rows(300)
    await index.upsert(WS, held)
    rare = Filter(tags=("rare",))
    assert {chunk for chunk, _ in await index.search(WS, vectors(1)[0], 200, rare)} == {
        "chunk-3", "chunk-103", "chunk-203"
    }  # fmt: skip
    assert len(await index.search(WS, vectors(1)[0], 1000)) == 300


async def test_a_row_that_comes_again_takes_the_place_of_the_old_one(index: VectorIndex) -> None:
    first, second = rows(2)
    await index.upsert(WS, [first])
    changed = replace(first, vector=second.vector, tags=("new",), acl=("user:ben",), source="x/y.md")
    for _ in range(2):
        await index.upsert(WS, [changed])
    assert await index.count(WS) == 1
    assert await index.ids(WS) == [first.chunk]
    assert not await index.search(WS, first.vector, 5, Filter(tags=first.tags))
    assert not await index.search(WS, first.vector, 5, Filter(principals=frozenset()))
    ((chunk, score),) = await index.search(WS, second.vector, 5, Filter(tags=("new",), sources=("x",)))
    assert (chunk, round(score, 2)) == (first.chunk, 1.0)


async def test_what_is_deleted_is_not_found(index: VectorIndex) -> None:
    held = rows(30)
    await index.upsert(WS, held)
    await index.delete(WS, ["chunk-0", "chunk-1", "never-there"])
    await index.delete_documents(WS, ["document-1", "never-there"])
    await index.delete(WS, [])
    gone = {"chunk-0", "chunk-1", *(f"chunk-{n}" for n in range(5, 10))}
    left = {row.chunk for row in held} - gone
    for row in held:
        found = {chunk for chunk, _ in await index.search(WS, row.vector, 100)}
        assert found == left
    assert set(await index.ids(WS)) == left
    assert await index.count(WS) == len(left)
    assert set(await index.scores(WS, held[0].vector, [row.chunk for row in held])) == left
    await index.upsert(WS, held[:1])
    assert await index.count(WS) == len(left) + 1


async def test_scores_are_those_of_search(index: VectorIndex, maker: Maker) -> None:
    held = rows(50)
    await index.upsert(WS, held)
    question = vectors(1, seed=3)[0]
    found = dict(await index.search(WS, question, 50))
    asked = [*found][:20]
    scores = await index.scores(WS, question, [*asked, "never-there"])
    assert scores == pytest.approx({chunk: found[chunk] for chunk in asked}, abs=maker.tolerance)
    assert await index.scores(WS, question, []) == {}


async def test_ids_come_in_pages_each_once(index: VectorIndex) -> None:
    await index.upsert(WS, rows(70))
    seen: list[str] = []
    after = ""
    while page := await index.ids(WS, after=after, limit=16):
        assert len(page) <= 16
        seen += page
        after = page[-1]
    assert sorted(seen) == sorted(f"chunk-{n}" for n in range(70))


async def test_names_may_be_of_any_script(index: VectorIndex) -> None:
    names = ["ñ/é", 'quo"te', "back\\slash", "它", "🦜", "a b", "{x}", "%_'--", "x" * 300]
    held = [
        replace(
            row, chunk=name, document=f"d {name}", source=f"s/{name}", tags=(name,), acl=(f"user:{name}",)
        )
        for name, row in zip(names, rows(len(names)), strict=True)
    ]
    await index.upsert(WS, held)
    for name, row in zip(names, held, strict=True):
        where = Filter(sources=(f"s/{name}",), tags=(name,), principals=frozenset([f"user:{name}"]))
        assert [chunk for chunk, _ in await index.search(WS, row.vector, 5, where)] == [name]
        assert set(await index.scores(WS, row.vector, [name])) == {name}
    assert sorted(await index.ids(WS)) == sorted(names)
    await index.delete(WS, names[:3])
    await index.delete_documents(WS, [f"d {name}" for name in names[3:]])
    assert await index.count(WS) == 0


async def test_zeros_are_near_to_nothing(index: VectorIndex) -> None:
    zeros = np.zeros(DIMENSION, dtype=np.float32)
    (row,) = rows(1)
    await index.upsert(WS, [replace(row, vector=zeros), replace(row, chunk="other", vector=-row.vector)])
    assert (await index.scores(WS, row.vector, [row.chunk]))[row.chunk] == pytest.approx(0.0, abs=1e-6)
    found = await index.search(WS, zeros, 5)
    assert sorted(chunk for chunk, _ in found) == [row.chunk, "other"]
    assert [score for _, score in found] == pytest.approx([0.0, 0.0], abs=1e-6)


@pytest.mark.parametrize("wrong", [np.ones(DIMENSION + 1), np.ones(3), np.full(DIMENSION, np.nan)])
async def test_wrong_vectors_are_refused_and_nothing_of_the_batch_is_kept(
    index: VectorIndex, wrong: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> None:
    first, second = rows(2)
    vector = wrong.astype(np.float32)
    with pytest.raises(InvalidInput):
        await index.upsert(WS, [first, replace(second, vector=vector)])
    assert await index.count(WS) == 0
    for call in (index.search(WS, vector, 5), index.scores(WS, vector, ["x"])):
        with pytest.raises(InvalidInput):
            await call


async def test_a_date_that_is_none_is_refused(index: VectorIndex) -> None:
    with pytest.raises(InvalidInput, match="yesterday"):
        await index.search(WS, vectors(1)[0], 5, Filter(dated_from="yesterday"))


async def test_its_place_is_kept_until_another_embedder_comes(index: VectorIndex) -> None:
    assert await index.held(WS) == Held(embedder=EMBEDDER, dimension=DIMENSION)
    await index.upsert(WS, rows(3))
    await index.advance(WS, 41)
    await index.prepare(WS, EMBEDDER, DIMENSION)
    assert await index.held(WS) == Held(embedder=EMBEDDER, dimension=DIMENSION, position=41)
    assert await index.count(WS) == 3
    await index.prepare(WS, "other", 4)
    assert await index.held(WS) == Held(embedder="other", dimension=4)
    assert await index.count(WS) == 0
    await index.upsert(WS, [replace(rows(1)[0], vector=np.ones(4, dtype=np.float32))])
    assert len(await index.search(WS, np.ones(4, dtype=np.float32), 5)) == 1


async def test_what_is_dropped_is_gone_and_may_come_again(index: VectorIndex) -> None:
    held = rows(10)
    await index.upsert(WS, held)
    assert len(await index.search(WS, held[0].vector, 20)) == 10
    await index.drop(WS)
    await index.drop(WS)
    assert await index.held(WS) == Held()
    assert await index.count(WS) == 0
    with pytest.raises(NotFound):
        await index.search(WS, held[0].vector, 5)
    await index.prepare(WS, EMBEDDER, DIMENSION)
    assert await index.search(WS, held[0].vector, 5) == []
    await index.upsert(WS, held[:4])
    assert len(await index.search(WS, held[0].vector, 20)) == 4


CALLS: dict[str, Callable[[VectorIndex, str], Awaitable[object]]] = {
    "prepare": lambda index, ws: index.prepare(ws, EMBEDDER, DIMENSION),
    "held": lambda index, ws: index.held(ws),
    "advance": lambda index, ws: index.advance(ws, 9),
    "upsert": lambda index, ws: index.upsert(ws, rows(8, seed=99)[4:]),
    "delete": lambda index, ws: index.delete(ws, [f"chunk-{n}" for n in range(9)]),
    "delete_documents": lambda index, ws: index.delete_documents(ws, ["document-0", "document-1"]),
    "search": lambda index, ws: index.search(ws, rows(1)[0].vector, 100),
    "scores": lambda index, ws: index.scores(ws, rows(1)[0].vector, ["chunk-0"]),
    "ids": lambda index, ws: index.ids(ws),
    "count": lambda index, ws: index.count(ws),
    "drop": lambda index, ws: index.drop(ws),
}


def test_every_method_that_names_a_workspace_is_tried_with_a_foreign_one() -> None:
    methods = inspect.getmembers(VectorIndex, inspect.isfunction)
    assert CALLS.keys() == {
        name for name, method in methods if "workspace_id" in inspect.signature(method).parameters
    }


@pytest.mark.parametrize("prepared", [True, False])
@pytest.mark.parametrize("call", CALLS)
async def test_nothing_of_another_workspace_is_seen_or_changed(
    index: VectorIndex, call: str, prepared: bool
) -> None:
    held = rows(5)
    await index.upsert(WS, held)
    await index.advance(WS, 3)
    before = await _everything(index)
    if prepared:
        await index.prepare(OTHER, EMBEDDER, DIMENSION)
    try:
        told = await CALLS[call](index, OTHER)
    except NotFound:
        told = None
        assert not prepared
    assert not told or told == Held() or told == Held(embedder=EMBEDDER, dimension=DIMENSION)
    assert await _everything(index) == before


async def _everything(index: VectorIndex) -> object:
    question = rows(1)[0].vector
    return (
        await index.held(WS),
        sorted(await index.ids(WS)),
        [(chunk, round(score, 3)) for chunk, score in await index.search(WS, question, 100)],
    )
