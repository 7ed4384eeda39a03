"""Whole runs go, and only when nothing needs them any more; every store sees the same obstacles."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from flowmatik.contracts.bus import DeadLetter
from flowmatik.contracts.retention import Hold
from flowmatik.core.journal.port import CapTerms, HeadChange, Kept, NewEvent, Snapshot
from flowmatik.kernel.errors import Conflict, Gone, NotFound
from tests.contracts.journal.stores import Owner, Store, creation, event, owned

WS = "default"
NEVER, ALWAYS = "", "9999"
DAY = 86_400.0


async def ended(
    store: Store, run_id: str = "run_1", *, workspace: str = WS, relayed: bool = True, cost: int = 5
) -> Owner:
    """A run that has succeeded, and of which everybody has heard."""
    owner = await owned(store.journal, run_id, workspace=workspace)
    head = HeadChange(status="succeeded", cost_micros=cost)
    await owner.append(owner.next(event(), head=head))
    if relayed:
        mine = [one for one in await store.journal.outbox(1000) if one.run_id == run_id]
        await store.journal.relayed(mine)
    return owner


async def deletable(store: Store, *, before: str = ALWAYS, **overrides: str) -> list[str]:
    found = await store.journal.deletable(before=before, overrides=overrides, limit=10)
    return [one.run_id for one in found]


def hold(run_id: str = "run_1", workspace: str = WS) -> Hold:
    return Hold(workspace_id=workspace, run_id=run_id, reason="a lawsuit", by="ana", at="2026-01-01")


async def test_a_deleted_run_leaves_nothing_but_that_it_was_there(store: Store) -> None:
    await ended(store)
    await ended(store, "run_2")
    journal = store.journal
    await journal.post("run_1", "late", "signal", "{}")
    assert await journal.in_the_way(WS, "run_1") == []
    (found, _) = await journal.deletable(before=ALWAYS, overrides={}, limit=10)
    assert (found.run_id, found.workspace_id, found.events) == ("run_1", WS, 3)
    assert await journal.delete_runs(["run_1"]) == ["run_1"]
    assert await journal.delete_runs(["run_1"]) == []
    assert await journal.read("run_1") == []
    assert await journal.inbox("run_1", after=0) == []
    assert [head.run_id for head in await journal.list_heads(WS, status=None, before=None, limit=10)] == [
        "run_2"
    ]
    left = await journal.tombstone(WS, "run_1")
    assert left is not None
    assert (left.status, left.cost_micros, left.unpriced) == ("succeeded", 5, False)
    assert left.created_at <= left.ended_at <= left.deleted_at
    assert await journal.tombstone("other", "run_1") is None
    assert await journal.tombstone(WS, "run_2") is None


async def test_whoever_asks_for_a_deleted_run_is_told_that_it_is_gone(store: Store) -> None:
    await ended(store)
    journal = store.journal
    await journal.delete_runs(["run_1"])
    asking: list[Callable[[], Awaitable[object]]] = [
        lambda: journal.head(WS, "run_1"),
        lambda: journal.head(None, "run_1"),
        lambda: journal.claim("run_1", "wkr_a"),
        lambda: journal.post("run_1", "i", "cancel", "{}"),
        lambda: journal.in_the_way(WS, "run_1"),
    ]
    for ask in asking:
        with pytest.raises(Gone) as refused:
            await ask()
        assert refused.value.code == "gone.run"
    with pytest.raises(NotFound) as strange:
        await journal.head("other", "run_1")
    assert not isinstance(strange.value, Gone), "another workspace learns nothing of it"


async def test_runs_that_have_not_ended_or_not_long_ago_stay(store: Store) -> None:
    await ended(store)
    await owned(store.journal, "run_2")
    at = (await store.journal.head(WS, "run_1")).ended_at
    assert await deletable(store, before=NEVER) == []
    assert await deletable(store, before=at) == []
    assert await deletable(store) == ["run_1"]
    assert await store.journal.in_the_way(WS, "run_2") == ["unfinished", "unrelayed"]
    assert await store.journal.delete_runs(["run_2", "run_x"]) == []


async def test_a_workspace_may_keep_its_runs_for_longer_or_for_less(store: Store) -> None:
    await ended(store, "run_1")
    await ended(store, "run_2", workspace="w2")
    assert await deletable(store, w2=NEVER) == ["run_1"]
    assert await deletable(store, before=NEVER, w2=ALWAYS) == ["run_2"]
    journal = store.journal
    assert await journal.retention_days("w2") is None
    await journal.set_retention_days("w2", 3)
    await journal.set_retention_days("w2", 0)
    assert await journal.retention_overrides() == {"w2": 0}
    assert await journal.retention_days("w2") == 0
    await journal.set_retention_days("w2", None)
    assert await journal.retention_overrides() == {}


@pytest.mark.parametrize("place", ["run_1", ""])
async def test_what_is_held_is_not_deleted_until_it_is_released(store: Store, place: str) -> None:
    await ended(store)
    await ended(store, "run_2", workspace="w2")
    journal = store.journal
    assert await journal.hold(hold(place))
    assert await journal.hold(replace(hold(place), reason="another one"))
    assert await deletable(store) == ["run_2"]
    assert await journal.delete_runs(["run_1"]) == [], "held since it was found"
    assert await journal.in_the_way(WS, "run_1") == ["held" if place else "workspace_held"]
    assert await journal.holds(WS) == [replace(hold(place), reason="another one")]
    assert await journal.holds("w2") == []
    assert not await journal.release("w2", place)
    assert await journal.release(WS, place)
    assert not await journal.release(WS, place)
    assert await journal.delete_runs(["run_1"]) == ["run_1"]


async def test_only_a_run_of_the_workspace_can_be_held(store: Store) -> None:
    await ended(store)
    assert not await store.journal.hold(hold("run_x"))
    assert not await store.journal.hold(hold("run_1", "w2"))
    assert await store.journal.holds("w2") == []
    assert await deletable(store) == ["run_1"]


async def test_a_run_that_is_not_relayed_stays_and_one_that_a_subscriber_is_behind_in(store: Store) -> None:
    journal = store.journal
    await ended(store, relayed=False)
    assert await journal.in_the_way(WS, "run_1") == ["unrelayed"]
    assert await deletable(store) == []
    await journal.register_subscriber("mail", ordered=True)
    await journal.relayed(await journal.outbox(10))
    assert await journal.in_the_way(WS, "run_1") == ["subscriber"]
    assert await deletable(store) == []
    await journal.set_subscriber_seq("mail", "run_1", 3)
    assert await deletable(store) == ["run_1"]
    assert await journal.delete_runs(["run_1"]) == ["run_1"]
    assert await journal.subscriber_seq("mail", "run_1") is None


async def test_a_run_with_dead_letters_stays(store: Store) -> None:
    await ended(store)
    letter = DeadLetter(
        subscriber="mail", run_id="run_1", workspace_id=WS, seq=2, error="e", attempts=1, at="2026"
    )
    await store.journal.dead_letter(letter)
    assert await store.journal.in_the_way(WS, "run_1") == ["dead_letters"]
    assert await deletable(store) == []
    await store.journal.drop_dead_letter("mail", "run_1", 2)
    assert await deletable(store) == ["run_1"]


async def test_a_run_with_a_call_in_doubt_stays_and_one_whose_doubt_was_resolved_goes(store: Store) -> None:
    def call(name: str, call_id: str) -> NewEvent:
        return event(name, f'{{"call_id":"{call_id}","x":"\\u0000"}}')

    for run_id, last in (("run_1", "call_2"), ("run_2", "call_1")):
        owner = await owned(store.journal, run_id)
        rows = [call("CallInDoubt", "call_1"), call("CallFailed", last)]
        await owner.append(owner.next(*rows, head=HeadChange(status="failed")))
        await store.journal.relayed(await store.journal.outbox(10))
    assert await store.journal.in_the_way(WS, "run_1") == ["in_doubt"]
    assert await store.journal.in_the_way(WS, "run_2") == []
    assert await deletable(store) == ["run_2"]


async def test_a_run_that_may_give_money_back_stays_and_what_it_spent_stays_spent(store: Store) -> None:
    journal = store.journal
    await journal.set_cap(WS, "month", 100)
    owner = await owned(journal, "run_1")
    await journal.allot(WS, "run_1", 1, {"month": 40})
    await owner.append(owner.next(event(), head=HeadChange(status="succeeded", cost_micros=30)))
    await journal.relayed(await journal.outbox(10))
    assert await journal.in_the_way(WS, "run_1") == ["unsettled"]
    assert await deletable(store) == []
    await journal.settle("run_1", seq=owner.seq, upto=1, kept=Kept(scopes={"month": 30}))
    assert await journal.delete_runs(await deletable(store)) == ["run_1"]
    assert await journal.held("run_1") == {}
    (cap,) = await journal.caps(WS)
    assert cap.granted_micros == 30
    assert await journal.unsettled(10) == []


async def test_a_new_cap_counts_what_deleted_runs_of_its_time_have_cost(store: Store) -> None:
    await ended(store, "run_1", cost=30)
    await ended(store, "run_2", cost=7)
    await ended(store, "run_3", workspace="w2", cost=1000)
    await store.journal.delete_runs(["run_1", "run_3"])
    await store.journal.set_cap(WS, "month", 100, CapTerms(since=datetime(2025, 12, 1, tzinfo=UTC)))
    await store.journal.set_cap(WS, "later", 100, CapTerms(since=datetime(2036, 12, 1, tzinfo=UTC)))
    caps = {cap.scope: cap.granted_micros for cap in await store.journal.caps(WS)}
    assert caps == {"month": 37, "later": 0}


async def test_parents_and_children_go_when_both_have_ended(store: Store) -> None:
    journal = store.journal
    await journal.register_worker("wkr_a", ttl_seconds=60)
    await ended(store, "run_1")
    child = replace(creation("run_2", owner="wkr_a"), parent="run_1", parent_wait="wait_1")
    made = await journal.create(child)
    await journal.relayed(await journal.outbox(10))
    assert await journal.in_the_way(WS, "run_1") == ["child"]
    assert await deletable(store) == []
    assert made.claim is not None
    owner = Owner(journal=journal, run_id="run_2", epoch=1, seq=made.claim.head.head_seq)
    await owner.append(owner.next(event(), head=HeadChange(status="succeeded")))
    await journal.relayed(await journal.outbox(10))
    assert await journal.in_the_way(WS, "run_2") == ["untold"]
    await journal.report("run_2", "subrun:run_2", "{}", cost_micros=0)
    assert sorted(await deletable(store)) == ["run_1", "run_2"]


async def test_a_child_stays_while_its_parent_goes_on(store: Store) -> None:
    journal = store.journal
    await owned(journal, "run_0")
    made = await journal.create(
        replace(creation("run_1", owner="wkr_a"), parent="run_0", parent_wait="wait_1")
    )
    assert made.claim is not None
    owner = Owner(journal=journal, run_id="run_1", epoch=1, seq=made.claim.head.head_seq)
    await owner.append(owner.next(event(), head=HeadChange(status="succeeded")))
    await journal.relayed(await journal.outbox(10))
    assert await journal.in_the_way(WS, "run_1") == ["parent"]
    assert await deletable(store) == []


async def test_the_key_of_a_deleted_run_makes_no_other_one_for_a_week(store: Store) -> None:
    journal = store.journal
    await journal.register_worker("wkr_a", ttl_seconds=1e9)
    made = await journal.create(creation("run_1", key="k", owner="wkr_a"))
    assert made.claim is not None
    owner = Owner(journal=journal, run_id="run_1", epoch=1, seq=made.claim.head.head_seq)
    await owner.append(owner.next(event(), head=HeadChange(status="succeeded")))
    await journal.relayed(await journal.outbox(10))
    await journal.delete_runs(["run_1"])
    for owner_name in ("", "wkr_a"):
        with pytest.raises(Conflict) as refused:
            await journal.create(creation("run_2", key="k", owner=owner_name))
        assert refused.value.code == "conflict.run_deleted"
        assert refused.value.context["run_id"] == "run_1"
    with pytest.raises(NotFound):
        await journal.head(WS, "run_2")
    assert (await journal.create(creation("run_3", key="k", workspace="w2"))).run_id == "run_3"
    assert (await journal.create(creation("run_4", key="other"))).run_id == "run_4"
    await store.elapse(8 * DAY)
    assert (await journal.create(creation("run_5", key="k"))).run_id == "run_5"
    assert (await journal.create(creation("run_6", key="k"))).run_id == "run_5"


async def test_forgotten_keys_may_be_used_at_once(store: Store) -> None:
    await ended(store)
    journal = store.journal
    await journal.create(creation("run_2", key="k"))
    claim = await journal.claim("run_2", "wkr_a")
    assert claim is not None
    owner = Owner(journal=journal, run_id="run_2", epoch=1, seq=claim.head.head_seq)
    await owner.append(owner.next(event(), head=HeadChange(status="failed")))
    await journal.relayed(await journal.outbox(10))
    await journal.delete_runs(["run_2"])
    await journal.forget_keys("2025")
    with pytest.raises(Conflict):
        await journal.create(creation("run_3", key="k"))
    await journal.forget_keys("9999")
    assert (await journal.create(creation("run_3", key="k"))).run_id == "run_3"


async def test_the_snapshot_of_a_run_goes_with_it(store: Store) -> None:
    owner = await owned(store.journal, "run_1")
    await owner.append(owner.next(event()))
    await store.journal.save_snapshot("run_1", Snapshot(seq=2, fold_version="v", body="secret"))
    await owner.append(owner.next(event(), head=HeadChange(status="succeeded")))
    await store.journal.relayed(await store.journal.outbox(10))
    await store.journal.delete_runs(["run_1"])
    assert await store.journal.snapshot("run_1", "v") is None


async def test_a_history_that_is_damaged_hinders_nobody(store: Store) -> None:
    owner = await owned(store.journal, "run_1")
    rows = [event("CallInDoubt", "{"), event("CallFailed", "}")]
    await owner.append(owner.next(*rows, head=HeadChange(status="failed")))
    await store.journal.relayed(await store.journal.outbox(10))
    assert await deletable(store) in ([], ["run_1"])
