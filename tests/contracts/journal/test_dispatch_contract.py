"""What every journal tells whoever decides which run goes next."""

import asyncio

import pytest

from flowmatik.contracts.limits import Limit
from flowmatik.core.journal.port import Append, Creation, NewEvent
from tests.contracts.journal.stores import Store

TTL = 3.0


async def made(
    store: Store, run_id: str, *, workspace: str = "a", agent: str = "", priority: int = 0
) -> None:
    await store.journal.create(
        Creation(
            run_id=run_id,
            workspace_id=workspace,
            goal="g",
            idempotency_key="",
            events=(NewEvent(type="X", payload="{}"),),
            agent=agent,
            priority=priority,
        )
    )


async def names(store: Store, per_queue: int, without: tuple[str, ...] = ()) -> list[str]:
    return [one.run_id for one in await store.journal.ready_queues(per_queue, without=without)]


async def test_the_front_of_every_queue_is_told_by_priority_and_age(store: Store) -> None:
    await made(store, "run_1")
    await store.elapse(0.01)
    await made(store, "run_2")
    await made(store, "run_3", priority=5)
    await made(store, "run_4", agent="x")
    await made(store, "run_5", workspace="b")
    assert await names(store, 10) == ["run_3", "run_1", "run_2", "run_4", "run_5"]
    assert await names(store, 1) == ["run_3", "run_4", "run_5"]
    assert await names(store, 1, without=("run_3", "run_5")) == ["run_1", "run_4"]
    assert await names(store, 0) == []


async def test_the_runs_of_a_dead_worker_are_told_as_orphans(store: Store) -> None:
    await store.journal.register_worker("w", ttl_seconds=TTL)
    for run_id in ("run_1", "run_2"):
        await made(store, run_id, agent="x")
        assert await store.journal.claim(run_id, "w") is not None
    assert await store.journal.ready_queues(10) == []
    assert await store.journal.underway() == {("a", "x"): 2}
    assert await store.journal.busy() == 2
    await store.journal.retire_worker("w")
    assert await store.journal.busy() == 0
    assert await store.journal.underway() == {("a", "x"): 2}
    found = await store.journal.ready_queues(10)
    assert [(one.run_id, one.orphan, one.agent) for one in found] == [
        ("run_1", True, "x"),
        ("run_2", True, "x"),
    ]
    assert await names(store, 10, without=("run_1",)) == ["run_2"]
    assert await names(store, 1) == ["run_1"]


async def test_a_parked_run_counts_no_more_until_an_input_comes(store: Store) -> None:
    await store.journal.register_worker("w", ttl_seconds=TTL)
    await made(store, "run_1")
    claim = await store.journal.claim("run_1", "w")
    assert claim is not None
    await store.journal.append(
        Append(
            run_id="run_1",
            workspace_id="a",
            epoch=1,
            expected_seq=claim.head.head_seq,
            append_id="p",
            events=(),
            park_if_seen=0,
        )
    )
    assert (await store.journal.underway(), await names(store, 10)) == ({}, [])
    await store.journal.post("run_1", "i", "signal", "{}")
    assert await names(store, 10) == ["run_1"]
    assert await store.journal.queued("a") == 1
    assert await store.journal.queued("b") == 0


async def test_the_slots_of_live_workers_add_up(store: Store) -> None:
    await store.journal.register_worker("one", ttl_seconds=TTL, slots=16)
    await store.journal.register_worker("two", ttl_seconds=TTL, slots=4)
    await store.journal.register_worker("keeps house", ttl_seconds=TTL)
    assert await store.journal.capacity() == 20
    assert await store.journal.peers() == 3
    await store.journal.retire_worker("one")
    assert (await store.journal.capacity(), await store.journal.peers()) == (4, 2)


async def test_limits_are_set_replaced_and_lifted(store: Store) -> None:
    runs = Limit(workspace_id="a", scope="runs", most=5, weight=2.5)
    model = Limit(workspace_id="", scope="model:m", per_minute=60.0, burst=10)
    await store.journal.set_limit(runs)
    await store.journal.set_limit(model)
    assert await store.journal.limits() == [model, runs]
    more = Limit(workspace_id="a", scope="runs", most=None)
    await store.journal.set_limit(more)
    assert await store.journal.limits() == [model, more]
    await store.journal.lift_limit("", "model:m")
    assert await store.journal.limits() == [more]


@pytest.mark.parametrize("ends", ["resigned", "lapsed"])
async def test_one_process_leads_at_a_time(store: Store, ends: str) -> None:
    lead = store.journal.lead
    assert not await store.journal.led("dispatch")
    assert await lead("dispatch", "one", ttl_seconds=0.5)
    assert await lead("dispatch", "one", ttl_seconds=0.5)
    assert not await lead("dispatch", "two", ttl_seconds=0.5)
    assert await lead("other", "two", ttl_seconds=0.5)
    assert await store.journal.led("dispatch")
    if ends == "resigned":
        await store.journal.resign("dispatch", "two")  # not its own
        assert await store.journal.led("dispatch")
        await store.journal.resign("dispatch", "one")
    else:
        await store.elapse(0.6)
    assert not await store.journal.led("dispatch")
    assert await lead("dispatch", "two", ttl_seconds=0.5)


@pytest.mark.parametrize(
    ("limit", "admitted"),
    [
        (Limit(workspace_id="a", scope="runs", most=2), 2),
        (Limit(workspace_id="", scope="runs", most=1), 1),
        (Limit(workspace_id="a", scope="agent:x", most=1), 1),
        (Limit(workspace_id="a", scope="agent:y", most=0), 4),
    ],
)
async def test_no_more_runs_are_admitted_than_a_limit_bears_by_however_many_at_once(
    store: Store, limit: Limit, admitted: int
) -> None:
    await store.journal.set_limit(limit)
    ids = [f"run_{n}" for n in range(4)]
    for n, run_id in enumerate(ids):
        await store.journal.register_worker(f"w{n}", ttl_seconds=TTL)
        await made(store, run_id, agent="x")
    asked = [store.journal.admit(run_id, f"w{n}") for n, run_id in enumerate(ids)]
    said = await asyncio.gather(*asked)
    assert sum(said) == admitted
    assert await store.journal.underway() == ({("a", "x"): admitted} if admitted else {})
    for n, run_id in enumerate(ids):
        claim = await store.journal.claim(run_id, f"w{n}") if said[n] else None
        assert (claim is not None) is said[n]


async def test_an_orphan_is_admitted_whatever_the_limit_and_a_run_of_the_living_is_not(store: Store) -> None:
    await store.journal.register_worker("w", ttl_seconds=TTL)
    await store.journal.register_worker("heir", ttl_seconds=TTL)
    await made(store, "run_1")
    assert await store.journal.claim("run_1", "w") is not None
    await store.journal.set_limit(Limit(workspace_id="a", scope="runs", most=1))
    assert not await store.journal.admit("run_1", "heir")
    assert await store.journal.admit("run_1", "w"), "asking again, for an answer may be lost"
    await store.journal.retire_worker("w")
    assert await store.journal.admit("run_1", "heir")
    claim = await store.journal.claim("run_1", "heir")
    assert claim is not None
    assert claim.head.epoch == 2
    assert not await store.journal.admit("run_none", "heir")
