"""An event loop whose clock moves only when nothing is left to do: a minute costs nothing, and the same seed
gives the same order of things. It has nothing that a life does not need, for a life is thousands of turns."""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any


class Stuck(AssertionError):
    """Everything waits, and nothing will ever happen."""


class _Turn(asyncio.TimerHandle):
    """One callback. `gone` tells whether it was cancelled or has been called."""

    __slots__ = ("arguments", "at", "call", "gone", "within")

    def __init__(
        self, call: Callable[..., object], arguments: tuple[Any, ...], within: Context, at: float
    ) -> None:
        self.call = call
        self.arguments = arguments
        self.within = within
        self.at = at
        self.gone = False

    def cancel(self) -> None:
        self.gone = True

    def cancelled(self) -> bool:
        return self.gone

    def when(self) -> float:
        return self.at

    def __repr__(self) -> str:
        return f"<{self.call!r} at {self.at}>"


class VirtualLoop(asyncio.BaseEventLoop):
    """Without threads, signals and input: a wait moves the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._turns: deque[_Turn] = deque()
        self._later: list[tuple[float, int, _Turn | asyncio.Future[None]]] = []
        self._count = 0
        self._over = False

    def time(self) -> float:
        return self.now

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        turn = _Turn(callback, args, copy_context() if context is None else context, self.now)
        self._turns.append(turn)
        return turn

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        turn = _Turn(callback, args, copy_context() if context is None else context, when)
        self._count += 1
        heapq.heappush(self._later, (when, self._count, turn))
        return turn

    async def nap(self, seconds: float) -> None:
        """As `asyncio.sleep`, for half of its price."""
        over: asyncio.Future[None] = asyncio.Future(loop=self)
        self._count += 1
        heapq.heappush(self._later, (self.now + seconds, self._count, over))
        await over

    def stop(self) -> None:
        self._over = True
        super().stop()

    def _run_once(self) -> None:
        """What `run_forever` calls; here it is all turns until `stop`."""
        turns = self._turns
        self._over = False
        while not self._over:
            if not turns:
                self._leap()
                continue
            turn = turns.popleft()
            if turn.gone:
                continue
            turn.gone = True
            try:
                turn.within.run(turn.call, *turn.arguments)
            except Exception as error:
                self.call_exception_handler({"message": f"a fault in {turn!r}", "exception": error})

    def _leap(self) -> None:
        """To the moment at which there is something to do again."""
        if not self._later:
            raise Stuck("everything waits, and nothing will ever happen")
        at, _, what = heapq.heappop(self._later)
        if isinstance(what, _Turn):
            if what.gone:
                return
            self._turns.append(what)
        elif what.done():
            return
        else:
            what.set_result(None)
        self.now = max(self.now, at)

    def close(self) -> None:
        self._turns.clear()
        self._later.clear()
        super().close()


async def nap(seconds: float) -> None:
    """In the loop of a life."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    await loop.nap(seconds)


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
