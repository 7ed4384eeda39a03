"""What every journal promises the relay (outbox, positions, dead letters) and the budget (caps)."""

import asyncio
import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from flowmatik.core.journal.port import CapTerms, CapUse, HeadChange, Kept, OutboxEntry
from flowmatik.kernel.errors import Fenced, InvalidInput
from tests.contracts.journal.stores import Owner, Store, creation, event, owned


async def test_pointers_cover_a_run_in_order_until_relayed(store: Store) -> None:
    run = await owned(store.journal, "run_1")
    await run.append(run.next(event(), event()))
    await run.append(run.next())  # no events, no pointer
    await run.append(run.next(event()))
    entries = await store.journal.outbox(10)
    assert [(e.from_seq, e.to_seq) for e in entries] == [(1, 1), (2, 2), (3, 4), (5, 5)]
    assert entries[0] == OutboxEntry(run_id="run_1", workspace_id="default", from_seq=1, to_seq=1)
    assert [(e.from_seq, e.to_seq) for e in await store.journal.outbox(2)] == [(1, 1), (2, 2)]
    await store.journal.relayed(entries[:3])
    await store.journal.relayed(entries[:3])
    assert [e.from_seq for e in await store.journal.outbox(10)] == [5]


async def test_an_append_that_fails_leaves_neither_event_nor_pointer(store: Store) -> None:
    run = await owned(store.journal, "run_1")
    before = await store.journal.outbox(10)
    with pytest.raises(InvalidInput):
        await store.journal.append(run.next(event("Fine"), event("Bad", '{"text":"\ud800"}')))
    run.epoch = 9
    with pytest.raises(Fenced):
        await store.journal.append(run.next(event("Fenced")))
    assert len(await store.journal.read("run_1")) == 2
    assert await store.journal.outbox(10) == before


async def test_a_subscriber_keeps_its_place_per_run(store: Store) -> None:
    await store.journal.create(creation("run_1"))
    assert await store.journal.subscriber_seq("audit", "run_1") is None
    await store.journal.set_subscriber_seq("audit", "run_1", 3)
    await store.journal.set_subscriber_seq("audit", "run_1", 5)
    assert await store.journal.subscriber_seq("audit", "run_1") == 5
    assert await store.journal.subscriber_seq("costs", "run_1") is None


async def test_a_subscribers_place_never_moves_back(store: Store) -> None:
    await store.journal.create(creation("run_1"))
    for seq in (5, 3, 5, 4):
        await store.journal.set_subscriber_seq("audit", "run_1", seq)
        assert await store.journal.subscriber_seq("audit", "run_1") == 5


async def test_one_relay_at_a_time_has_the_outbox_until_its_lease_ends_or_it_lets_go(store: Store) -> None:
    journal = store.journal
    assert await journal.lease_relay("wkr_a", ttl_seconds=30)
    assert not await journal.lease_relay("wkr_b", ttl_seconds=30)
    await store.elapse(20)
    assert await journal.lease_relay("wkr_a", ttl_seconds=30)
    await store.elapse(20)
    assert not await journal.lease_relay("wkr_b", ttl_seconds=30)
    await store.elapse(11)
    assert await journal.lease_relay("wkr_b", ttl_seconds=30)
    assert not await journal.lease_relay("wkr_a", ttl_seconds=30)
    await journal.release_relay("wkr_a")
    assert not await journal.lease_relay("wkr_a", ttl_seconds=30)
    await journal.release_relay("wkr_b")
    assert await journal.lease_relay("wkr_a", ttl_seconds=30)


async def test_of_many_relays_that_ask_at_once_one_gets_the_outbox(store: Store) -> None:
    asked = (store.journal.lease_relay(f"wkr_{n}", ttl_seconds=30) for n in range(6))
    assert sum(await asyncio.gather(*asked)) == 1


async def granted(store: Store) -> dict[str, int]:
    return {cap.scope: cap.granted_micros for cap in await store.journal.caps("default")}


async def held_by_others(store: Store, run_id: str) -> dict[str, int]:
    return {use.scope: use.others_micros for use in await store.journal.cap_uses("default", run_id)}


def of_each(scopes: Iterable[str], micros: int) -> dict[str, int]:
    return dict.fromkeys(scopes, micros)


