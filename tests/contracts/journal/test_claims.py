"""What a claim brings and whom it refuses, when many are made at the same moment."""

import asyncio
from dataclasses import replace

import pytest

from flowmatik.core.journal.port import Versions
from tests.contracts.journal.stores import Store, creation, event, owned

HERE: Versions = (3, 6)


async def test_many_claims_at_once_bring_each_run_its_own_history_and_inputs(store: Store) -> None:
    journal = store.journal
    await journal.register_worker("wkr_a", ttl_seconds=60)
    ids = [f"run_{n}" for n in range(40)]
    for n, run_id in enumerate(ids):
        await journal.create(creation(run_id))
        for place in range(n % 3):
            await journal.post(run_id, f"in_{place}", "signal", f'{{"n":{n}}}')
    claims = await asyncio.gather(*(journal.claim(run_id, "wkr_a") for run_id in ids))
    for n, (run_id, claim) in enumerate(zip(ids, claims, strict=True)):
        assert claim is not None
        assert claim.inputs is not None
        assert claim.events[0].payload == f'{{"run_id":"{run_id}"}}'
        assert [one.type for one in claim.events] == ["RunCreated", "RunClaimed"]
        assert [(one.input_no, one.payload) for one in claim.inputs] == [
            (place + 1, f'{{"n":{n}}}') for place in range(n % 3)
        ]
        assert claim.head.inbox_tail == n % 3


async def test_a_claim_brings_only_the_inputs_that_no_append_has_consumed(store: Store) -> None:
    run = await owned(store.journal, "run_1")
    for name in ("one", "two"):
        await store.journal.post("run_1", name, "signal", "{}")
    await run.append(run.next(event(), consumed=1))
    claim = await store.journal.claim("run_1", "wkr_a")
    assert claim is not None
    assert claim.inputs is not None
    assert [one.input_id for one in claim.inputs] == ["two"]


async def test_a_run_that_ended_or_is_anothers_hinders_no_other_claim_of_its_moment(store: Store) -> None:
    journal = store.journal
    await owned(journal, "run_1", "wkr_b")
    await journal.register_worker("wkr_a", ttl_seconds=60)
    await journal.create(creation("run_2"))
    first, second = await asyncio.gather(*(journal.claim(one, "wkr_a") for one in ("run_1", "run_2")))
    assert first is None
    assert second is not None
    assert second.head.owner == "wkr_a"


@pytest.mark.parametrize(("version", "claimed"), [(-1, True), (0, False), (2, False), (3, True), (7, False)])
async def test_a_run_of_another_version_of_the_decision_logic_is_left_as_it_is(
    store: Store, version: int, *, claimed: bool
) -> None:
    journal = store.journal
    await journal.register_worker("wkr_a", ttl_seconds=60)
    await journal.create(replace(creation("run_1"), decision_version=version))
    claim = await journal.claim("run_1", "wkr_a", versions=HERE)
    head = await journal.head("default", "run_1")
    assert (claim is not None, head.decision_version) == (claimed, version)
    assert head.epoch == int(claimed)
    assert await journal.claim("run_1", "wkr_a") is not None  # whoever names no versions may close it


async def test_runs_of_other_versions_are_counted_and_the_first_of_them_named(store: Store) -> None:
    for n, version in enumerate((7, 3, 2, -1, 6, 9)):
        await store.journal.create(replace(creation(f"run_{n}"), decision_version=version))
    assert await store.journal.foreign(HERE, 2) == (3, [("run_0", 7), ("run_2", 2)])
    assert await store.journal.foreign((0, 9), 2) == (0, [])
