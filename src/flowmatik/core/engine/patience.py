"""Waiting for a store that is away: nothing that the engine must do is given up for that."""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import JournalUnavailable

log = logging.getLogger(__name__)
T = TypeVar("T")
FIRST_SECONDS = 0.05
LONGEST_SECONDS = 2.0
AWAY_SECONDS = 0.2
FAULT_SECONDS = 1.0
QUIET_SECONDS = 30.0


async def retried(call: Callable[[], Awaitable[T]], clock: Clock, *, run_id: str = "") -> T:
    """The answer of `call`, which is idempotent, once the journal can be used."""
    delay = FIRST_SECONDS
    while True:
        try:
            return await call()
        except JournalUnavailable as error:
            if run_id and delay == FIRST_SECONDS:  # once an outage
                log.warning(
                    "the journal is away; the run waits for it", extra={"run": run_id, "error": error.message}
                )
            await clock.sleep(delay)
            delay = min(delay * 2, LONGEST_SECONDS)


async def forever(work: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """Whatever happens in `work`, it is begun again: without its loops a process would be dead and seem
    alive. A store that is away is not said at every try."""
    quiet_until = float("-inf")
    while True:
        try:
            await work()
        except JournalUnavailable as error:
            if clock.monotonic() >= quiet_until:
                quiet_until = clock.monotonic() + QUIET_SECONDS
                log.warning("the journal is away", extra={"error": error.message})
            await clock.sleep(AWAY_SECONDS)
        except Exception:
            log.exception("a fault in one of the engine's loops; it goes on")
            await clock.sleep(FAULT_SECONDS)
