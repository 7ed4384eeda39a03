"""Taking back what a run did before it ends: the compensations of its steps, the last one first.

They are decided once it is settled how the run ends and nothing else is under way; one that fails or is in
doubt keeps none of the others back. A step in doubt that turns out meanwhile to have been done is taken back
after them.
"""

from typing import Any, cast

from flowmatik.contracts.plans import Compensation, PlanTask
from flowmatik.core import events as ev
from flowmatik.core.brain.commands import Command, Record, StartCall
from flowmatik.core.brain.guarded_undo import guarded
from flowmatik.core.brain.placeholders import PLACEHOLDER, is_placeholder
from flowmatik.core.state import RunState, TaskState

_MISSING = object()


def before_end(state: RunState, end: ev.RunFailed | ev.RunCancelled) -> list[Command]:
    """What is to be done before the run ends in this way; the end itself when nothing is left."""
    if state.hard:
        return [Record(event=end)]
    if state.undoing is not None and (commands := _next(state)) is not None:
        return commands
    why = "cancel" if isinstance(end, ev.RunCancelled) else "failure"
    acted = (name for name in reversed(state.acted) if name not in state.undone)
    task_ids = tuple(name for name in acted if _applies(state.tasks[name].spec, why))
    return [Record(event=_begun(task_ids, why, end) if task_ids else end)]


def settled_end(state: RunState, now: str) -> ev.RunFailed | ev.RunCancelled | None:
    """How a run ends that has begun to take back what it did, whatever else happens meanwhile."""
    begun = state.undoing
    if begun is None or state.hard:
        return None
    if begun.end == "cancel":
        return ev.RunCancelled(at=now, reason=begun.message)
    return ev.RunFailed(at=now, code=begun.code, message=begun.message, values=begun.values)


def _begun(task_ids: tuple[str, ...], why: str, end: ev.RunFailed | ev.RunCancelled) -> ev.CompensationBegun:
    if isinstance(end, ev.RunCancelled):
        return ev.CompensationBegun(task_ids=task_ids, end=why, message=end.reason)
    return ev.CompensationBegun(
        task_ids=task_ids, end=why, code=end.code, message=end.message, values=end.values
    )


def _applies(spec: PlanTask, why: str) -> bool:
    return spec.compensation is not None and why in spec.compensation.when


def _next(state: RunState) -> list[Command] | None:
    """One at a time: nothing is decided while a call is under way, or while people have not decided about
    one. None when there is none left."""
    pending = (task_id for task_id, undone in state.undone.items() if undone.status == "pending")
    first = next(pending, None)
    return None if first is None else _call(state, state.tasks[first])


def _call(state: RunState, task: TaskState) -> list[Command]:
    compensation = cast("Compensation", task.spec.compensation)
    arguments: dict[str, Any] = {}
    for name, given in compensation.arguments.items():
        value = _filled(given, task.output)
        if value is _MISSING:
            return [Record(event=_unfilled(task, compensation, name))]
        arguments[name] = value
    given = guarded(state, task, compensation, arguments)
    if isinstance(given, list):
        return given
    return [
        StartCall(
            kind="tool",
            name=compensation.tool,
            purpose="compensate",
            task_id=task.spec.id,
            arguments=given,
            effect=state.created.tools[compensation.tool].effect,
            tool_call_id="compensate",
        )
    ]


def _unfilled(task: TaskState, compensation: Compensation, name: str) -> ev.CompensationFailed:
    path = str(compensation.arguments[name][PLACEHOLDER])
    values = {"task": task.spec.id, "tool": compensation.tool, "argument": name, "path": path}
    return ev.CompensationFailed(
        task_id=task.spec.id,
        code="task.compensation.result",
        message=f"what task {task.spec.id!r} returned holds no {path!r}, which the argument {name!r} of "
        f"{compensation.tool!r} refers to",
        values=values,
    )


def _filled(given: Any, result: object) -> object:
    if not is_placeholder(given):
        return given
    value = result
    for name in filter(None, str(given[PLACEHOLDER]).split(".")):
        if not isinstance(value, dict) or name not in value:
            return _MISSING
        value = cast("dict[str, object]", value)[name]
    return value
