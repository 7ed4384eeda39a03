"""An event loop on which time passes only when nothing is left to do: a minute costs nothing, and
the same seed gives the same order of things."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class Stuck(AssertionError):
    """Everything waits, and nothing will ever happen."""


class _Leaps(selectors.SelectSelector):
    """Nothing outside is waited for: a wait moves the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Stuck("everything waits, and nothing will ever happen")
        self.now += max(timeout, 0.0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._leaps = _Leaps()
        super().__init__(self._leaps)

    def time(self) -> float:
        return self._leaps.now


def run(main: Coroutine[Any, Any, None]) -> None:
    """To its end, and then ends whatever it has left behind."""
    loop = VirtualLoop()
    try:
        loop.run_until_complete(main)
    finally:
        while left := asyncio.all_tasks(loop):  # one that is ended may begin another, or wait on its way out
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.wait(left, timeout=1.0))
        loop.close()
