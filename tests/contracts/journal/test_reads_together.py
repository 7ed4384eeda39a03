"""What is read of many runs at one moment: each caller gets its own run, and what others ask for does not
matter to it."""

import asyncio

from flowmatik.kernel.errors import NotFound
from tests.contracts.journal.stores import Store, creation, event, owned

WS = "default"
RUNS = [f"run_{n}" for n in range(40)]


async def test_heads_read_at_one_moment_are_each_ones_own(store: Store) -> None:
    for run_id in RUNS:
        await store.journal.create(creation(run_id))

    asked = [*RUNS, "run_none", *RUNS]
    heads = await asyncio.gather(
        *(store.journal.head(WS, run_id) for run_id in asked), return_exceptions=True
    )

    for run_id, head in zip(asked, heads, strict=True):
        if run_id == "run_none":
            assert isinstance(head, NotFound)
        else:
            assert not isinstance(head, BaseException)
            assert (head.run_id, head.head_seq, head.status) == (run_id, 1, "queued")


async def test_a_head_of_another_workspace_is_not_there_whoever_asks_beside(store: Store) -> None:
    for run_id in RUNS[:4]:
        await store.journal.create(creation(run_id))

    places = ["other" if run_id == RUNS[2] else WS for run_id in RUNS[:4]]
    heads = await asyncio.gather(
        *(store.journal.head(place, run_id) for place, run_id in zip(places, RUNS, strict=False)),
        return_exceptions=True,
    )

    assert [isinstance(head, NotFound) for head in heads] == [False, False, True, False]


async def test_pages_read_at_one_moment_keep_their_order_their_beginning_and_their_length(
    store: Store,
) -> None:
    for n, run_id in enumerate(RUNS):
        run = await owned(store.journal, run_id)
        await run.append(run.next(*(event() for _ in range(n % 5))))

    asked = [(run_id, n % 3, 1 + n % 4) for n, run_id in enumerate(RUNS)] + [("run_none", 0, 10)]
    pages = await asyncio.gather(
        *(store.journal.read(run_id, after_seq=after, limit=limit) for run_id, after, limit in asked)
    )

    for (run_id, after, limit), page in zip(asked, pages, strict=True):
        alone = await store.journal.read(run_id, after_seq=after, limit=limit)
        assert page == alone
        there = 0 if run_id == "run_none" else 2 + RUNS.index(run_id) % 5
        assert [one.seq for one in page] == list(range(after + 1, min(after + limit, there) + 1))


async def test_a_read_sees_what_was_written_before_it_although_others_read_meanwhile(store: Store) -> None:
    run = await owned(store.journal, "run_0")
    others = [asyncio.create_task(store.journal.head(WS, "run_0")) for _ in range(5)]
    await asyncio.sleep(0)
    await run.append(run.next(event()))

    head = await store.journal.head(WS, "run_0")

    assert head.head_seq == 3
    assert {one.head_seq for one in await asyncio.gather(*others)} <= {2, 3}
