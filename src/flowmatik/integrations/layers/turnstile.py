"""Lets calls of one deployment through in the order in which they came."""

import asyncio
from collections import deque

from flowmatik.integrations.layers.share import Need, Place, Share
from flowmatik.kernel.clock import Clock

LOOK_SECONDS = 1.0  # then it is asked again: other processes may have given something back


class Turnstile:
    """Only the first in the queue asks the share for its turn: nobody overtakes, and however many wait, one
    asks."""

    def __init__(self, place: Place, share: Share, clock: Clock) -> None:
        self._place = place
        self._share = share
        self._clock = clock
        self._queue: deque[asyncio.Event] = deque()

    async def enter(self, need: Need, deadline: float) -> bool:
        """Whether its turn came before `deadline` (of the clock's `monotonic`); it is known at once when
        it cannot."""
        woken = asyncio.Event()
        self._queue.append(woken)
        entered = False
        try:
            while True:
                first = self._queue[0] is woken
                wait = await self._share.enter(self._place, need) if first else None
                if wait is not None and wait <= 0:
                    entered = True
                    return True
                left = deadline - self._clock.monotonic()
                if left <= 0 or (wait is not None and wait > left + LOOK_SECONDS):
                    return False
                await self._woken(woken, left if wait is None else min(wait, left, LOOK_SECONDS))
        finally:
            self._queue.remove(woken)
            self._wake()
            if not entered:
                await self._share.leave(self._place, need, 0)

    async def leave(self, need: Need, used: int | None) -> None:
        await self._share.leave(self._place, need, used)
        self._wake()

    async def pause(self, seconds: float) -> None:
        await self._share.pause(self._place, seconds)

    def _wake(self) -> None:
        if self._queue:
            self._queue[0].set()

    async def _woken(self, woken: asyncio.Event, seconds: float) -> None:
        """When somebody left, or after `seconds`."""
        waiting = (asyncio.ensure_future(self._clock.sleep(seconds)), asyncio.ensure_future(woken.wait()))
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        woken.clear()
