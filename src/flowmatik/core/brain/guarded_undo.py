"""decide what guardrails say of a call that takes a step back. It is neither dropped nor made with other
arguments than the step's result holds: what cannot be hidden without that, people decide about."""

from typing import Any

from flowmatik.contracts.guardrails import GUARD, UNDO
from flowmatik.contracts.plans import Compensation
from flowmatik.core import events as ev
from flowmatik.core.brain.commands import Command, Record
from flowmatik.core.brain.gates import GUARDED_UNDO
from flowmatik.core.brain.guarded import put_to_people
from flowmatik.core.brain.placeholders import is_placeholder
from flowmatik.core.brain.planners.order import planner_of
from flowmatik.core.guards.guarding import Trip, hidden, tripped
from flowmatik.core.state import RunState, TaskState
from flowmatik.kernel import canonical


def guarded(
    state: RunState, task: TaskState, compensation: Compensation, arguments: dict[str, Any]
) -> dict[str, Any] | list[Command]:
    """The arguments to call with, or what is done in place of calling: nothing while people have not
    decided."""
    planner = planner_of(state)
    if planner is None or state.created.decision_version < GUARDED_UNDO:
        return arguments
    trip = tripped(planner.guardrails, "tool_arguments", arguments)
    if trip is None:
        return arguments
    seen = task.tripped.get(UNDO)
    if seen is None:
        action = "fix" if _can_be_hidden(trip, compensation, arguments) else "escalate"
        found = ev.GuardrailTripped(task_id=task.spec.id, place=UNDO, action=action, findings=trip.findings)
        return [Record(event=found)]
    if seen.action == "fix":
        return trip.fixed
    if f"{GUARD}:{UNDO}" in task.granted:
        return arguments
    shown = canonical.dumps(hidden(planner.guardrails, "tool_arguments", arguments))
    return put_to_people(state, task, planner, seen, (compensation.tool, shown))


def _can_be_hidden(trip: Trip, compensation: Compensation, arguments: dict[str, Any]) -> bool:
    """Without a change of what names the thing that is taken back."""
    if trip.action != "fix" or trip.fixed.keys() != arguments.keys():
        return False
    named = (name for name, given in compensation.arguments.items() if is_placeholder(given))
    return all(trip.fixed[name] == arguments[name] for name in named)