async def test_an_allotment_draws_on_every_cap_or_on_none(store: Store) -> None:
    await store.journal.set_cap("default", "workspace", 100)
    await store.journal.set_cap("default", "agent", 30)
    scopes = ["workspace", "agent", "uncapped"]
    assert await store.journal.allot("default", "run_1", 1, of_each(scopes, 30))
    assert not await store.journal.allot("default", "run_1", 2, of_each(scopes, 1))
    assert await granted(store) == {"agent": 30, "workspace": 30}
    assert await store.journal.allot("default", "run_1", 3, {"uncapped": 10**9})
    assert await store.journal.allot("other", "run_2", 1, of_each(scopes, 10**9))
    with pytest.raises(InvalidInput):
        await store.journal.allot("default", "run_1", 4, {"workspace": 5, "agent": -5})


async def test_an_allotment_draws_on_each_cap_its_own_amount(store: Store) -> None:
    await store.journal.set_cap("default", "workspace", 100)
    await store.journal.set_cap("default", "agent", 30)
    assert not await store.journal.allot("default", "run_1", 1, {"workspace": 100, "agent": 31})
    assert await store.journal.allot("default", "run_1", 2, {"workspace": 100, "agent": 7})
    assert await store.journal.held("run_1") == {"agent": 7, "workspace": 100}
    assert await granted(store) == {"agent": 7, "workspace": 100}


async def test_asking_again_for_an_allotment_answers_as_the_first_time(store: Store) -> None:
    await store.journal.set_cap("default", "workspace", 100)
    answers = await asyncio.gather(
        *(store.journal.allot("default", "run_1", 1, {"workspace": 60}) for _ in range(5))
    )
    assert answers == [True] * 5
    assert not await store.journal.allot("default", "run_1", 2, {"workspace": 60})
    await store.journal.set_cap("default", "workspace", 1000)
    assert not await store.journal.allot("default", "run_1", 2, {"workspace": 60})
    assert await granted(store) == {"workspace": 60}


async def test_a_run_gives_back_of_each_cap_what_it_does_not_keep(store: Store) -> None:
    journal = store.journal
    await journal.set_cap("default", "workspace", 100)
    await journal.set_cap("default", "agent", 100)
    run = await owned(journal, "run_1")
    await journal.allot("default", "run_1", 1, {"workspace": 60, "agent": 60})
    await journal.allot("default", "run_1", 2, {"workspace": 20, "agent": 20})
    await journal.allot("default", "run_2", 1, {"workspace": 20})
    assert await journal.held("run_1") == {"agent": 80, "workspace": 80}

    await journal.settle("run_1", seq=run.seq, upto=1, kept=Kept(scopes={"agent": 25}, others=40))
    assert await granted(store) == {"agent": 45, "workspace": 80}, "what came after allotment 1 stays"
    assert await held_by_others(store, "run_2") == {"agent": 45, "workspace": 60}, (
        "a live run goes on holding"
    )
    assert await held_by_others(store, "run_1") == {"agent": 0, "workspace": 20}

    before = run.seq
    await run.append(run.next(event(), head=HeadChange(status="waiting", cost_micros=30), park_if_seen=0))
    await journal.settle("run_1", seq=before, upto=9, kept=Kept())
    assert await granted(store) == {"agent": 45, "workspace": 80}, (
        "only what is known of the run's end counts"
    )
    assert await journal.unsettled(10) == ["run_1"]
    kept = Kept(scopes={"agent": 30}, others=10)
    await asyncio.gather(*(journal.settle("run_1", seq=run.seq, upto=9, kept=kept) for _ in range(4)))
    assert await granted(store) == {"agent": 30, "workspace": 30}
    assert await journal.held("run_1") == {"agent": 30, "workspace": 10}
    assert await journal.unsettled(10) == []
    assert await held_by_others(store, "run_2") == {"agent": 0, "workspace": 0}


