"""decide what guardrails say of the arguments that no agent gave: those of a plan's own steps, which are
guarded as the planner's profile says, and those that people wrote while they agreed to a call."""

from typing import Any

from flowmatik.contracts.agents import AgentVersion, CallTool
from flowmatik.contracts.guardrails import GUARD
from flowmatik.core import events as ev
from flowmatik.core.brain.commands import Command, Record
from flowmatik.core.brain.endings import task_failed
from flowmatik.core.brain.gates import BRAIN
from flowmatik.core.brain.guarded import put_to_people, told
from flowmatik.core.brain.planners.order import planner_of
from flowmatik.core.guards.guarding import Trip, hidden, tripped
from flowmatik.core.state import RunState, TaskState
from flowmatik.kernel import canonical

STEP_PLACE = "step"
EDITED = "edited:"  # before the call's id in its task, as the place of what people wrote

Instead = list[Command]


def is_begun(task: TaskState) -> bool:
    """Whether the step's call was made: that people were asked about what guardrails found is no call."""
    return bool(task.asked) and any(not name.startswith(f"{GUARD}:") for name in task.asked)


def planned(state: RunState, task: TaskState) -> dict[str, Any] | Instead:
    """The arguments of a step with all that is to be fixed, or what is done in place of calling."""
    given, planner = task.spec.arguments, planner_of(state)
    trip = _tripped(state, planner, given)
    if planner is None or trip is None:
        return given
    seen = task.tripped.get(STEP_PLACE)
    if seen is None:
        return [_found(task, STEP_PLACE, trip)]
    if seen.action == "refuse":
        return [_failed(task, planner, trip, "arguments of its step")]
    if seen.action == "escalate" and f"{GUARD}:{STEP_PLACE}" not in task.granted:
        shown = canonical.dumps(hidden(planner.guardrails, "tool_arguments", given))
        return put_to_people(state, task, planner, seen, (task.spec.tool, shown))
    return trip.fixed


def edited(
    state: RunState, task: TaskState, guard: AgentVersion | None, call: CallTool
) -> dict[str, Any] | Instead:
    """`call.arguments` as people left them when they agreed to the call. What their guardrails would put to
    people passes: they have just decided."""
    trip = _tripped(state, guard, call.arguments)
    if guard is None or trip is None:
        return call.arguments
    place = f"{EDITED}{call.tool_call_id}"
    if (seen := task.tripped.get(place)) is None:
        return [_found(task, place, trip)]
    if seen.action != "refuse":
        return trip.fixed
    if task.spec.tool:
        return [_failed(task, guard, trip, "arguments that a person wrote")]
    what = told(trip.findings)
    message = f"{call.name!r} was not called: guardrails found {what} in what a person wrote; do without it"
    return [
        Record(
            event=ev.ToolRefused(
                task_id=task.spec.id, tool_call_id=call.tool_call_id, name=call.name, message=message
            )
        )
    ]


def _tripped(state: RunState, guard: AgentVersion | None, arguments: dict[str, Any]) -> Trip | None:
    if guard is None or state.created.decision_version < BRAIN:
        return None
    return tripped(guard.guardrails, "tool_arguments", arguments)


def _found(task: TaskState, place: str, trip: Trip) -> Record:
    action = "refuse" if trip.action == "retry" else trip.action  # nobody would write them again
    return Record(
        event=ev.GuardrailTripped(task_id=task.spec.id, place=place, action=action, findings=trip.findings)
    )


def _failed(task: TaskState, guard: AgentVersion, trip: Trip, place: str) -> Record:
    values = {"agent": guard.name, "found": told(trip.findings), "place": place}
    message = f"guardrails of {guard.name} found {values['found']} in the {place}"
    return task_failed(task, "guardrail.refused", message, values)
