"""What every journal promises the engine: ownership, appends, inbox, timers, listing."""

import asyncio
from dataclasses import replace

import pytest

from flowmatik.core.journal.port import Created, HeadChange, NewTimer
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import Conflict, Fenced, InvalidInput, NotFound
from tests.contracts.journal.stores import (
    Owner,
    Store,
    creation,
    event,
    owned,
)

LONE_SURROGATE = '{"text":"\ud800"}'


async def test_a_claim_returns_the_whole_history_and_its_own_event(store: Store) -> None:
    await store.journal.register_worker("wkr_ñ", ttl_seconds=60)
    await store.journal.create(creation("run_1"))
    claim = await store.journal.claim("run_1", "wkr_ñ")
    assert claim is not None
    assert [(e.seq, e.type) for e in claim.events] == [(1, "RunCreated"), (2, "RunClaimed")]
    assert claim.events[1].payload == canonical.dumps({"epoch": 1, "owner": "wkr_ñ"})
    assert (claim.head.epoch, claim.head.head_seq, claim.head.owner) == (1, 2, "wkr_ñ")
    await store.journal.register_worker("wkr_b", ttl_seconds=60)
    assert await store.journal.claim("run_1", "wkr_b") is None


async def test_payloads_come_back_byte_for_byte(store: Store) -> None:
    run = await owned(store.journal, "run_1")
    payload = canonical.dumps({"z": 1, "a": "nul \x00, emoji 🜁, ' \" \\", "text": "x" * 20_000})
    await run.append(run.next(event("Noted", payload)))
    assert (await store.journal.read("run_1", after_seq=2))[0].payload == payload


async def test_a_stale_epoch_is_fenced_and_leaves_nothing(store: Store) -> None:
    run = await owned(store.journal, "run_1")
    await store.elapse(61)
    await store.journal.register_worker("wkr_b", ttl_seconds=60)
    taken = await store.journal.claim("run_1", "wkr_b")
    assert taken is not None
    assert taken.head.epoch == 2
    with pytest.raises(Fenced):
        await store.journal.append(run.next(event("Zombie")))
    run.seq = taken.head.head_seq  # the right seq does not help a zombie
    with pytest.raises(Fenced):
        await store.journal.append(run.next(event("Zombie")))
    assert [e.type for e in await store.journal.read("run_1")] == ["RunCreated", "RunClaimed", "RunClaimed"]


async def test_a_stale_seq_is_fenced(store: Store) -> None:
    run = await owned(store.journal, "run_1")
    stale = run.next(event("Stale"))
    await run.append(run.next(event("First")))
    with pytest.raises(Fenced):
        await store.journal.append(stale)
    assert (await store.journal.head(None, "run_1")).head_seq == 3


async def test_an_append_for_another_workspace_is_fenced(store: Store) -> None:
    run = await owned(store.journal, "run_1")
    run.workspace = "other"
    with pytest.raises(Fenced):
        await store.journal.append(run.next(event()))


async def test_a_fenced_append_does_not_hurt_the_others_of_its_batch(store: Store) -> None:
    runs = [await owned(store.journal, f"run_{n}") for n in range(12)]
    runs[5].epoch = 9
    results = await asyncio.gather(
        *(run.append(run.next(event("Step"), event("Step"))) for run in runs), return_exceptions=True
    )
    assert [type(result) for result in results].count(Fenced) == 1
    assert isinstance(results[5], Fenced)
    lengths = [len(await store.journal.read(run.run_id)) for run in runs]
    assert lengths == [4] * 5 + [2] + [4] * 6


@pytest.mark.parametrize(
    "poison", ["unencodable text", "an input that does not exist", "a time that is none"]
)
async def test_a_poison_append_faults_only_its_own_run(store: Store, poison: str) -> None:
    runs = [await owned(store.journal, f"run_{n}") for n in range(8)]
    appends = [run.next(event("Step")) for run in runs]
    bad = {
        "unencodable text": runs[3].next(event("Step", LONE_SURROGATE)),
        "an input that does not exist": runs[3].next(event("Step"), consumed=7),
        "a time that is none": runs[3].next(event("Step"), timers=(NewTimer(timer_id="t", due_at="soon"),)),
    }
    appends[3] = bad[poison]
    results = await asyncio.gather(*map(store.journal.append, appends), return_exceptions=True)
    assert isinstance(results[3], InvalidInput)
    assert sum(isinstance(result, BaseException) for result in results) == 1
    assert [len(await store.journal.read(run.run_id)) for run in runs] == [3, 3, 3, 2, 3, 3, 3, 3]
    assert (await runs[3].append(runs[3].next(event("Step")))).head_seq == 3