async def test_a_live_run_that_spent_what_it_holds_gives_nothing_back_until_it_draws_again(
    store: Store,
) -> None:
    journal = store.journal
    await journal.set_cap("default", "workspace", 100)
    run = await owned(journal, "run_1")
    await journal.allot("default", "run_1", 1, {"workspace": 60})
    spent = Kept(scopes={"workspace": 45}, spent=True)
    await journal.settle("run_1", seq=run.seq - 1, upto=1, kept=spent)
    assert await held_by_others(store, "run_2") == {"workspace": 60}, "it is not at that seq"
    await journal.settle("run_1", seq=run.seq, upto=1, kept=spent)
    assert await granted(store) == {"workspace": 45}
    assert await held_by_others(store, "run_2") == {"workspace": 0}
    assert not await journal.allot("default", "run_1", 2, {"workspace": 60})
    assert await held_by_others(store, "run_2") == {"workspace": 0}, "it drew nothing"
    assert await journal.allot("default", "run_1", 3, {"workspace": 5})
    assert await held_by_others(store, "run_2") == {"workspace": 50}
    await run.append(run.next(head=HeadChange(status="succeeded", cost_micros=45)))
    assert await journal.unsettled(10) == ["run_1"]


async def test_what_a_run_sees_of_the_caps_is_its_workspaces_and_what_others_hold_of_each(
    store: Store,
) -> None:
    journal = store.journal
    await journal.set_cap("default", "workspace", 100)
    await journal.set_cap("default", "agent", 50)
    await journal.set_cap("default", "lifted", 50)
    await journal.set_cap("other", "workspace", 7)
    await journal.allot("default", "run_1", 1, {"workspace": 20, "agent": 20, "lifted": 20})
    await journal.allot("default", "run_2", 1, {"workspace": 5})
    await journal.allot("default", "run_3", 1, {"workspace": 9})
    await journal.set_cap("default", "lifted", None)
    assert [replace(use, mark="") for use in await journal.cap_uses("default", "run_2")] == [
        CapUse(scope="agent", limit_micros=50, granted_micros=20, others_micros=20),
        CapUse(scope="workspace", limit_micros=100, granted_micros=34, others_micros=29),
    ]
    assert [replace(use, mark="") for use in await journal.cap_uses("other", "run_2")] == [
        CapUse(scope="workspace", limit_micros=7, granted_micros=0, others_micros=0)
    ]


async def test_a_run_sees_that_others_drew_or_gave_back_even_if_the_amounts_are_the_same(
    store: Store,
) -> None:
    journal = store.journal
    await journal.set_cap("default", "workspace", 100)
    run = await owned(journal, "run_1")
    await journal.allot("default", "run_1", 1, {"workspace": 60})
    uses = [await journal.cap_uses("default", "run_9")]
    assert await journal.cap_uses("default", "run_9") == uses[0]
    await journal.settle("run_1", seq=run.seq, upto=1, kept=Kept(spent=True))
    await journal.allot("default", "run_1", 2, {"workspace": 60})
    uses.append(await journal.cap_uses("default", "run_9"))
    await journal.settle("run_1", seq=run.seq, upto=2, kept=Kept(spent=True))
    await journal.allot("default", "run_2", 1, {"workspace": 60})
    uses.append(await journal.cap_uses("default", "run_9"))
    assert [use.others_micros for (use,) in uses] == [60, 60, 60]
    assert len({use.mark for (use,) in uses}) == 3


async def test_a_run_that_draws_again_must_be_settled_again(store: Store) -> None:
    journal = store.journal
    await journal.set_cap("default", "workspace", 100)
    run = await owned(journal, "run_1")
    await journal.allot("default", "run_1", 1, {"workspace": 80})
    assert await journal.unsettled(10) == [], "a live run is its owner's to settle"
    await run.append(run.next(head=HeadChange(status="waiting"), park_if_seen=0))
    await journal.settle("run_1", seq=run.seq, upto=9, kept=Kept(others=30))
    claim = await journal.claim("run_1", "wkr_a")
    assert claim is not None
    assert await journal.allot("default", "run_1", 10, {"workspace": 40})
    run = Owner(journal=journal, run_id="run_1", epoch=2, seq=claim.head.head_seq)
    await run.append(run.next(head=HeadChange(status="succeeded", cost_micros=45)))
    assert await journal.unsettled(10) == ["run_1"]
    await journal.settle("run_1", seq=run.seq, upto=19, kept=Kept(others=45))
    assert await granted(store) == {"workspace": 45}
    assert await journal.unsettled(10) == []


