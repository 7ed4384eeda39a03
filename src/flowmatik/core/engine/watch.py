"""Wakes those who watch a run when its journal has grown or come to rest; a hint, never the truth."""

import asyncio
from collections import defaultdict


class Watch:
    """One for appends (`changed`), one for runs that this process has let go of (`rested`)."""

    def __init__(self) -> None:
        self._growing: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._resting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def changed(self, run_id: str) -> None:
        for event in self._growing.get(run_id, ()):
            event.set()

    def rested(self, run_id: str) -> None:
        self.changed(run_id)
        for event in self._resting.get(run_id, ()):
            event.set()

    async def growth(self, run_id: str, seconds: float) -> None:
        """Until the run's journal grew, or for `seconds` (another process may drive it)."""
        await _wait(self._growing, run_id, seconds)

    async def rest(self, run_id: str, seconds: float) -> None:
        """Until the run ended or parked here, or for `seconds`."""
        await _wait(self._resting, run_id, seconds)


async def _wait(waiting: defaultdict[str, set[asyncio.Event]], run_id: str, seconds: float) -> None:
    event = asyncio.Event()
    waiting[run_id].add(event)
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
    finally:
        waiting[run_id].discard(event)
        if not waiting[run_id]:
            del waiting[run_id]
