"""Waiting for a store that is away: nothing that the engine must do is given up for that."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import JournalUnavailable

T = TypeVar("T")
FIRST_SECONDS = 0.05
LONGEST_SECONDS = 2.0


async def retried(call: Callable[[], Awaitable[T]], clock: Clock) -> T:
    """The answer of `call`, which is idempotent, once the journal can be used."""
    delay = FIRST_SECONDS
    while True:
        try:
            return await call()
        except JournalUnavailable:
            await clock.sleep(delay)
            delay = min(delay * 2, LONGEST_SECONDS)
