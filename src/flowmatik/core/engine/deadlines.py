"""Hears of a run's deadline: by seconds while it is driven, by a timer of the journal while it rests."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from flowmatik.core import events as ev
from flowmatik.core.journal.port import NewTimer
from flowmatik.core.state import RunState
from flowmatik.kernel.clock import Clock

DEADLINE_TIMER = "deadline"


def deadline_timer(state: RunState) -> str:
    """A deadline that was moved has a timer of its own: the first one's may have fired, and fires once."""
    return f"{DEADLINE_TIMER}:{state.created.deadline_at}" if state.deadline_moved else DEADLINE_TIMER


def deadline_timers(state: RunState) -> tuple[NewTimer, ...]:
    at = state.created.deadline_at
    return (NewTimer(timer_id=deadline_timer(state), due_at=at),) if at else ()


def is_news(event: ev.DeadlinePassed, state: RunState) -> bool:
    """Whether the deadline is the run's, as it is now, and was not known to have passed."""
    return not (state.deadline_passed or state.ended) and event.deadline_at == state.created.deadline_at


class DeadlineWatch:
    """By seconds, which go on when the wall clock is set back."""

    def __init__(self, clock: Clock, tell: Callable[[ev.DeadlinePassed], None], run_id: str) -> None:
        self._clock = clock
        self._tell = tell
        self._run_id = run_id
        self._task: asyncio.Task[None] | None = None

    def follow(self, at: str) -> None:
        """From now on this deadline, in place of any other; none for ""."""
        self.stop()
        if at:
            self._task = asyncio.create_task(self._wait(at), name=f"deadline:{self._run_id}")

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _wait(self, at: str) -> None:
        left = datetime.fromisoformat(at) - self._clock.now()
        await self._clock.sleep(max(left.total_seconds(), 0.0))
        self._tell(ev.DeadlinePassed(deadline_at=at))