async def test_a_run_that_keeps_money_aside_is_settled_at_its_end_though_it_draws_nothing_more(
    store: Store,
) -> None:
    journal = store.journal
    await journal.set_cap("default", "workspace", 100)
    run = await owned(journal, "run_1")
    await journal.allot("default", "run_1", 1, {"workspace": 80})
    await run.append(run.next(head=HeadChange(status="waiting"), park_if_seen=0))
    await journal.settle("run_1", seq=run.seq, upto=9, kept=Kept(others=80))
    claim = await journal.claim("run_1", "wkr_a")
    assert claim is not None
    assert await journal.allot("default", "run_1", 10, {})
    run = Owner(journal=journal, run_id="run_1", epoch=2, seq=claim.head.head_seq)
    await run.append(run.next(head=HeadChange(status="succeeded", cost_micros=45)))
    assert await journal.unsettled(10) == ["run_1"], "also if its owner ends before it gives back"
    await journal.settle("run_1", seq=run.seq, upto=19, kept=Kept(others=45))
    assert await granted(store) == {"workspace": 45}


async def test_a_cap_that_is_lifted_holds_nobody(store: Store) -> None:
    await store.journal.set_cap("default", "month", 10)
    await store.journal.set_cap("default", "month", None)
    await store.journal.set_cap("default", "never set", None)
    assert await store.journal.caps("default") == []
    assert await store.journal.allot("default", "run_1", 1, {"month": 1000, "never set": 5})
    assert await store.journal.held("run_1") == {"month": 1000}


async def test_a_cap_that_is_set_again_counts_what_runs_still_hold_of_it(store: Store) -> None:
    await store.journal.set_cap("default", "month", 100)
    assert await store.journal.allot("default", "run_1", 1, {"month": 80})
    await store.journal.set_cap("default", "month", None)
    await store.journal.set_cap("default", "month", 100)
    assert await granted(store) == {"month": 80}
    assert not await store.journal.allot("default", "run_2", 1, {"month": 80})


@pytest.mark.parametrize("seed", range(3))
async def test_concurrent_allotments_never_pass_a_cap(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    limits = {"a": 120, "b": 200, "c": 75}
    for scope, limit in limits.items():
        await store.journal.set_cap("default", scope, limit)
    orders = [
        (f"run_{n % 7}", n, chance.sample(sorted(limits), chance.randint(1, 3)), chance.randint(1, 20))
        for n in range(60)
    ]
    answers = await asyncio.gather(
        *(
            store.journal.allot("default", run_id, n, of_each(scopes, amount))
            for run_id, n, scopes, amount in orders
        )
    )
    drawn = dict.fromkeys(limits, 0)
    for (_, _, scopes, amount), answer in zip(orders, answers, strict=True):
        for scope in scopes:
            drawn[scope] += amount if answer else 0
    assert await granted(store) == drawn
    assert all(drawn[scope] <= limit for scope, limit in limits.items())
    assert True in answers
    assert False in answers


async def test_a_new_cap_begins_with_what_the_runs_since_a_day_have_cost(store: Store) -> None:
    journal = store.journal
    for run_id, workspace, cost in (
        ("run_1", "default", 30),
        ("run_2", "default", 12),
        ("run_3", "other", 7),
    ):
        run = await owned(journal, run_id, workspace=workspace)
        await run.append(run.next(event(), head=HeadChange(cost_micros=cost)))
    born = datetime.fromisoformat((await journal.head("default", "run_1")).created_at)
    await journal.set_cap("default", "since", 100, CapTerms(since=born))
    await journal.set_cap("default", "later", 100, CapTerms(since=born + timedelta(days=1)))
    await journal.set_cap("default", "from now on", 100)
    granted = {cap.scope: cap.granted_micros for cap in await journal.caps("default")}
    assert granted == {"since": 42, "later": 0, "from now on": 0}
    await journal.set_cap("default", "since", 200, CapTerms(since=born))
    (cap,) = [cap for cap in await journal.caps("default") if cap.scope == "since"]
    assert (cap.limit_micros, cap.granted_micros) == (200, 42), "it counts once"
