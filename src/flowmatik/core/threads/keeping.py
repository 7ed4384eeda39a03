"""Looks after what processes left undone when they ended between two steps of a thread, and after threads
whose time is up."""

import asyncio
import logging

from flowmatik.core.threads.expiry import ThreadExpiry
from flowmatik.core.threads.store import ThreadStore
from flowmatik.core.threads.turns import Turns
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import FlowmatikError

log = logging.getLogger(__name__)
EVERY_SECONDS = 10.0
EXPIRY_SECONDS = 3_600.0


class ThreadKeeper:
    """`everywhere` sees the threads of all workspaces."""

    def __init__(self, everywhere: ThreadStore, turns: Turns, expiry: ThreadExpiry, clock: Clock) -> None:
        self._everywhere = everywhere
        self._turns = turns
        self._expiry = expiry
        self._expired_at = float("-inf")
        self._clock = clock
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._loop = asyncio.create_task(self._forever(), name="threads")

    async def stop(self) -> None:
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    async def _forever(self) -> None:
        while True:
            try:
                await self.look()
                if self._clock.monotonic() - self._expired_at >= EXPIRY_SECONDS:
                    await self._expiry.sweep()
                    self._expired_at = self._clock.monotonic()
            except FlowmatikError as error:
                log.warning("threads wait for the store", extra={"error": error.message})
            await self._clock.sleep(EVERY_SECONDS)

    async def look(self) -> int:
        """Every thread that lacks a step takes it now; how many there were."""
        stuck = await self._everywhere.stuck()
        for workspace_id, thread_id in stuck:
            try:
                await self._turns.advance(workspace_id, thread_id)
            except FlowmatikError as error:  # it keeps no other from its step
                log.warning("a thread cannot go on", extra={"thread": thread_id, "error": error.message})
        return len(stuck)
