"""Time is injected: code that asks for the time takes a `Clock`."""

import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

PROMPT_SECONDS = 0.5


class Clock(Protocol):
    def now(self) -> datetime:
        """Wall time, aware, in UTC. May jump; never used for a lease or a timeout."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go backwards."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Where the system can tell, the seconds that it slept are among them: a lease runs out meanwhile."""
        if sys.platform == "linux":
            return time.clock_gettime(time.CLOCK_BOOTTIME)
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SharedClock:
    """The wall time of a store that many processes share, whatever the clock of this machine says or jumps
    to; that one's until the store has told its own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: tuple[datetime, float] | None = None

    def now(self) -> datetime:
        if self._told is None:
            return self._clock.now()
        moment, at = self._told
        return moment + timedelta(seconds=self.monotonic() - at)

    def tell(self, moment: datetime, *, asked: float) -> None:
        """What the store's clock said, between `asked` (of `monotonic`) and now. An answer that was long on
        its way says little, and nothing to who knows the time already."""
        answered = self.monotonic()
        if self._told is None or answered - asked <= PROMPT_SECONDS:
            self._told = moment, (asked + answered) / 2

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
