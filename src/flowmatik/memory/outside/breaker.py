"""Who does not answer is not asked again for a while, so that nobody waits for it each time."""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import FlowmatikError, InvalidInput, NotFound
from flowmatik.memory.index_faults import RENEWED

T = TypeVar("T")
PAUSE_SECONDS = 5.0
LONGEST_SECONDS = 60.0

_log = logging.getLogger(__name__)


class Breaker:
    """Of one index. After a fault calls fail at once, with that fault, for a pause that grows with each
    further one; then one call tries."""

    def __init__(self, index: str, clock: Clock) -> None:
        self._index = index
        self._clock = clock
        self._fault: FlowmatikError | None = None
        self._pause = PAUSE_SECONDS
        self._until = 0.0

    @property
    def open(self) -> bool:
        return self._fault is not None and self._clock.monotonic() < self._until

    async def call(self, work: Callable[[], Awaitable[T]]) -> T:
        """Raises what `work` raises. An index that says that it has nothing, or not of that kind, or
        begins anew, answers."""
        if self._fault is not None:
            now = self._clock.monotonic()
            if now < self._until:
                raise self._fault
            self._until = now + self._pause  # others wait for how this one fares
        try:
            result = await work()
        except (NotFound, InvalidInput):
            self._answered()
            raise
        except FlowmatikError as error:
            if error.code == RENEWED:
                self._answered()
            else:
                self._failed(error)
            raise
        self._answered()
        return result

    def _failed(self, error: FlowmatikError) -> None:
        if self._fault is None:
            _log.warning("an index cannot be used", extra={"index": self._index, "error": error.code})
            self._pause = PAUSE_SECONDS
        else:
            self._pause = min(2 * self._pause, LONGEST_SECONDS)
        self._fault, self._until = error, self._clock.monotonic() + self._pause

    def _answered(self) -> None:
        if self._fault is not None:
            _log.warning("an index can be used again", extra={"index": self._index})
        self._fault = None
