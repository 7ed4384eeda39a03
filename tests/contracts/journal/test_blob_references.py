"""Who refers to which blobs, and what deleted runs leave of them: every store promises the same."""

import asyncio

from flowmatik.contracts.retention import Hold
from flowmatik.core.journal.blobs_port import SETTLING_SECONDS, STRAY_SECONDS, LeftBlob
from flowmatik.core.journal.port import HeadChange, Tombstone
from tests.contracts.journal.stores import Store, event, owned

WS = "default"
A, B = "a" * 64, "b" * 64
LONG = SETTLING_SECONDS + 1


async def ended(store: Store, run_id: str, **blobs: int) -> None:
    owner = await owned(store.journal, run_id)
    await store.journal.refer(run_id, WS, blobs)
    await owner.append(owner.next(event(), head=HeadChange(status="succeeded")))


async def deleted(store: Store, *run_ids: str) -> list[Tombstone]:
    assert await store.journal.delete_runs(run_ids) == sorted(run_ids)
    found = [await store.journal.tombstone(WS, run_id) for run_id in run_ids]
    return [one for one in found if one is not None]


async def left(store: Store) -> list[str]:
    return sorted(one.sha256 for one in await store.journal.take_left(10, ttl_seconds=60))


async def test_a_deleted_run_leaves_its_blobs_and_its_tombstone_counts_them(store: Store) -> None:
    await ended(store, "run_1", **{A: 10, B: 5})
    assert await store.journal.blobs_of("run_1") == {A: 10, B: 5}
    assert await left(store) == []
    (stone,) = await deleted(store, "run_1")
    assert (stone.blobs, stone.blob_bytes) == (2, 15)
    assert await store.journal.blobs_of("run_1") == {}
    await store.elapse(LONG)
    taken = await store.journal.take_left(10, ttl_seconds=60)
    assert sorted(taken, key=str) == sorted(
        [LeftBlob(workspace_id=WS, sha256=A, bytes=10), LeftBlob(workspace_id=WS, sha256=B, bytes=5)], key=str
    )
    await store.journal.forget_left(taken)
    await store.elapse(LONG + 60)
    assert await left(store) == []


async def test_a_blob_that_another_run_refers_to_stays_until_that_one_is_deleted(store: Store) -> None:
    await ended(store, "run_1", **{A: 10, B: 5})
    await ended(store, "run_2", **{A: 10})
    (stone,) = await deleted(store, "run_1")
    assert (stone.blobs, stone.blob_bytes) == (1, 5)
    await store.elapse(LONG)
    assert await left(store) == [B]
    (stone,) = await deleted(store, "run_2")
    assert (stone.blobs, stone.blob_bytes) == (1, 10)
    await store.elapse(LONG)
    assert A in await left(store)


async def test_of_two_runs_that_go_together_one_counts_what_they_shared(store: Store) -> None:
    await ended(store, "run_1", **{A: 10})
    await ended(store, "run_2", **{A: 10})
    stones = await deleted(store, "run_1", "run_2")
    assert sorted(stone.blobs for stone in stones) == [0, 1]
    await store.elapse(LONG)
    assert await left(store) == [A]


async def test_a_blob_that_is_referred_to_again_before_it_is_taken_stays(store: Store) -> None:
    await ended(store, "run_1", **{A: 10})
    await deleted(store, "run_1")
    assert await store.journal.refer("run_2", WS, {A: 10}) == []
    await store.elapse(LONG)
    assert await left(store) == []


async def test_nobody_can_refer_to_a_blob_while_it_is_being_deleted(store: Store) -> None:
    await ended(store, "run_1", **{A: 10})
    await deleted(store, "run_1")
    await store.elapse(LONG)
    taken = await store.journal.take_left(10, ttl_seconds=60)
    assert await store.journal.refer("run_2", WS, {A: 10, B: 5}) == [A]
    assert await store.journal.blobs_of("run_2") == {B: 5}
    await store.journal.forget_left(taken)
    assert await store.journal.refer("run_2", WS, {A: 10}) == []
    assert await store.journal.blobs_of("run_2") == {A: 10, B: 5}


async def test_whoever_took_a_blob_and_died_keeps_it_for_a_while_only(store: Store) -> None:
    await ended(store, "run_1", **{A: 10})
    await deleted(store, "run_1")
    await store.elapse(LONG)
    assert [await left(store), await left(store)] == [[A], []]
    await store.elapse(61)
    assert await left(store) == [A]
    await store.elapse(61)
    assert await store.journal.refer("run_2", WS, {A: 10}) == []


async def test_nothing_of_a_held_workspace_is_taken(store: Store) -> None:
    await ended(store, "run_1", **{A: 10})
    await deleted(store, "run_1")
    await store.journal.hold(Hold(workspace_id=WS, run_id="", reason="a lawsuit", by="ana", at="2026-01-01"))
    await store.elapse(LONG)
    assert await left(store) == []
    await store.journal.release(WS, "")
    assert await left(store) == [A]


async def test_the_same_content_of_two_workspaces_is_two_blobs(store: Store) -> None:
    await ended(store, "run_1", **{A: 10})
    await store.journal.refer("run_2", "other", {A: 10})
    await deleted(store, "run_1")
    await store.elapse(LONG)
    assert [one.workspace_id for one in await store.journal.take_left(10, ttl_seconds=60)] == [WS]


async def test_what_a_run_refers_to_that_never_came_to_be_is_left_after_a_day(store: Store) -> None:
    await ended(store, "run_1", **{A: 10})
    await store.journal.refer("run_never", WS, {B: 5})
    assert await store.journal.disown_strays() == 0
    await store.elapse(STRAY_SECONDS + 60)
    assert await store.journal.disown_strays() == 1
    await store.elapse(LONG)
    assert await left(store) == [B]


async def test_whoever_deletes_and_whoever_refers_never_have_a_blob_both(store: Store) -> None:
    journal = store.journal
    for n in range(10):
        await ended(store, f"run_{n}", **{A: 10})
        await deleted(store, f"run_{n}")
        await store.elapse(LONG)
        taken, busy = await asyncio.gather(
            journal.take_left(10, ttl_seconds=60), journal.refer(f"next_{n}", WS, {A: 10})
        )
        assert [one.sha256 for one in taken] == busy, "either it is being deleted, or it is referred to"
        await journal.forget_left(taken)
        if not busy:  # so that the next round begins with a blob of nobody
            await ended(store, f"next_{n}")
            await deleted(store, f"next_{n}")
            await store.elapse(LONG)
            await journal.forget_left(await journal.take_left(10, ttl_seconds=60))
