"""The books of what was taken back: never twice, never without its step, the last one first."""

from collections.abc import Sequence

from flowmatik.contracts.runs import RunStatus
from flowmatik.core import events as ev
from flowmatik.core.journal.port import StoredEvent
from flowmatik.core.state import RunState
from tests.simulation.reading import decoded
from tests.simulation.world import World


def undoing_of(task_id: str) -> str:
    """The step under which the far side knows it."""
    return f"undo-{task_id}"


def check_undoing(world: World, state: RunState, history: Sequence[StoredEvent], told: str) -> None:
    acted, asked = _acted(history), _asked(history)
    assert len(asked) == len(set(asked)), f"asked twice to take back: {asked} {told}"
    steps = [name for name in _settled(state, history, told) if name in asked]
    assert asked == steps, f"taken back as {asked} and not as {steps}: {told}"
    for task_id in state.tasks:
        times = world.far.times(f"{state.created.run_id}/{undoing_of(task_id)}")
        assert times <= 1, f"{task_id} was taken back {times} times: {told}"
        assert not times or task_id in acted, f"{task_id} was taken back and never done: {told}"
        undone = state.undone.get(task_id)
        if undone is not None and undone.status == "succeeded":
            assert times == 1, f"{task_id} is said to be taken back and is not: {told}"
    if state.hard or state.status is RunStatus.SUCCEEDED or state.error_code in ev.BY_THE_ENGINE:
        return
    due = {name for name in acted if state.tasks[name].spec.compensation is not None}
    assert state.undone.keys() == due, f"{due} had to be taken back, and {[*state.undone]} was: {told}"
    left = {name: one.status for name, one in state.undone.items() if one.status in ("pending", "running")}
    assert not left, f"the run ended before {left} was taken back: {told}"


def _settled(state: RunState, history: Sequence[StoredEvent], told: str) -> list[str]:
    """What was to be taken back, in that order: all that was done by then, the last first; then what turned
    out meanwhile to have been done."""
    settled: list[str] = []
    for at, stored in enumerate(history):
        event = decoded(stored)
        if isinstance(event, ev.CompensationBegun):
            acted = [name for name in reversed(_acted(history[:at])) if name not in settled]
            due = [name for name in acted if state.tasks[name].spec.compensation is not None]
            assert [*event.task_ids] == due, f"{due} had to be taken back, not {event.task_ids}: {told}"
            settled += due
    return settled


def _acted(history: Sequence[StoredEvent]) -> list[str]:
    """Tasks whose step succeeded, in that order."""
    calls: dict[str, str] = {}
    found: list[str] = []
    for event in map(decoded, history):
        if isinstance(event, ev.CallRequested) and event.purpose == "step":
            calls[event.call_id] = event.task_id
        elif isinstance(event, ev.CallSucceeded) and event.call_id in calls:
            found.append(calls[event.call_id])
    return found


def _asked(history: Sequence[StoredEvent]) -> list[str]:
    return [
        event.task_id
        for event in map(decoded, history)
        if isinstance(event, ev.CallRequested) and event.purpose == "compensate"
    ]
