"""Group commit gathers what arrives meanwhile, never stalls and never loses an answer."""

import asyncio
from collections.abc import Sequence

import pytest

from flowmatik.core.journal.batching import GroupCommit
from flowmatik.core.journal.port import Append, Appended
from flowmatik.kernel.errors import InvalidInput, JournalUnavailable


def an_append(run_id: str, seq: int = 0) -> Append:
    return Append(
        run_id=run_id,
        workspace_id="default",
        epoch=1,
        expected_seq=seq,
        append_id=f"{run_id}/{seq}",
        events=(),
    )


class Disk:
    """Commits when told, and remembers which runs each batch held."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.started = asyncio.Event()

    async def commit(self, batch: Sequence[Append]) -> list[Appended]:
        self.batches.append([append.run_id for append in batch])
        self.started.set()
        await self.gate.wait()
        if any(append.run_id == "poison" for append in batch):
            raise InvalidInput("poison")
        if any(append.run_id == "away" for append in batch):
            raise JournalUnavailable("gone")
        if any(append.run_id == "bug" for append in batch):
            raise ZeroDivisionError
        return [Appended(head_seq=append.expected_seq, inbox_tail=0, parked=False) for append in batch]


@pytest.mark.parametrize("lanes", [1, 2, 3])
async def test_appends_one_after_the_other_never_stall(lanes: int) -> None:
    group = GroupCommit(Disk().commit, lanes=lanes)

    async def a_run(run_id: str) -> None:
        for seq in range(200):
            assert (await group.write(an_append(run_id, seq))).head_seq == seq

    async with asyncio.timeout(120):
        await asyncio.gather(*(a_run(f"run_{n}") for n in range(5)))


async def test_what_arrives_during_a_write_goes_down_together_in_the_next() -> None:
    disk = Disk()
    disk.gate.clear()
    group = GroupCommit(disk.commit)
    first = asyncio.create_task(group.write(an_append("a")))
    await disk.started.wait()
    rest = [asyncio.create_task(group.write(an_append(run))) for run in ("b", "c", "c", "d")]
    await asyncio.sleep(0)
    disk.gate.set()
    await asyncio.gather(first, *rest)
    assert disk.batches == [["a"], ["b", "c", "d"], ["c"]]


async def test_only_the_guilty_append_of_a_batch_hears_of_its_data_error() -> None:
    group = GroupCommit(Disk().commit)
    results = await asyncio.gather(
        *(group.write(an_append(run)) for run in ("a", "poison", "b")), return_exceptions=True
    )
    assert [type(result).__name__ for result in results] == ["Appended", "InvalidInput", "Appended"]


async def test_an_unexpected_error_reaches_the_guilty_alone_and_the_next_batch_works() -> None:
    group = GroupCommit(Disk().commit)
    results = await asyncio.gather(
        *(group.write(an_append(run)) for run in ("a", "bug")), return_exceptions=True
    )
    assert [type(result) for result in results] == [Appended, ZeroDivisionError]
    assert (await group.write(an_append("a"))).head_seq == 0


async def test_a_store_that_is_away_is_asked_once_for_the_whole_batch() -> None:
    disk = Disk()
    group = GroupCommit(disk.commit)
    results = await asyncio.gather(
        *(group.write(an_append(run)) for run in ("a", "away")), return_exceptions=True
    )
    assert [type(result) for result in results] == [JournalUnavailable, JournalUnavailable]
    assert disk.batches == [["a", "away"]]


async def test_closing_waits_for_what_was_handed_over() -> None:
    disk = Disk()
    disk.gate.clear()
    group = GroupCommit(disk.commit)
    pending = asyncio.create_task(group.write(an_append("a")))
    await asyncio.sleep(0)
    closing = asyncio.create_task(group.close())
    await asyncio.sleep(0)
    assert not closing.done()
    disk.gate.set()
    await closing
    assert (await pending).head_seq == 0
    with pytest.raises(JournalUnavailable):
        await group.write(an_append("b"))
