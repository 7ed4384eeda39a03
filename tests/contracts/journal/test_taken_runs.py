"""Runs in which a subscriber is behind are taken by one process at a time, and by another when it dies."""

import asyncio

from flowmatik.contracts.bus import DeadLetter
from flowmatik.core.journal.port import Journal, OutboxEntry
from tests.contracts.journal.stores import Store, event, owned

A, B = "wkr_one", "wkr_two"


async def behind(store: Store, *runs: str, ordered: bool = True) -> None:
    """The audit is behind in these new runs, of two events each."""
    await store.journal.register_subscriber("audit", ordered=ordered)
    for worker in (A, B):
        await store.journal.register_worker(worker, ttl_seconds=3)
    for run_id in runs:
        await owned(store.journal, run_id)
    await store.journal.fall_behind(100)


async def take(store: Store, owner: str, *, limit: int = 10, run_id: str = "") -> list[tuple[str, int]]:
    """Which runs, each with its tries."""
    found = await store.journal.take_behind("audit", owner, limit=limit, run_id=run_id)
    return sorted((one.run_id, one.tries) for one in found)


async def done(store: Store, run_id: str, seq: int, asked: int = 0) -> None:
    await store.journal.set_subscriber_seq("audit", run_id, seq)
    await store.journal.finish_run("audit", run_id, asked=asked)


async def refused(journal: Journal, run_id: str, seq: int) -> None:
    letter = DeadLetter(
        subscriber="audit", run_id=run_id, workspace_id="default", seq=seq, error="no", attempts=3, at="2026"
    )
    await journal.set_subscriber_seq("audit", run_id, seq - 1)
    await journal.dead_letter(letter)


async def test_pointers_become_places_to_come_to(store: Store) -> None:
    journal = store.journal
    await journal.register_subscriber("audit", ordered=True)
    run = await owned(journal, "run_1")
    await run.append(run.next(event(), event()))
    await owned(journal, "run_2")
    spans = await journal.fall_behind(1)
    assert spans == [OutboxEntry(run_id="run_1", workspace_id="default", from_seq=1, to_seq=4)]
    assert [(one.run_id, one.seq) for one in await journal.behind("audit", 10)] == [("run_1", 0)]
    assert [one.run_id for one in await journal.fall_behind(10)] == ["run_2"]
    assert await journal.fall_behind(10) == []
    assert await journal.outbox(10) == []


async def test_a_run_is_taken_by_one_process_until_it_has_finished(store: Store) -> None:
    await behind(store, "run_1", "run_2")
    assert await take(store, A, limit=1) == [("run_1", 0)]
    assert await take(store, B) == [("run_2", 0)]
    assert await take(store, A, run_id="run_2") == []
    assert await take(store, A) == [("run_1", 0)], "what one has already it gets again"
    await done(store, "run_1", 2)
    assert await take(store, A) == []
    await done(store, "run_2", 1)
    assert await take(store, A) == [("run_2", 0)], "it has not come as far as pointers said"


async def test_what_comes_while_a_run_is_taken_is_still_to_do(store: Store) -> None:
    await store.journal.register_subscriber("audit", ordered=True)
    run = await owned(store.journal, "run_1")
    await store.journal.fall_behind(10)
    assert await take(store, A) == [("run_1", 0)]
    await run.append(run.next(event()))
    await store.journal.set_subscriber_seq("audit", "run_1", 2)
    await store.journal.fall_behind(10)
    await store.journal.finish_run("audit", "run_1", asked=0)
    assert await take(store, B) == [("run_1", 0)]
    await done(store, "run_1", 3)
    assert await take(store, B) == []


async def test_the_runs_of_a_process_that_died_come_one_at_a_time_and_after_all_others(store: Store) -> None:
    await behind(store, "run_1", "run_2", "run_3")
    assert await take(store, A, limit=2) == [("run_1", 0), ("run_2", 0)]
    await store.elapse(4)
    await store.journal.register_worker(B, ttl_seconds=60)
    assert await take(store, B) == [("run_3", 0)]
    await done(store, "run_3", 2)
    assert await take(store, B) == [("run_1", 1)]
    await done(store, "run_1", 2)
    assert await take(store, B) == [("run_2", 1)]
    await store.journal.retire_worker(B)
    await store.journal.register_worker(A, ttl_seconds=60)
    assert await take(store, A) == [("run_2", 2)]
    await done(store, "run_2", 1)
    assert await take(store, A) == [("run_2", 0)], "who has finished has survived it"


async def test_a_process_that_ends_in_good_order_counts_no_try(store: Store) -> None:
    await behind(store, "run_1")
    assert await take(store, A) == [("run_1", 0)]
    await store.journal.let_go(B)
    await store.journal.let_go(A)
    await store.journal.retire_worker(A)
    assert await take(store, B) == [("run_1", 0)]


async def test_a_parked_run_is_taken_when_a_redrive_was_asked_for(store: Store) -> None:
    await behind(store, "run_1")
    await refused(store.journal, "run_1", 2)
    assert await take(store, A) == []
    await store.journal.ask_redrive("audit", "run_1")
    [run] = await store.journal.take_behind("audit", A, limit=1)
    assert (run.seq, run.asked) == (1, 1)
    await store.journal.ask_redrive("audit", "run_1")  # before the first has been done
    await done(store, "run_1", 1, asked=run.asked)
    [again] = await store.journal.take_behind("audit", B, limit=1)
    await done(store, "run_1", 1, asked=again.asked)
    assert await take(store, B) == [], "parked as before"


async def test_a_redrive_at_the_end_of_a_run_is_found_and_none_without_a_letter(store: Store) -> None:
    await behind(store, "run_1", ordered=False)
    await refused(store.journal, "run_1", 1)
    await done(store, "run_1", 2)
    await store.journal.ask_redrive("costs", "run_1")
    assert await store.journal.behind("audit", 10) == []
    await store.journal.ask_redrive("audit", "run_1")
    await store.journal.set_subscriber_seq("audit", "run_1", 2)
    assert [(one.run_id, one.asked) for one in await store.journal.behind("audit", 10)] == [("run_1", 1)]


async def test_relays_of_several_processes_leave_no_event_out(store: Store) -> None:
    await store.journal.register_subscriber("audit", ordered=True)
    runs = [f"run_{n}" for n in range(4)]

    async def write(run_id: str) -> None:
        run = await owned(store.journal, run_id)
        for _ in range(8):
            await run.append(run.next(event()))
        writing.discard(run_id)

    async def relay() -> None:
        while writing or await store.journal.outbox(1):
            spans.extend(await store.journal.fall_behind(3))
            await asyncio.sleep(0)

    writing, spans = set(runs), list[OutboxEntry]()
    async with asyncio.timeout(120):
        await asyncio.gather(*(write(run_id) for run_id in runs), relay(), relay(), relay())
    for run_id in runs:
        told = sorted((one.from_seq, one.to_seq) for one in spans if one.run_id == run_id)
        assert [seq for first, last in told for seq in range(first, last + 1)] == list(range(1, 11))
    assert {(one.run_id, one.seq) for one in await store.journal.behind("audit", 10)} == {
        (run_id, 0) for run_id in runs
    }
