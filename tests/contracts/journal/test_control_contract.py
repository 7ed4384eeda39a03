"""What every journal promises to whoever ends a run against its owner, and changes it under way."""

import pytest

from flowmatik.core.journal.port import HeadChange
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import Fenced, NotFound
from tests.contracts.journal.stores import Store, event, owned


async def test_a_run_is_seized_from_a_live_owner_who_is_fenced_off(store: Store) -> None:
    run = await owned(store.journal, "run_1")
    await run.append(run.next(event("Noted")))
    assert await store.journal.claim("run_1", "wkr_b") is None
    seized = await store.journal.seize("run_1", "wkr_b")
    assert seized is not None
    assert (seized.head.owner, seized.head.epoch) == ("wkr_b", 2)
    assert [e.type for e in seized.events] == ["RunCreated", "RunClaimed", "Noted", "RunClaimed"]
    assert seized.events[-1].payload == canonical.dumps({"epoch": 2, "owner": "wkr_b"})
    with pytest.raises(Fenced):
        await run.append(run.next(event("Late")))
    assert [e.type for e in await store.journal.read("run_1", after_seq=3)] == ["RunClaimed"]
    pointers = [entry.to_seq for entry in await store.journal.outbox(10) if entry.run_id == "run_1"]
    assert max(pointers) == seized.head.head_seq


async def test_an_ended_run_is_not_seized_and_an_unknown_one_is_not_found(store: Store) -> None:
    run = await owned(store.journal, "run_1")
    await run.append(run.next(event("RunSucceeded"), head=HeadChange(status="succeeded")))
    assert await store.journal.seize("run_1", "wkr_b") is None
    assert (await store.journal.head(None, "run_1")).epoch == 1
    with pytest.raises(NotFound):
        await store.journal.seize("run_none", "wkr_b")


async def test_the_same_owner_seizes_a_run_from_itself(store: Store) -> None:
    run = await owned(store.journal, "run_1")
    seized = await store.journal.seize("run_1", (await store.journal.head(None, "run_1")).owner)
    assert seized is not None
    with pytest.raises(Fenced):
        await run.append(run.next(event("Late")))


async def test_an_append_changes_the_priority_and_leaves_it_without_one(store: Store) -> None:
    run = await owned(store.journal, "run_1")
    for priority, seen in ((7, 7), (None, 7), (-3, -3), (0, 0)):
        await run.append(run.next(event("Noted"), head=HeadChange(priority=priority)))
        assert (await store.journal.head(None, "run_1")).priority == seen
