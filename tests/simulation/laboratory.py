"""What a life is lived under, so that it is quick, and the same every time."""

import gc
import logging
import random
import signal
import traceback
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from unittest.mock import patch
from uuid import UUID

from flowmatik.core.engine import housekeeping
from flowmatik.kernel import ids

TIMER_POLL_SECONDS = 0.5  # a quarter of all that lives did was to look for timers
LONGEST_CPU_SECONDS = 60.0  # of one life, which needs some hundredths


class _Spins(BaseException):
    """Not to be survived by what spins."""


@contextmanager
def quiet() -> Generator[None]:
    """Without log lines, and without collections of garbage."""
    noise = logging.getLogger("flowmatik")
    before, noise.disabled = noise.level, True
    noise.setLevel(logging.CRITICAL)
    gc.collect()  # what the life before has left, for whatever looks through all tasks
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        noise.disabled = False
        noise.setLevel(before)


def settled() -> None:
    """What is loaded by now stays, and is not looked through at the beginning of every life."""
    gc.collect()
    gc.freeze()


class _Names:
    """Ids that come of the seed; each is greater than the one before, as those made by the clock."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._count = 0

    def uuid7(self) -> UUID:
        self._count += 1
        return UUID(int=(self._count << 64) | self._chance.getrandbits(64))


def named_by(seed: int) -> AbstractContextManager[object]:
    return patch.object(ids, "uuid_utils", _Names(seed))


def polling_seldom() -> AbstractContextManager[object]:
    return patch.object(housekeeping, "POLL_SECONDS", TIMER_POLL_SECONDS)


@contextmanager
def spinning_noticed() -> Generator[None]:
    """A loop that never waits would keep the clock from moving, for ever."""
    places: list[str] = []

    def stop(_: int, frame: FrameType | None) -> None:
        places.append("".join(traceback.format_stack(frame, limit=6)))
        raise _Spins

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST_CPU_SECONDS, 1.0)
    try:
        yield
    except _Spins:
        pass
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
        signal.signal(signal.SIGVTALRM, before)
    assert not places, f"something spins:\n{places[0]}"
