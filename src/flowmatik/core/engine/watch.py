"""Wakes those who watch a run when its journal has grown or come to rest; a hint, never the truth."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from flowmatik.contracts.runs import RunStatus
from flowmatik.core.journal.port import StoredEvent
from flowmatik.core.state import RunState

MOST_CHARACTERS = 200_000  # of payloads that a reader has not taken yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Rested:
    """How a run was left by the driver that had it: all of `state` is in the journal."""

    state: RunState
    status: RunStatus


class Watch:
    """One for appends (`changed`), one for runs that this process has let go of (`rested`)."""

    def __init__(self) -> None:
        self._growing: defaultdict[str, set[Growing]] = defaultdict(set)
        self._resting: defaultdict[str, set[Resting]] = defaultdict(set)

    def changed(self, run_id: str, events: Sequence[StoredEvent] = ()) -> None:
        """By these `events`, which are durable; without them, by what has to be read."""
        for reader in self._growing.get(run_id, ()):
            reader.tell(events)

    def rested(self, run_id: str, left: Rested | None) -> None:
        """`left` is None when the driver lost the run or could not say."""
        for reader in self._growing.get(run_id, ()):
            reader.rest(left)
        for waiter in self._resting.get(run_id, ()):
            waiter.tell(left)

    @contextmanager
    def growing(self, run_id: str) -> "Generator[Growing]":
        """Hears from now on that the run's journal grew."""
        heard = Growing()
        self._growing[run_id].add(heard)
        try:
            yield heard
        finally:
            self._growing[run_id].discard(heard)
            if not self._growing[run_id]:
                del self._growing[run_id]

    @contextmanager
    def resting(self, run_id: str) -> "Generator[Resting]":
        """Hears from now on how the run is left here: who asks the store after that misses nothing."""
        heard = Resting()
        self._resting[run_id].add(heard)
        try:
            yield heard
        finally:
            self._resting[run_id].discard(heard)
            if not self._resting[run_id]:
                del self._resting[run_id]


class Growing:
    """What one reader of events hears. What it does not take in time it has to read, so that a slow one
    holds little."""

    def __init__(self) -> None:
        self._woken = asyncio.Event()
        self._told: list[StoredEvent] = []
        self._characters = 0
        self._left: Rested | None = None

    def tell(self, events: Sequence[StoredEvent]) -> None:
        self._characters += sum(len(one.payload) for one in events)
        if self._characters <= MOST_CHARACTERS:
            self._told += events
        else:
            self._told.clear()
        self._woken.set()

    def rest(self, left: Rested | None) -> None:
        self._left = left
        self._woken.set()

    async def more(self, seconds: float) -> None:
        """Until it grew or came to rest after the last call, or for `seconds` (another process may drive
        it)."""
        giving_up = asyncio.get_running_loop().call_later(seconds, self._woken.set)
        try:
            await self._woken.wait()
        finally:
            giving_up.cancel()
        self._woken.clear()

    def taken(self, after: int) -> tuple[list[StoredEvent], Rested | None]:
        """What was told since the last call: the events behind `after`, none if some are missing in between;
        and how the run was left."""
        events, left = [one for one in self._told if one.seq > after], self._left
        self._told, self._characters, self._left = [], 0, None
        whole = events and events[-1].seq == after + len(events)
        return events if whole else [], left


class Resting:
    """What one waiter hears."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[Rested | None] = asyncio.get_running_loop().create_future()

    def tell(self, left: Rested | None) -> None:
        if self._answer.done():  # nobody has taken in what came before, of which this is the newest
            self._answer = self._answer.get_loop().create_future()
        self._answer.set_result(left)

    async def left(self, seconds: float) -> Rested | None:
        """How the run was left since the last call; None when it was not, or nobody could say, within
        `seconds`."""
        answer = self._answer
        giving_up = answer.get_loop().call_later(seconds, _give_up, answer)
        try:
            left = await answer
        finally:
            giving_up.cancel()
        if self._answer is answer:  # else something more was told meanwhile
            self._answer = answer.get_loop().create_future()
        return left


def _give_up(answer: "asyncio.Future[Rested | None]") -> None:
    if not answer.done():
        answer.set_result(None)


class Nudges:
    """Tells the engine of this process that a run may have something to do, once it is there."""

    def __init__(self) -> None:
        self.nudge: Callable[[str], None] = _unheard


def _unheard(run_id: str) -> None:
    """The store marks it as ready; the engine looks there."""
