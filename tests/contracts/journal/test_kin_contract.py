"""What every journal promises of runs within runs: a child's end is told once, and no child is forgotten."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from flowmatik.core.journal.kin_port import LiveChild
from flowmatik.core.journal.port import HeadChange
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
    assert await journal.report("run_q", "subrun:run_q", "{}") == "", "it has not ended"
    await end(store, "run_q")
    assert await journal.unreported(10) == ["run_q"]
    assert await journal.report("run_q", "subrun:run_q", '{"a":1}') == "run_p"
    assert await journal.unreported(10) == []
    inbox = await journal.inbox("run_p", after=0)
    assert [(one.input_id, one.kind, one.payload) for one in inbox] == [("subrun:run_q", "subrun", '{"a":1}')]


async def test_a_child_is_reported_once_however_often_and_by_however_many(store: Store) -> None:
    await family(store, "run_q")
    await end(store, "run_q")
    told = await asyncio.gather(*(store.journal.report("run_q", "subrun:run_q", "{}") for _ in range(5)))
    assert sorted(told) == ["", "", "", "", "run_p"]
    assert len(await store.journal.inbox("run_p", after=0)) == 1


async def test_a_report_makes_a_parked_parent_ready(store: Store) -> None:
    journal = store.journal
    await family(store, "run_q")
    parent = await taken(store, "run_p")
    await parent.append(replace(parent.next(event()), park_if_seen=0))
    assert "run_p" not in await journal.ready(10)
    await end(store, "run_q")
    await journal.report("run_q", "subrun:run_q", "{}")
    assert "run_p" in await journal.ready(10)


async def test_a_parent_that_has_ended_or_never_was_is_told_nothing_and_asked_no_more(store: Store) -> None:
    journal = store.journal
    await family(store, "run_q")
    await journal.create(replace(creation("run_s"), parent="run_nobody", parent_wait="sub_1"))
    for run_id in ("run_p", "run_q", "run_s"):
        await end(store, run_id)
    assert await journal.unreported(10) == ["run_q", "run_s"]
    assert [await journal.report(one, f"subrun:{one}", "{}") for one in ("run_q", "run_s")] == ["", ""]
    assert await journal.unreported(10) == []
    assert await journal.inbox("run_p", after=0) == []


async def test_a_parent_of_another_workspace_is_not_told(store: Store) -> None:
    journal = store.journal
    await journal.create(creation("run_p"))
    stranger = replace(creation("run_q", workspace="other"), parent="run_p", parent_wait="sub_1")
    await journal.create(stranger)
    await end(store, "run_q", "other")
    assert await journal.report("run_q", "subrun:run_q", "{}") == ""
    assert await journal.inbox("run_p", after=0) == []


async def test_runs_without_a_parent_are_nobodys_children(store: Store) -> None:
    await store.journal.create(creation("run_1"))
    assert await store.journal.kin(after="", limit=10) == []
    await end(store, "run_1")
    assert await store.journal.unreported(10) == []
    assert await store.journal.report("run_1", "subrun:run_1", "{}") == ""


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
    await journal.report("run_q", "subrun:run_q", "{}")
    parent = await taken(store, "run_p")
    await parent.append(replace(parent.next(event()), head=HeadChange(cost_micros=40)))
    await journal.set_cap("default", "workspace", 100, since=datetime(2020, 1, 1, tzinfo=UTC))
    assert [cap.granted_micros for cap in await journal.caps("default")] == [40]


async def test_a_new_cap_counts_what_a_child_cost_that_nobody_was_told_of(store: Store) -> None:
    journal = store.journal
    await family(store, "run_q", "run_r")
    await end(store, "run_r", cost=5)
    await end(store, "run_p", cost=20)
    await end(store, "run_q", cost=30)
    await journal.report("run_q", "subrun:run_q", "{}")
    await journal.set_cap("default", "workspace", 100, since=datetime(2020, 1, 1, tzinfo=UTC))
    assert [cap.granted_micros for cap in await journal.caps("default")] == [55]
