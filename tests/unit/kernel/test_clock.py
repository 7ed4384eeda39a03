"""The wall time that processes share with their store."""

from datetime import UTC, datetime, timedelta

import pytest

from flowmatik.kernel.clock import PROMPT_SECONDS, SharedClock, SystemClock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Machine(SystemClock):
    """Its seconds go on when told; its wall clock is set at will."""

    def __init__(self) -> None:
        self.wall, self.seconds = NOON, 100.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_until_the_store_has_told_its_time_the_machine_s_holds(machine: Machine) -> None:
    clock = SharedClock(machine)
    assert clock.now() == NOON
    machine.wall += timedelta(hours=1)
    assert clock.now() == NOON + timedelta(hours=1)


def test_afterwards_the_store_s_goes_on_whatever_the_wall_clock_does(machine: Machine) -> None:
    clock = SharedClock(machine)
    clock.tell(NOON - timedelta(hours=1), asked=100.0)
    machine.wall += timedelta(hours=5)
    machine.seconds += 2.5
    assert clock.now() == NOON - timedelta(hours=1) + timedelta(seconds=2.5)


def test_an_answer_is_of_the_middle_of_its_way(machine: Machine) -> None:
    clock = SharedClock(machine)
    clock.tell(NOON, asked=100.0 - PROMPT_SECONDS)
    assert clock.now() == NOON + timedelta(seconds=PROMPT_SECONDS / 2)


def test_an_answer_that_was_long_on_its_way_changes_nothing_but_is_better_than_none(machine: Machine) -> None:
    clock = SharedClock(machine)
    clock.tell(NOON, asked=90.0)
    assert clock.now() == NOON + timedelta(seconds=5)
    clock.tell(NOON + timedelta(minutes=1), asked=90.0)
    assert clock.now() == NOON + timedelta(seconds=5)
