"""What every journal promises of runs within runs: a child's end is told once, and no child is forgotten."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from flowmatik.core.journal.kin_port import LiveChild
from flowmatik.core.journal.port import CapTerms, HeadChange
from flowmatik.kernel.errors import Fenced
from tests.contracts.journal.stores import Owner, Store, creation, event


async def family(store: Store, *children: str, parent: str = "run_p") -> None:
    await store.journal.create(creation(parent))
    for run_id in children:
        await store.journal.create(replace(creation(run_id), parent=parent, parent_wait=f"sub_{run_id}"))


async def taken(store: Store, run_id: str, workspace: str = "default") -> Owner:
    await store.journal.register_worker("wkr_a", ttl_seconds=60)
    claim = await store.journal.claim(run_id, "wkr_a")
    assert claim is not None
    head = claim.head
    return Owner(
        journal=store.journal, run_id=run_id, epoch=head.epoch, seq=head.head_seq, workspace=workspace
    )


async def end(store: Store, run_id: str, workspace: str = "default", cost: int = 0) -> None:
    run = await taken(store, run_id, workspace)
    head = HeadChange(status="succeeded", cost_micros=cost)
    await run.append(replace(run.next(event()), head=head))


async def test_an_ended_child_is_unreported_until_its_parent_is_told(store: Store) -> None:
    journal = store.journal
    await family(store, "run_q", "run_r")
    assert await journal.unreported(10) == []
    assert await journal.report("run_q", "subrun:run_q", "{}", cost_micros=0) == "", "it has not ended"
    await end(store, "run_q")
    assert await journal.unreported(10) == ["run_q"]
    assert await journal.report("run_q", "subrun:run_q", '{"a":1}', cost_micros=0) == "run_p"
    assert await journal.unreported(10) == []
    inbox = await journal.inbox("run_p", after=0)
    assert [(one.input_id, one.kind, one.payload) for one in inbox] == [("subrun:run_q", "subrun", '{"a":1}')]


async def test_a_child_is_reported_once_however_often_and_by_however_many(store: Store) -> None:
    await family(store, "run_q")
    await end(store, "run_q")
    told = await asyncio.gather(
        *(store.journal.report("run_q", "subrun:run_q", "{}", cost_micros=0) for _ in range(5))
    )
    assert sorted(told) == ["", "", "", "", "run_p"]
    assert len(await store.journal.inbox("run_p", after=0)) == 1


async def test_a_report_makes_a_parked_parent_ready(store: Store) -> None:
    journal = store.journal
    await family(store, "run_q")
    parent = await taken(store, "run_p")
    await parent.append(replace(parent.next(event()), park_if_seen=0))
    assert "run_p" not in await journal.ready(10)
    await end(store, "run_q")
    await journal.report("run_q", "subrun:run_q", "{}", cost_micros=0)
    assert "run_p" in await journal.ready(10)


async def test_a_parent_that_has_ended_or_never_was_is_told_nothing_and_asked_no_more(store: Store) -> None:
    journal = store.journal
    await family(store, "run_q")
    await journal.create(replace(creation("run_s"), parent="run_nobody", parent_wait="sub_1"))
    for run_id in ("run_p", "run_q", "run_s"):
        await end(store, run_id)
    assert await journal.unreported(10) == ["run_q", "run_s"]
    assert [
        await journal.report(one, f"subrun:{one}", "{}", cost_micros=0) for one in ("run_q", "run_s")
    ] == ["", ""]
    assert await journal.unreported(10) == []
    assert await journal.inbox("run_p", after=0) == []


async def test_a_parent_of_another_workspace_is_not_told(store: Store) -> None:
    journal = store.journal
    await journal.create(creation("run_p"))
    stranger = replace(creation("run_q", workspace="other"), parent="run_p", parent_wait="sub_1")
    await journal.create(stranger)
    await end(store, "run_q", "other")
    assert await journal.report("run_q", "subrun:run_q", "{}", cost_micros=0) == ""
    assert await journal.inbox("run_p", after=0) == []


async def test_runs_without_a_parent_are_nobodys_children(store: Store) -> None:
    await store.journal.create(creation("run_1"))
    assert await store.journal.kin(after="", limit=10) == []
    await end(store, "run_1")
    assert await store.journal.unreported(10) == []
    assert await store.journal.report("run_1", "subrun:run_1", "{}", cost_micros=0) == ""


async def test_live_children_are_listed_by_parent_and_all_of_them_in_pages(store: Store) -> None:
    journal = store.journal
    await family(store, "run_q", "run_r", "run_s")
    await family(store, "run_t", parent="run_o")
    await end(store, "run_r")
    await end(store, "run_o")
    assert await journal.live_children("run_p", 10) == ["run_q", "run_s"]
    assert await journal.live_children("run_p", 1) == ["run_q"]
    first = await journal.kin(after="", limit=2)
    assert first == [LiveChild(run_id="run_q", orphan=False), LiveChild(run_id="run_s", orphan=False)]
    assert await journal.kin(after="run_s", limit=2) == [LiveChild(run_id="run_t", orphan=True)]


async def test_which_runs_there_are_is_one_question(store: Store) -> None:
    await family(store, "run_q")
    assert await store.journal.born(["run_q", "run_x"]) == {"run_q"}
    assert await store.journal.born([]) == set()


async def test_a_new_cap_counts_what_a_told_child_cost_once(store: Store) -> None:
    journal = store.journal
    await family(store, "run_q")
    await end(store, "run_q", cost=30)
    await journal.report("run_q", "subrun:run_q", "{}", cost_micros=30)
    parent = await taken(store, "run_p")
    await parent.append(replace(parent.next(event()), head=HeadChange(cost_micros=40)))
    await journal.set_cap("default", "workspace", 100, CapTerms(since=datetime(2020, 1, 1, tzinfo=UTC)))
    assert [cap.granted_micros for cap in await journal.caps("default")] == [40]


async def test_a_new_cap_counts_what_a_child_cost_that_nobody_was_told_of(store: Store) -> None:
    journal = store.journal
    await family(store, "run_q", "run_r")
    await end(store, "run_r", cost=5)
    await end(store, "run_p", cost=20)
    await end(store, "run_q", cost=30)
    await journal.report("run_q", "subrun:run_q", "{}", cost_micros=30)
    await journal.set_cap("default", "workspace", 100, CapTerms(since=datetime(2020, 1, 1, tzinfo=UTC)))
    assert [cap.granted_micros for cap in await journal.caps("default")] == [55], "each once"


async def test_what_a_child_cost_that_outlived_its_parent_is_added_to_the_parents_cost_once(
    store: Store,
) -> None:
    journal = store.journal
    await family(store, "run_q", "run_r")
    await end(store, "run_p", cost=20)
    for run_id, cost in (("run_q", 30), ("run_r", 7)):
        await end(store, run_id, cost=cost)
        told = [journal.report(run_id, f"subrun:{run_id}", "{}", cost_micros=cost) for _ in range(3)]
        assert await asyncio.gather(*told) == ["", "", ""]
    assert (await journal.head(None, "run_p")).cost_micros == 57


async def test_a_parent_that_ends_while_it_is_told_has_the_cost_once_in_its_inbox_or_in_its_row(
    store: Store,
) -> None:
    journal = store.journal
    for n in range(8):
        parent, child = f"run_p{n}", f"run_q{n}"
        await family(store, child, parent=parent)
        await end(store, child, cost=30)
        owner = await taken(store, parent)
        ends = owner.next(event(), head=HeadChange(status="cancelled", cost_micros=20))
        await asyncio.gather(
            owner.append(ends), journal.report(child, f"subrun:{child}", "{}", cost_micros=30)
        )
        told = len(await journal.inbox(parent, after=0))
        assert (await journal.head(None, parent)).cost_micros == 20 + (0 if told else 30)


async def test_a_child_is_reported_after_its_own_children_and_with_what_they_cost(store: Store) -> None:
    journal = store.journal
    await family(store, "run_q")
    await journal.create(replace(creation("run_r"), parent="run_q", parent_wait="sub_1"))
    await end(store, "run_q", cost=10)
    assert await journal.unreported(10) == [], "nobody knows yet what it cost"
    assert await journal.report("run_q", "subrun:run_q", "{}", cost_micros=10) == ""
    await end(store, "run_r", cost=5)
    assert await journal.unreported(10) == ["run_r"]
    await journal.report("run_r", "subrun:run_r", "{}", cost_micros=5)
    assert await journal.report("run_q", "subrun:run_q", "{}", cost_micros=10) == "", "it cost more by now"
    assert await journal.unreported(10) == ["run_q"]
    assert await journal.report("run_q", "subrun:run_q", "{}", cost_micros=15) == "run_p"


async def test_no_run_is_deleted_whose_cost_its_parent_does_not_have_yet(store: Store) -> None:
    journal = store.journal
    await family(store, "run_q")
    for run_id in ("run_p", "run_q"):
        await end(store, run_id, cost=5)
    await journal.relayed(await journal.outbox(100))
    assert await journal.in_the_way("default", "run_p") == ["child"]
    assert await journal.in_the_way("default", "run_q") == ["untold"]
    assert await journal.deletable(before="9999", overrides={}, limit=9) == []
    await journal.report("run_q", "subrun:run_q", "{}", cost_micros=5)
    assert len(await journal.deletable(before="9999", overrides={}, limit=9)) == 2


async def test_a_new_cap_counts_what_a_deleted_child_cost_once(store: Store) -> None:
    journal = store.journal
    await family(store, "run_q")
    await end(store, "run_p", cost=20)
    await end(store, "run_q", cost=30)
    await journal.report("run_q", "subrun:run_q", "{}", cost_micros=30)
    await journal.delete_runs(["run_q"])
    left = await journal.tombstone("default", "run_q")
    assert left is not None
    assert left.counted
    await journal.set_cap("default", "workspace", 100, CapTerms(since=datetime(2020, 1, 1, tzinfo=UTC)))
    assert [cap.granted_micros for cap in await journal.caps("default")] == [50]


async def test_an_append_may_ask_that_nothing_more_came_into_the_inbox(store: Store) -> None:
    await store.journal.create(creation("run_1"))
    run = await taken(store, "run_1")
    await store.journal.post("run_1", "i", "signal", "{}")
    ends = run.next(event(), head=HeadChange(status="failed"))
    with pytest.raises(Fenced):
        await run.append(replace(ends, only_if_seen=0))
    assert (await store.journal.head(None, "run_1")).ended_at == ""
    await run.append(replace(ends, only_if_seen=1))
    assert (await store.journal.head(None, "run_1")).ended_at