async def test_two_appends_of_one_run_at_once_let_exactly_one_through(store: Store) -> None:
    run = await owned(store.journal, "run_1")
    both = [run.next(event("A"), event("A")), run.next(event("B"), event("B"))]
    results = await asyncio.gather(*map(store.journal.append, both), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Appended", "Fenced"]
    types = [e.type for e in await store.journal.read("run_1", after_seq=2)]
    assert types in (["A", "A"], ["B", "B"])


async def test_a_cancelled_caller_withdraws_nothing(store: Store) -> None:
    run = await owned(store.journal, "run_1")
    other = await owned(store.journal, "run_2")
    first = asyncio.create_task(store.journal.append(other.next(event("Busy"))))
    task = asyncio.create_task(store.journal.append(run.next(event("Kept"))))
    await asyncio.sleep(0)  # both have been handed over
    task.cancel()
    await asyncio.wait({task, first})
    last = await owned(store.journal, "run_3")
    await last.append(last.next(event("Later")))  # goes down after what was handed over before it
    assert [e.type for e in await store.journal.read("run_1", after_seq=2)] == ["Kept"]


async def test_the_same_append_again_answers_instead_of_writing_twice(store: Store) -> None:
    run = await owned(store.journal, "run_1")
    again = run.next(event("Once"), append_id="app_1")
    first = await store.journal.append(again)
    assert await store.journal.append(again) == first
    assert len(await store.journal.read("run_1")) == 3


async def test_creating_with_a_used_key_returns_the_first_run(store: Store) -> None:
    answers = await asyncio.gather(
        *(store.journal.create(creation(f"run_{n}", key="key-1")) for n in range(5)),
    )
    (first,) = {answer.run_id for answer in answers}
    others = [creation("run_x", workspace="other", key="key-1"), creation("run_y"), creation("run_z")]
    made = [(await store.journal.create(other)).run_id for other in others]
    assert made == ["run_x", "run_y", "run_z"]
    heads = await store.journal.list_heads("default", status=None, before=None, limit=10)
    assert {head.run_id for head in heads} == {first, "run_y", "run_z"}


async def test_an_id_in_use_is_a_conflict(store: Store) -> None:
    await store.journal.create(creation("run_1"))
    with pytest.raises(Conflict):
        await store.journal.create(creation("run_1"))


async def test_creations_at_once_fail_apart(store: Store) -> None:
    await store.journal.create(creation("run_2"))
    wanted = [creation(f"run_{n}", owner="wkr_a") for n in range(6)]
    wanted[4] = replace(wanted[4], goal="\ud800")
    results = await asyncio.gather(*map(store.journal.create, wanted), return_exceptions=True)
    assert isinstance(results[2], Conflict)
    assert isinstance(results[4], InvalidInput)
    for n in (0, 1, 3, 5):
        made = results[n]
        assert isinstance(made, Created)
        assert made.claim is not None
        assert made.claim.events == tuple(await store.journal.read(f"run_{n}"))
    with pytest.raises(NotFound):
        await store.journal.head("default", "run_4")


async def test_a_run_created_by_its_owner_is_claimed_from_its_first_append(store: Store) -> None:
    await store.journal.register_worker("wkr_a", ttl_seconds=60)
    await store.journal.register_worker("wkr_b", ttl_seconds=60)
    made = await store.journal.create(creation("run_1", key="k", owner="wkr_a"))
    assert made.claim is not None
    assert made.claim.events == tuple(await store.journal.read("run_1"))
    assert [e.type for e in made.claim.events] == ["RunCreated", "RunClaimed"]
    assert made.claim.head == await store.journal.head("default", "run_1")
    assert await store.journal.ready(10) == []
    assert await store.journal.claim("run_1", "wkr_b") is None
    run = Owner(journal=store.journal, run_id="run_1", epoch=1, seq=made.claim.head.head_seq)
    await run.append(run.next(event()))
    again = await store.journal.create(creation("run_2", key="k", owner="wkr_b"))
    assert (again.run_id, again.claim) == ("run_1", None), "the first run is not taken from its owner"
    assert [(e.from_seq, e.to_seq) for e in await store.journal.outbox(10)] == [(1, 2), (3, 3)]


async def test_an_owner_whose_claim_was_answered_to_nobody_claims_again_and_is_fenced_from_before(
    store: Store,
) -> None:
    run = await owned(store.journal, "run_1", "wkr_a")
    again = await store.journal.claim("run_1", "wkr_a")
    assert again is not None
    assert (again.head.epoch, again.head.head_seq) == (2, 3)
    with pytest.raises(Fenced):
        await run.append(run.next(event()))


async def test_many_claimants_and_one_owner(store: Store) -> None:
    await store.journal.create(creation("run_1"))
    names = [f"wkr_{n}" for n in range(6)]
    for name in names:
        await store.journal.register_worker(name, ttl_seconds=60)
    claims = await asyncio.gather(*(store.journal.claim("run_1", name) for name in names))
    assert sum(claim is not None for claim in claims) == 1
    assert (await store.journal.head(None, "run_1")).epoch == 1


async def test_a_run_is_ready_when_queued_and_again_when_its_owner_dies(store: Store) -> None:
    await store.journal.create(creation("run_1"))
    assert await store.journal.ready(10) == ["run_1"]
    run = await owned(store.journal, "run_2", "wkr_b")
    await store.journal.register_worker("wkr_a", ttl_seconds=3)
    await store.journal.claim("run_1", "wkr_a")
    assert await store.journal.ready(10) == []
    await store.elapse(4)
    assert await store.journal.ready(10) == ["run_1"]
    assert not await store.journal.renew_worker("wkr_a", ttl_seconds=3)
    assert await store.journal.renew_worker("wkr_b", ttl_seconds=60)
    await store.journal.retire_worker("wkr_b")
    assert set(await store.journal.ready(10)) == {"run_1", run.run_id}


async def test_an_ended_run_is_neither_ready_nor_claimable(store: Store) -> None:
    run = await owned(store.journal, "run_1")
    await run.append(run.next(event("RunEnded"), head=HeadChange(status="succeeded", cost_micros=42)))
    head = await store.journal.head("default", "run_1")
    assert (head.status, head.cost_micros, bool(head.ended_at)) == ("succeeded", 42, True)
    await store.journal.retire_worker("wkr_a")
    assert await store.journal.post("run_1", "late", "outcome", "{}")
    assert await store.journal.ready(10) == []
    assert await store.journal.claim("run_1", "wkr_a") is None


async def test_a_cost_that_was_once_unknown_stays_unknown(store: Store) -> None:
    run = await owned(store.journal, "run_1")
    known = await store.journal.head("default", "run_1")
    await run.append(run.next(event(), head=HeadChange(cost_micros=42, unpriced=True)))
    await run.append(run.next(event(), head=HeadChange(cost_micros=50)))
    (listed,) = await store.journal.list_heads("default", status=None, before=None, limit=9)
    assert (known.unpriced, listed.unpriced, listed.cost_micros) == (False, True, 50)


async def test_a_run_parks_only_when_it_has_seen_its_inbox(store: Store) -> None:
    run = await owned(store.journal, "run_1")
    assert await store.journal.post("run_1", "sig-1", "signal", '{"a":1}')
    kept = await run.append(run.next(event("Waiting"), park_if_seen=0))
    assert (kept.parked, kept.inbox_tail) == (False, 1)
    assert (await store.journal.head(None, "run_1")).owner == "wkr_a"
    seen = await store.journal.inbox("run_1", after=0)
    assert [(i.input_no, i.input_id, i.kind, i.payload) for i in seen] == [(1, "sig-1", "signal", '{"a":1}')]
    gone = await run.append(run.next(event("Seen"), consumed=1, park_if_seen=1))
    assert gone.parked
    assert await store.journal.ready(10) == []
    with pytest.raises(Fenced):  # who parked a run no longer owns it
        await store.journal.append(run.next(event("Late")))
    assert await store.journal.post("run_1", "sig-2", "signal", "{}")
    assert await store.journal.ready(10) == ["run_1"]
    claim = await store.journal.claim("run_1", "wkr_a")
    assert claim is not None
    assert (claim.head.inbox_seen, claim.head.inbox_tail, claim.head.epoch) == (1, 2, 2)


async def test_a_parked_run_may_be_claimed_without_input(store: Store) -> None:
    run = await owned(store.journal, "run_1")
    await run.append(run.next(event("Waiting"), park_if_seen=0))
    assert await store.journal.claim("run_1", "wkr_a") is not None


async def test_no_wake_up_is_lost_when_posts_race_with_parking(store: Store) -> None:
    for n in range(25):
        run = await owned(store.journal, f"run_{n}")
        parked, _ = await asyncio.gather(
            run.append(run.next(event("Waiting"), park_if_seen=0)),
            store.journal.post(run.run_id, "sig", "signal", "{}"),
        )
        head = await store.journal.head(None, run.run_id)
        assert head.inbox_tail == 1
        assert parked.parked is (head.owner == "")
        assert (run.run_id in await store.journal.ready(100)) is parked.parked
        assert parked.parked or parked.inbox_tail == 1


async def test_an_input_is_taken_once_by_its_id(store: Store) -> None:
    await store.journal.create(creation("run_1"))
    posted = await asyncio.gather(*(store.journal.post("run_1", "sig", "signal", "{}") for _ in range(6)))
    assert posted.count(True) == 1
    assert (await store.journal.head(None, "run_1")).inbox_tail == 1
    assert await store.journal.post("run_1", "sig-2", "signal", "{}")
    assert [i.input_no for i in await store.journal.inbox("run_1", after=0)] == [1, 2]


async def test_an_owner_hears_of_inputs_that_no_append_has_consumed(store: Store) -> None:
    run, other = await owned(store.journal, "run_1"), await owned(store.journal, "run_2")
    assert await store.journal.unheard("wkr_a", 10) == []
    for one in (run, other):
        await store.journal.post(one.run_id, "i", "signal", "{}")
    (owner,) = {(await store.journal.head("default", one.run_id)).owner for one in (run, other)}
    assert await store.journal.unheard(owner, 10) == ["run_1", "run_2"]
    assert await store.journal.unheard("wkr_else", 10) == []
    await run.append(run.next(event(), consumed=1))
    assert await store.journal.unheard(owner, 10) == ["run_2"]


async def test_what_names_no_run_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.journal.post("run_x", "sig", "signal", "{}")
    with pytest.raises(NotFound):
        await store.journal.claim("run_x", "wkr_a")
    with pytest.raises(NotFound):
        await store.journal.head(None, "run_x")
    assert await store.journal.read("run_x") == []


async def test_a_timer_becomes_an_input_exactly_once(store: Store) -> None:
    run = await owned(store.journal, "run_1")
    timers = (
        NewTimer(timer_id="late", due_at=store.due_in(500)),
        NewTimer(timer_id="b", due_at=store.due_in(20)),
        NewTimer(timer_id='a"1', due_at=store.due_in(10)),
    )
    await run.append(run.next(event("Waiting"), timers=timers, park_if_seen=0))
    assert await store.journal.fire_due_timers(10) == []
    await store.elapse(30)
    fired = await asyncio.gather(*(store.journal.fire_due_timers(10) for _ in range(3)))
    assert [run_id for batch in fired for run_id in batch] == ["run_1"]
    inputs = await store.journal.inbox("run_1", after=0)
    assert {(i.input_id, i.kind) for i in inputs} == {('timer:a"1', "timer"), ("timer:b", "timer")}
    assert {canonical.loads(i.payload)["timer_id"] for i in inputs} == {'a"1', "b"}
    assert [i.input_no for i in inputs] == [1, 2]
    assert await store.journal.ready(10) == ["run_1"]


async def test_a_timer_of_a_fenced_append_never_fires(store: Store) -> None:
    run = await owned(store.journal, "run_1")
    run.epoch = 7
    with pytest.raises(Fenced):
        await store.journal.append(
            run.next(event(), timers=(NewTimer(timer_id="t", due_at=store.due_in(1)),))
        )
    await store.elapse(30)
    assert await store.journal.fire_due_timers(10) == []


async def test_lists_page_newest_first_within_a_workspace(store: Store) -> None:
    for n in range(5):
        await store.journal.create(creation(f"run_{n}"))
        await store.elapse(1 if n % 2 else 0)  # some share their creation time
    await store.journal.create(creation("run_o", workspace="other"))
    found: list[str] = []
    before: tuple[str, str] | None = None
    while page := await store.journal.list_heads("default", status=None, before=before, limit=2):
        found += [head.run_id for head in page]
        before = (page[-1].created_at, page[-1].run_id)
    assert found == ["run_4", "run_3", "run_2", "run_1", "run_0"]
    run = await owned(store.journal, "run_5")
    await run.append(run.next(event(), head=HeadChange(status="failed")))
    failed = await store.journal.list_heads("default", status="failed", before=None, limit=9)
    assert [head.run_id for head in failed] == ["run_5"]


async def test_a_run_of_another_workspace_is_not_found(store: Store) -> None:
    await store.journal.create(creation("run_1"))
    assert (await store.journal.head("default", "run_1")).goal == "goal of run_1"
    with pytest.raises(NotFound):
        await store.journal.head("other", "run_1")


async def test_reading_pages_through_a_run(store: Store) -> None:
    run = await owned(store.journal, "run_1")
    await run.append(run.next(*(event(f"E{n}") for n in range(5))))
    page = await store.journal.read("run_1", after_seq=3, limit=2)
    assert [(e.seq, e.type) for e in page] == [(4, "E1"), (5, "E2")]


@pytest.mark.parametrize("opening", ["sqlite", "postgres"], indirect=True)
async def test_a_restart_finds_everything_that_was_acknowledged(store: Store) -> None:
    assert store.reopen is not None
    run = await owned(store.journal, "run_1")
    await run.append(run.next(event("Step", '{"n":1}'), park_if_seen=0))
    await store.journal.post("run_1", "sig", "signal", "{}")
    before = await store.journal.head(None, "run_1"), await store.journal.read("run_1")
    await store.journal.close()
    journal = await store.reopen()
    assert (await journal.head(None, "run_1"), await journal.read("run_1")) == before
    assert await journal.ready(10) == ["run_1"]
