"""What is one process's of a limit, while nobody counts for all."""

import pytest

from flowmatik.contracts.limits import Limit
from flowmatik.core.engine.peers import Peers, part_of
from flowmatik.core.engine.throttle import LocalThrottle, Turn
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.kernel.errors import JournalUnavailable
from flowmatik.testing.clock import SkippingClock


@pytest.mark.parametrize("processes", [1, 2, 3, 7, 50])
def test_the_parts_of_all_processes_are_the_limit_but_for_one_call_each(processes: int) -> None:
    limit = Limit(workspace_id="a", scope="model:m", most=10, per_minute=90.0, burst=20)
    part = part_of(limit, processes)
    assert part.most is not None
    assert part.per_minute is not None
    assert part.burst is not None
    assert 1 <= part.most * processes <= max(10, processes)
    assert part.per_minute * processes == pytest.approx(90.0)
    assert 1 <= part.burst * processes <= max(20, processes)


def test_a_part_of_no_limit_is_none_and_of_nothing_at_all_nothing() -> None:
    assert part_of(Limit(workspace_id="a", scope="tool:t"), 3) == Limit(workspace_id="a", scope="tool:t")
    closed = part_of(Limit(workspace_id="a", scope="tool:t", most=0, per_minute=0.0, burst=0), 3)
    assert (closed.most, closed.per_minute, closed.burst) == (0, 0.0, 0)


async def test_the_processes_of_a_journal_that_is_away_are_those_last_known() -> None:
    class Away(InMemoryJournal):
        away = False

        async def peers(self) -> int:
            if self.away:
                raise JournalUnavailable("away")
            return await super().peers()

    clock = SkippingClock()
    journal = Away(clock)
    peers = Peers(journal, clock)
    assert await peers.count() == 1, "itself, before it is known to the journal"
    for name in "abc":
        await journal.register_worker(name, ttl_seconds=60)
    assert await peers.count() == 1
    await clock.sleep(1.0)
    assert await peers.count() == 3
    journal.away = True
    await clock.sleep(1.0)
    assert await peers.count() == 3


async def test_the_rate_of_a_part_is_the_rate_divided() -> None:
    clock = SkippingClock()
    throttle = LocalThrottle(clock)
    part = part_of(Limit(workspace_id="a", scope="model:m", per_minute=60.0, burst=3), 3)
    asked = [await throttle.enter(Turn(ticket=str(n), limits=(part,), seconds=30)) for n in range(2)]
    assert asked[0] == 0
    assert 2.9 < asked[1] <= 3.0
