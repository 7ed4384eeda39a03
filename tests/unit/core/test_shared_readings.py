"""What many ask for at one moment is read once, and a refusal is not forgotten for it."""

import asyncio

import pytest

from flowmatik.contracts.limits import QUEUED, Limit
from flowmatik.core.engine.limits import KnownLimits
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.limits import Backlog
from flowmatik.kernel.errors import JournalUnavailable, Unavailable
from flowmatik.testing.clock import SkippingClock

WS = "default"


class Counting(InMemoryJournal):
    """Takes a moment for each reading."""

    def __init__(self, clock: SkippingClock) -> None:
        super().__init__(clock)
        self.counted = self.listed = self.waiting = 0
        self.away = False

    async def queued(self, workspace_id: str) -> int:
        self.counted += 1
        await asyncio.sleep(0)
        if self.away:
            raise JournalUnavailable("away")
        return self.waiting

    async def limits(self) -> list[Limit]:
        self.listed += 1
        await asyncio.sleep(0)
        if self.away:
            raise JournalUnavailable("away")
        return [Limit(workspace_id=WS, scope=QUEUED, most=5)]


async def _known() -> tuple[SkippingClock, Counting, Backlog]:
    clock = SkippingClock()
    journal = Counting(clock)
    backlog = Backlog(journal, KnownLimits(journal, clock), clock)
    await backlog.check(WS)
    await clock.sleep(2.0)
    journal.counted = journal.listed = 0
    return clock, journal, backlog


async def test_of_fifty_who_begin_runs_at_one_moment_one_counts_those_that_wait() -> None:
    _, journal, backlog = await _known()

    await asyncio.gather(*(backlog.check(WS) for _ in range(50)))

    assert (journal.counted, journal.listed) == (1, 1)


async def test_a_refusal_is_looked_at_again_by_the_next_who_asks() -> None:
    _, journal, backlog = await _known()
    journal.waiting = 5

    for _ in range(2):
        with pytest.raises(Unavailable, match="5 runs of this workspace wait already"):
            await backlog.check(WS)
    journal.waiting = 4
    await backlog.check(WS)

    assert journal.counted == 3


async def test_after_a_reading_that_failed_the_next_who_asks_reads() -> None:
    _, journal, backlog = await _known()
    journal.away = True
    with pytest.raises(JournalUnavailable):
        await backlog.check(WS)
    journal.away = False

    await backlog.check(WS)

    assert (journal.counted, journal.listed) == (1, 2)
