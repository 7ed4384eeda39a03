"""The books of money: no cap is passed, and no call is refused that would have fitted beside what had been
spent when it was."""

from collections.abc import Iterator, Sequence

from flowmatik.core import events as ev
from flowmatik.core.engine.budgets import payer_of
from flowmatik.core.journal.port import Cap, StoredEvent
from flowmatik.core.state import RunState
from tests.simulation.reading import decoded
from tests.simulation.steps import Walk
from tests.simulation.world import WORST_MICROS


def check_money(cap: int, histories: Sequence[list[StoredEvent]], walks: Sequence[Walk]) -> None:
    """`cap` is the one that all of these runs share."""
    spent = sorted(cost for history in histories for cost in costs(history))
    kept = sorted(cost for history in histories for cost in _kept(history))
    total = sum(micros for _, micros in spent)
    assert total <= cap, f"{total} spent of a shared cap of {cap}"
    for walk in walks:
        for one in walk.refusals:
            by_then = sum(micros for when, micros in (*spent, *kept) if when <= one.at)
            limit, used = (cap, by_then) if one.most is None else (one.most, one.used)
            told = f"{used} of {limit} were spent: {one.told}"
            assert used + WORST_MICROS > limit, f"a call is refused that would fit; {told}"
        _check_tasks(walk.state)


def check_rows(caps: Sequence[Cap], states: Sequence[RunState]) -> None:
    """Once all runs are at rest every cap has what was spent under it, and nothing else. The row of a
    workspace's period begins with what the period's runs had cost until then, so that at midnight, by clocks
    that differ, a call may count in two periods: never in none."""
    for cap in caps:
        spent = sum(state.charged.get(cap.scope, 0) + state.charged_to_all for state in states)
        most, (of, _, period) = spent, cap.scope.partition(":")
        if period and of.startswith("workspace/"):
            most = sum(micros for state in states for scope, micros in state.charged.items() if of in scope)
            most += sum(state.charged_to_all for state in states)
        told = f"{cap.scope} has {cap.granted_micros}, and {spent} were spent"
        assert spent <= cap.granted_micros <= most, told


def _check_tasks(state: RunState) -> None:
    for task_id in state.tasks:
        most, used = payer_of(state, task_id).cap_micros, state.spent_on.get(task_id, 0)
        assert most is None or used <= most, f"{task_id} of {state.created.run_id}: {used} of {most}"


def costs(history: list[StoredEvent]) -> Iterator[tuple[str, int]]:
    """A call in doubt counts as made once its run has ended."""
    asked: dict[str, int] = {}
    for stored in history:
        if not stored.type.startswith(("Call", "Run")):
            continue
        event = decoded(stored)
        if isinstance(event, ev.CallRequested):
            asked[event.call_id] = event.reserved_micros
        elif isinstance(event, ev.CallSucceeded | ev.CallFailed):
            del asked[event.call_id]
            yield stored.at, event.cost_micros
        elif isinstance(event, ev.RunSucceeded | ev.RunFailed | ev.RunCancelled):
            yield stored.at, sum(asked.values())


def _kept(history: list[StoredEvent]) -> Iterator[tuple[str, int]]:
    """What was set aside to take steps back, and for calls in doubt. Others may have it again once people
    have decided, or the run has ended and was settled; nobody wrote down when, so it counts for ever."""
    asked: dict[str, int] = {}
    costs: dict[str, int] = {}
    for event, stored in ((decoded(stored), stored) for stored in history if stored.type.startswith("Call")):
        if isinstance(event, ev.CallRequested) and event.kind == "tool":
            asked[event.call_id], costs[event.call_id] = event.undo_micros, event.reserved_micros
        elif isinstance(event, ev.CallInDoubt):
            yield stored.at, asked[event.call_id] + costs[event.call_id]
        elif isinstance(event, ev.CallSucceeded) and event.call_id in asked:
            yield stored.at, asked[event.call_id]
