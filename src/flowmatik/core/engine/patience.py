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
