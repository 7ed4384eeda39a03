"""The snapshots of every store: what a claim brings, and what is kept of whom."""

from dataclasses import replace

from flowmatik.core.journal.port import HeadChange, Snapshot
from tests.contracts.journal.stores import Owner, Store, event, owned

LONG = 10_000
BATCH = 500


def snapshot(seq: int, *, version: str = "v1", body: str = "{}") -> Snapshot:
    return Snapshot(seq=seq, fold_version=version, body=body)


async def long_run(store: Store, length: int) -> Owner:
    """One with `length` events, whose owner has died."""
    owner = await owned(store.journal, "run_1")
    while owner.seq < length:
        await owner.append(owner.next(*[event()] * min(BATCH, length - owner.seq)))
    await store.journal.retire_worker("wkr_a")
    await store.journal.register_worker("wkr_b", ttl_seconds=60)
    return owner


async def test_whoever_takes_up_a_run_of_ten_thousand_events_reads_two_hundred_at_most(store: Store) -> None:
    await long_run(store, LONG)
    await store.journal.save_snapshot("run_1", snapshot(LONG - 150, body='{"é":1}'))
    claim = await store.journal.claim("run_1", "wkr_b", fold_version="v1")
    assert claim is not None
    assert claim.snapshot == snapshot(LONG - 150, body='{"é":1}')
    assert len(claim.events) == 151 <= 200
    assert [one.seq for one in claim.events] == list(range(LONG - 149, LONG + 2))
    assert claim.events[-1].type == "RunClaimed"
    assert list(claim.events) == await store.journal.read("run_1", after_seq=LONG - 150)
    assert claim.head == await store.journal.head(None, "run_1")


async def test_a_snapshot_of_another_version_of_the_fold_is_not_there(store: Store) -> None:
    await long_run(store, 20)
    await store.journal.save_snapshot("run_1", snapshot(10))
    assert await store.journal.snapshot("run_1", "v2") is None
    for version in ("v2", ""):
        claim = await store.journal.claim("run_1", "wkr_b", fold_version=version)
        assert claim is not None
        assert claim.snapshot is None
        assert claim.events[0].seq == 1
        assert list(claim.events) == await store.journal.read("run_1")


async def test_a_snapshot_at_the_very_head_leaves_the_claim_alone_to_read(store: Store) -> None:
    await long_run(store, 20)
    await store.journal.save_snapshot("run_1", snapshot(20))
    claim = await store.journal.claim("run_1", "wkr_b", fold_version="v1")
    assert claim is not None
    assert [one.type for one in claim.events] == ["RunClaimed"]


async def test_a_snapshot_takes_the_place_of_an_older_one_and_of_one_of_another_version(store: Store) -> None:
    await long_run(store, 20)
    for one in (snapshot(10), snapshot(5), snapshot(15)):
        await store.journal.save_snapshot("run_1", one)
    await store.journal.save_snapshot("run_1", snapshot(14))
    assert await store.journal.snapshot("run_1", "v1") == snapshot(15)
    await store.journal.save_snapshot("run_1", snapshot(8, version="v2"))
    assert await store.journal.snapshot("run_1", "v2") == snapshot(8, version="v2")
    assert await store.journal.snapshot("run_1", "v1") is None


async def test_nothing_is_kept_beyond_the_head_or_of_a_run_that_there_is_not(store: Store) -> None:
    await long_run(store, 20)
    await store.journal.save_snapshot("run_1", snapshot(21))
    await store.journal.save_snapshot("run_x", snapshot(1))
    assert await store.journal.snapshot("run_1", "v1") is None
    assert await store.journal.snapshot("run_x", "v1") is None


async def test_of_an_ended_run_none_is_kept_and_one_left_behind_is_swept(store: Store) -> None:
    owner = await owned(store.journal, "run_1")
    await owner.append(owner.next(event(), event()))
    await store.journal.save_snapshot("run_1", snapshot(2))
    assert await store.journal.drop_snapshots_of_ended(10) == 0
    await owner.append(owner.next(event(), head=HeadChange(status="succeeded")))
    await store.journal.save_snapshot("run_1", snapshot(4))
    left = await store.journal.snapshot("run_1", "v1")
    assert left == snapshot(2), "its owner drops it, or the sweep does"
    assert await store.journal.drop_snapshots_of_ended(10) == 1
    assert await store.journal.snapshot("run_1", "v1") is None


async def test_a_dropped_snapshot_is_gone_for_good(store: Store) -> None:
    await long_run(store, 20)
    await store.journal.save_snapshot("run_1", snapshot(20))
    await store.journal.drop_snapshot("run_1")
    await store.journal.drop_snapshot("run_1")
    assert await store.journal.snapshot("run_1", "v1") is None
    await store.journal.save_snapshot("run_1", replace(snapshot(3), body="again"))
    kept = await store.journal.snapshot("run_1", "v1")
    assert kept is not None
    assert kept.body == "again"
