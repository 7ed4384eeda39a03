"""Wakes those who watch a run when its journal has grown or come to rest; a hint, never the truth."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from flowmatik.contracts.runs import RunStatus
from flowmatik.core.state import RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class Rested:
    """How a run was left by the driver that had it: all of `state` is in the journal."""

    state: RunState
    status: RunStatus


class Watch:
    """One for appends (`changed`), one for runs that this process has let go of (`rested`)."""

    def __init__(self) -> None:
        self._growing: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._resting: defaultdict[str, set[asyncio.Future[Rested | None]]] = defaultdict(set)

    def changed(self, run_id: str) -> None:
        for event in self._growing.get(run_id, ()):
            event.set()

    def rested(self, run_id: str, left: Rested | None) -> None:
        """`left` is None when the driver lost the run or could not say."""
        self.changed(run_id)
        for answer in self._resting.get(run_id, ()):
            _answer(answer, left)

    async def growth(self, run_id: str, seconds: float) -> None:
        """Until the run's journal grew, or for `seconds` (another process may drive it)."""
        event = asyncio.Event()
        self._growing[run_id].add(event)
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return
        finally:
            self._growing[run_id].discard(event)
            if not self._growing[run_id]:
                del self._growing[run_id]

    async def rest(self, run_id: str, seconds: float) -> Rested | None:
        """How the run was left here; None when it was not, within `seconds`."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Rested | None] = loop.create_future()
        self._resting[run_id].add(answer)
        giving_up = loop.call_later(seconds, _answer, answer, None)
        try:
            return await answer
        finally:
            giving_up.cancel()
            self._resting[run_id].discard(answer)
            if not self._resting[run_id]:
                del self._resting[run_id]


def _answer(waiting: "asyncio.Future[Rested | None]", left: Rested | None) -> None:
    if not waiting.done():
        waiting.set_result(left)


class Nudges:
    """Tells the engine of this process that a run may have something to do, once it is there."""

    def __init__(self) -> None:
        self.nudge: Callable[[str], None] = _unheard


def _unheard(run_id: str) -> None:
    """The store marks it as ready; the engine looks there."""
