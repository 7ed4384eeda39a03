"""Wakes those who watch a run when its journal has grown; a hint, never the truth."""

import asyncio
from collections import defaultdict


class Watch:
    def __init__(self) -> None:
        self._events: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def changed(self, run_id: str) -> None:
        for event in self._events.get(run_id, ()):
            event.set()

    async def wait(self, run_id: str, seconds: float) -> None:
        """Until the run changed, or for `seconds` (another process may drive it)."""
        event = asyncio.Event()
        self._events[run_id].add(event)
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return
        finally:
            self._events[run_id].discard(event)
            if not self._events[run_id]:
                del self._events[run_id]
