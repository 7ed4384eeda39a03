"""Whoever writes to a run at once with others: what each is told fits one order of the run's history."""

import asyncio
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from flowmatik.core.journal.port import Journal
from tests.contracts.journal.order import check_order
from tests.contracts.journal.stores import Store, postgres_store
from tests.contracts.journal.writers import Op, contend, in_a_process, make, whole

RUNS = ("run_a", "run_b", "run_c", "run_d")
WRITERS = tuple(f"w{n}" for n in range(6))
TIMES = 80
PROCESSES = 3


async def check(journal: Journal, ops: list[Op]) -> None:
    for run_id in RUNS:
        mine = [op for op in ops if op.run_id == run_id]
        check_order(mine, await whole(journal, run_id), await journal.inbox(run_id, after=0))
    accepted = sum(op.kind == "append" and op.told is not None for op in ops)
    refused = sum(op.kind == "append" and op.told is None for op in ops)
    assert min(accepted, refused) > len(ops) // 20, f"{accepted} accepted, {refused} refused: no contest"


@pytest.mark.parametrize("seed", range(3))
async def test_what_writers_of_a_process_are_told_fits_one_order(store: Store, seed: int) -> None:
    await make(store.journal, RUNS)
    await check(store.journal, await contend([store.journal], RUNS, WRITERS, str(seed), TIMES))


async def test_what_writers_of_several_processes_are_told_fits_one_order(pg_migrated: str) -> None:
    async with postgres_store(pg_migrated) as store:
        await make(store.journal, RUNS)
        loop = asyncio.get_running_loop()
        spawned = get_context("spawn")
        with spawned.Manager() as shared, ProcessPoolExecutor(PROCESSES, mp_context=spawned) as others:
            all_there = shared.Barrier(PROCESSES)
            there = [
                loop.run_in_executor(
                    others,
                    in_a_process,
                    pg_migrated,
                    RUNS,
                    [f"p{n}{writer}" for writer in WRITERS[:3]],
                    str(n),
                    TIMES,
                    all_there,
                )
                for n in range(PROCESSES)
            ]
            by_process = await asyncio.gather(*there)
        spans = [(min(op.began for op in done), max(op.ended for op in done)) for done in by_process]
        assert max(begun for begun, _ in spans) < min(ended for _, ended in spans), "one after the other"
        await check(store.journal, [op for done in by_process for op in done])
