"""The books of money: no cap is passed, and no call is refused that would have fitted beside what had been
spent when it was."""

from collections.abc import Iterator, Sequence

from flowmatik.agents.loop import ReducerLoop
from flowmatik.core import events as ev
from flowmatik.core.engine.budgets import payer_of
from flowmatik.core.fold import apply, fold
from flowmatik.core.journal.port import StoredEvent
from flowmatik.core.state import RunState
from tests.simulation.reading import decoded
from tests.simulation.world import WORST_MICROS


def check_money(cap: int, histories: Sequence[list[StoredEvent]]) -> None:
    """`cap` is the one that all of these runs share."""
    spent = sorted(cost for history in histories for cost in _costs(history))
    total = sum(micros for _, micros in spent)
    assert total <= cap, f"{total} spent of a shared cap of {cap}"
    for history in histories:
        for state, at, event in _refusals(history):
            by_then = sum(micros for when, micros in spent if when <= at)
            limit, used = _limit(state, event, cap, by_then)
            told = f"{state.created.run_id}: {used} of {limit} were spent: {event}"
            assert used + WORST_MICROS > limit, f"a call is refused that would fit; {told}"
        _check_tasks(fold(history, ReducerLoop()))


def _check_tasks(state: RunState) -> None:
    for task_id in state.tasks:
        most, used = payer_of(state, task_id).cap_micros, state.spent_on.get(task_id, 0)
        assert most is None or used <= most, f"{task_id} of {state.created.run_id}: {used} of {most}"


def _limit(state: RunState, event: ev.CallRefused, cap: int, spent_by_all: int) -> tuple[int, int]:
    """The cap that refused, and what had been spent under it."""
    if event.of_task:
        most = payer_of(state, event.task_id).cap_micros
        assert most is not None
        return most, state.spent_on.get(event.task_id, 0)
    if "caps" in event.values:
        return cap, spent_by_all
    assert state.created.budget_micros is not None
    return state.created.budget_micros, state.spent_micros


def _costs(history: list[StoredEvent]) -> Iterator[tuple[str, int]]:
    for stored in history:
        event = decoded(stored)
        if isinstance(event, ev.CallSucceeded | ev.CallFailed):
            yield stored.at, event.cost_micros


def _refusals(history: list[StoredEvent]) -> Iterator[tuple[RunState, str, ev.CallRefused]]:
    """Each with the state that it met."""
    state = fold(history[:1], ReducerLoop())
    for stored in history[1:]:
        event = decoded(stored)
        if isinstance(event, ev.CallRefused):
            yield state, stored.at, event
        apply(state, event, ReducerLoop())
        if isinstance(event, ev.CallRequested):
            _check_budget(state)


def _check_budget(state: RunState) -> None:
    """A call is begun only within the budget of that moment, which may be lowered while it is under way."""
    used = state.spent_micros + state.reserved_micros + state.reserved_below
    most = state.created.budget_micros
    assert most is None or used <= most, f"{used} of {most}: {state.created.run_id}"
