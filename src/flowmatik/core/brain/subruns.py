"""decide for a task that is a run of its own, or one for each of many items."""

from typing import Any

from flowmatik.contracts.plans import MapSpec, PlanTask, SubRunSpec
from flowmatik.core import events as ev
from flowmatik.core.brain.commands import Command, Record, StartCall, StartSubRun
from flowmatik.core.state import Fan, RunState, TaskState

ENGINE = "engine"  # the kind of calls that the engine answers itself


def advance(state: RunState, task: TaskState) -> list[Command]:
    """A task with `run` or `map`, all of whose needs have ended well."""
    if task.spec.map is not None:
        return _advance_map(state, task, task.spec.map)
    if task.error_code:
        return [_failed(task, task.error_code, task.error, task.error_values)]
    if task.step_done:
        return [Record(event=ev.TaskSucceeded(task_id=task.spec.id))]
    if task.spec.run is None or task.fan.begun:
        return []
    return _begin(state, task.spec, task.spec.run, item=None, slots=1)


def _advance_map(state: RunState, task: TaskState, spec: MapSpec) -> list[Command]:
    fan = task.fan
    if task.error_code:
        return [] if fan.open else [_failed(task, task.error_code, task.error, task.error_values)]
    if "items" not in task.asked:
        return [_own_call(task, "items")]
    if fan.count is None:
        return []
    stopped = _is_stopped(fan, spec)
    if fan.begun < fan.count and not stopped:
        free = spec.concurrency - fan.open
        if free <= 0:
            return []
        slots = min(free, fan.count - fan.begun)
        return _begin(state, task.spec, spec.run, item=fan.begun, slots=slots)
    if fan.open:
        return []
    if "collect" not in task.asked:
        return [_own_call(task, "collect")]
    if not task.step_done:
        return []
    return [_map_failed(task, fan) if stopped else Record(event=ev.TaskSucceeded(task_id=task.spec.id))]


def _is_stopped(fan: Fan, spec: MapSpec) -> bool:
    if spec.on_failure == "continue":
        return False
    most = 0 if spec.on_failure == "fail" else spec.on_failure
    return fan.failed + fan.cancelled > most


def _own_call(task: TaskState, purpose: str) -> StartCall:
    return StartCall(
        kind=ENGINE, name=f"map.{purpose}", purpose=purpose, task_id=task.spec.id, tool_call_id=purpose
    )


def _begin(
    state: RunState, task: PlanTask, spec: SubRunSpec, *, item: int | None, slots: int
) -> list[Command]:
    waits, wanted = shared_out(state, task, spec.budget_micros, slots=slots)
    if waits:
        return []
    command = StartSubRun(
        task_id=task.id, item=item, budget_micros=wanted, deadline_seconds=spec.deadline_seconds
    )
    return [command]


def shared_out(state: RunState, task: PlanTask, wanted: int | None, *, slots: int) -> tuple[bool, int | None]:
    """The budget of a sub-run. True: the money for it may come back from what is under way."""
    left = _left(state, task)
    if left is None:
        return False, wanted
    busy = bool(state.reserved_micros or state.reserved_below)
    share = left // slots
    if busy and (share <= 0 if wanted is None else left < wanted):
        return True, None
    return False, share if wanted is None else min(wanted, left)


def _left(state: RunState, task: PlanTask) -> int | None:
    """Of the run's budget and of the task's; None when neither has one."""
    found: list[int] = []
    if state.created.budget_micros is not None:
        found.append(state.created.budget_micros - state.tied_micros)
    if task.budget_micros is not None:
        spent = state.spent_on.get(task.id, 0) + state.reserved_for(task.id)
        found.append(task.budget_micros - spent)
    return max(min(found), 0) if found else None


def _map_failed(task: TaskState, fan: Fan) -> Record:
    lost = fan.failed + fan.cancelled
    values: dict[str, Any] = {"failed": lost, "items": fan.count or 0, "begun": fan.begun}
    message = f"{lost} of {fan.begun} items that were begun failed ({fan.count} in all)"
    return _failed(task, "map.failed", message, values)


def _failed(task: TaskState, code: str, message: str, values: dict[str, object]) -> Record:
    return Record(event=ev.TaskFailed(task_id=task.spec.id, code=code, message=message, values=dict(values)))
