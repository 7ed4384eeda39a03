"""What of a limit on calls is one process's while nobody counts for all of them: its part.

The parts of all processes add up to the limit; but each has one call at once at least, so that runs go on,
unless the limit is none at all. So a limit is passed only where there are more processes than it has calls,
by their difference.
"""

import contextlib
from dataclasses import replace

from flowmatik.contracts.limits import Limit
from flowmatik.core.engine.throttle import burst_of
from flowmatik.core.journal.port import Journal
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import JournalUnavailable

FRESH_SECONDS = 1.0


class Peers:
    """How many processes there are, as of a second ago; of a journal that is away, as last known."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._known = 1
        self._read_at = float("-inf")

    async def count(self) -> int:
        now = self._clock.monotonic()
        if now - self._read_at >= FRESH_SECONDS:
            with contextlib.suppress(JournalUnavailable):
                self._known = max(await self._journal.peers(), 1)
            self._read_at = now
        return self._known


def part_of(limit: Limit, processes: int) -> Limit:
    """Of one among so many processes."""
    most, rate = limit.most, limit.per_minute
    burst = burst_of(limit)
    return replace(
        limit,
        most=max(most // processes, min(most, 1)) if most is not None else None,
        per_minute=rate / processes if rate is not None else None,
        burst=max(burst // processes, min(burst, 1)) if rate is not None else limit.burst,
    )
