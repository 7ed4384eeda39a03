"""Who follows a run where it is driven is told what was appended, and reads only what it has to."""

import asyncio
from typing import Any

from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import NewRun
from flowmatik.core.engine import watch as watching
from flowmatik.core.engine.watch import Growing, Watch
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import Append, Appended, RunHead, StoredEvent
from flowmatik.kernel.clock import SystemClock
from tests.unit.core.engines import running_engine

WS = "default"
STEPS = 6
Seen = tuple[int, str, str, dict[str, Any]]
PLAN = tuple(
    PlanTask(id=f"s{n}", objective="", tool="echo", needs=(f"s{n - 1}",) if n else ()) for n in range(STEPS)
)


class Counted(InMemoryJournal):
    """Says how often it was read; with `forgets`, that it went down and not when, as after a lost reply."""

    reads = heads = 0
    forgets = False

    async def read(self, run_id: str, *, after_seq: int = 0, limit: int = 1000) -> list[StoredEvent]:
        self.reads += 1
        return await super().read(run_id, after_seq=after_seq, limit=limit)

    async def head(self, workspace_id: str | None, run_id: str) -> RunHead:
        self.heads += 1
        return await super().head(workspace_id, run_id)

    async def append(self, append: Append) -> Appended:
        done = await super().append(append)
        if not self.forgets:
            return done
        return Appended(head_seq=done.head_seq, inbox_tail=done.inbox_tail, parked=done.parked)


async def followed(journal: Counted) -> tuple[list[Seen], list[Seen]]:
    """What a follower got, and what the journal has."""
    got: list[Seen] = []
    async with running_engine(journal=journal) as engine, asyncio.timeout(120):
        run_id = await engine.runs.create(WS, NewRun(goal="x", plan=PLAN))
        async for one in engine.runs.events(WS, run_id, follow=True):
            got.append((one.seq, one.type, one.time, one.data))
        counts = journal.reads, journal.heads
        stored = [(one.seq, one.type, one.time, one.data) async for one in engine.runs.events(WS, run_id)]
        journal.reads, journal.heads = counts
    return got, stored


async def test_a_follower_gets_what_is_stored_and_reads_it_once() -> None:
    journal = Counted(SystemClock())
    got, stored = await followed(journal)
    assert got == stored
    assert len(got) > 3 * STEPS
    assert (journal.reads, journal.heads) == (1, 1)


async def test_what_went_down_at_a_time_that_nobody_knows_is_read() -> None:
    journal = Counted(SystemClock())
    journal.forgets = True
    got, stored = await followed(journal)
    assert got == stored
    assert journal.reads > STEPS


def event(seq: int, payload: str = "{}") -> StoredEvent:
    return StoredEvent(seq=seq, type="X", payload=payload, at="")


async def test_what_was_told_is_of_use_only_if_nothing_is_missing_in_between() -> None:
    for told, after, useful in (
        ((3, 4), 2, [3, 4]),
        ((1, 2, 3, 4), 2, [3, 4]),
        ((4, 5), 2, []),
        ((3, 5), 2, []),
        ((1, 2), 2, []),
    ):
        watch = Watch()
        with watch.growing("run_1") as heard:
            watch.changed("run_1", [event(seq) for seq in told])
            watch.changed("run_2", [event(9)])
            assert [one.seq for one in heard.taken(after)[0]] == useful
            assert heard.taken(after) == ([], None)


async def test_a_reader_that_takes_nothing_holds_little() -> None:
    heard, large = Growing(), "x" * (watching.MOST_CHARACTERS // 2)
    for seq in range(1, 20):
        heard.tell([event(seq, large)])
    assert heard.taken(0) == ([], None)
    heard.tell([event(20, large)])
    assert [one.seq for one in heard.taken(19)[0]] == [20]
