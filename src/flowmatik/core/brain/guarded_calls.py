"""decide where an agent's guardrails look at the arguments with which it calls its tools. What is to be fixed
in them was fixed before the reply became a fact (`engine/guarding.py`)."""

from flowmatik.contracts.agents import AgentVersion, CallTool
from flowmatik.contracts.guardrails import ARGUMENTS, GUARD, OnFail
from flowmatik.core import events as ev
from flowmatik.core.brain.commands import Command, Record
from flowmatik.core.brain.guarded import put_to_people, told
from flowmatik.core.guards.guarding import hidden, tripped
from flowmatik.core.state import RunState, TaskState
from flowmatik.kernel import canonical


def stopped(state: RunState, task: TaskState, agent: AgentVersion, call: CallTool) -> list[Command] | None:
    """None when the call may be made; nothing while people have not decided."""
    if not any(rail.covers("tool_arguments") for rail in agent.guardrails):
        return None
    place = f"{ARGUMENTS}{call.tool_call_id}"
    seen = task.tripped.get(place)
    if seen is None:
        trip = tripped(agent.guardrails, "tool_arguments", call.arguments)
        if trip is None:
            return None
        action: OnFail = "refuse" if trip.action == "fix" else trip.action  # it could not be hidden
        found = ev.GuardrailTripped(task_id=task.spec.id, place=place, action=action, findings=trip.findings)
        return [Record(event=found)]
    if seen.action != "escalate":
        return [_refused(task, call, seen)]
    if f"{GUARD}:{place}" in task.granted:
        return None
    shown = canonical.dumps(hidden(agent.guardrails, "tool_arguments", call.arguments))
    return put_to_people(state, task, agent, seen, (call.name, shown))


def _refused(task: TaskState, call: CallTool, seen: ev.GuardrailTripped) -> Record:
    instead = "call it again without that" if seen.action == "retry" else "do without it"
    what = told(seen.findings) or "what cannot be hidden"
    message = f"{call.name!r} was not called: guardrails found {what} in its arguments; {instead}"
    return Record(
        event=ev.ToolRefused(
            task_id=task.spec.id, tool_call_id=call.tool_call_id, name=call.name, message=message
        )
    )
