"""Guardrails: what was found, and what becomes of it."""

from dataclasses import replace

from flowmatik.contracts.agents import AgentLoop, LoopDone, ToolOutcome
from flowmatik.contracts.approvals import BY_EXPIRY
from flowmatik.contracts.guardrails import ARGUMENTS, GUARD, UNDO
from flowmatik.core import events as ev
from flowmatik.core.brain.references import shown
from flowmatik.core.fold import undoing
from flowmatik.core.fold.handlers import Handlers
from flowmatik.core.state import Held, RunState, TaskState

PROMPT, OUTPUT = "prompt", "output"
ASKED = f"{GUARD}:"  # before the place, in place of the id of a tool call about which people are asked
UNSAID = "–"


def held_back(state: RunState, call: ev.CallRequested, event: ev.CallSucceeded) -> bool:
    """Whether the agent is not told yet, since its guardrails found something in the result."""
    if not event.guarded:
        return False
    task = state.tasks[call.task_id]
    task.held[call.tool_call_id] = Held(name=call.name, result=event.result, found=event.guarded)
    return True


def _tripped(state: RunState, event: ev.GuardrailTripped, loop: AgentLoop) -> None:
    task = state.tasks[event.task_id]
    task.tripped[event.place] = event
    if event.place in task.held:
        if event.action == "fix":
            _tell(state, task, event.place, loop)
        elif event.action == "retry":
            _tell(state, task, event.place, loop, withheld="by a guardrail; do without it, or ask otherwise")
    elif event.place == OUTPUT and event.fixed is not None and task.loop is not None:
        done = task.loop.done
        task.unfixed = getattr(done, "output", None)
        task.revised = True
        task.loop = replace(task.loop, done=LoopDone(output=event.fixed))


def decided(
    state: RunState, request: ev.ApprovalRequested, event: ev.ApprovalDecided, loop: AgentLoop
) -> None:
    """What people say about what a guardrail found: a tool's result is told or withheld, anything else goes
    on or fails the task."""
    task, place = state.tasks[request.task_id], request.tool_call_id.removeprefix(ASKED)
    task.asked.add(request.tool_call_id)
    if event.decision == "approve":
        task.granted[request.tool_call_id] = event.arguments
        if place in task.held:
            _tell(state, task, place, loop)
        return
    if place in task.held:
        why = f": {event.comment}" if event.comment else ""
        _tell(state, task, place, loop, withheld=f"by {event.name or event.by}{why}")
        return
    if place.startswith(ARGUMENTS):
        return _not_called(task, place.removeprefix(ARGUMENTS), event, loop)
    by = UNSAID if event.by == BY_EXPIRY else event.name or event.by
    if place == UNDO:
        tool = state.undone[request.task_id].tool
        return undoing.denied(
            state, request.task_id, {"place": tool, "by": by, "said": event.comment or UNSAID}
        )
    task.error_code, task.error = "guardrail.denied", f"{by} did not let the {place} of the task pass"
    task.error_values = {"place": place, "by": by, "said": event.comment or UNSAID}


def _not_called(task: TaskState, tool_call_id: str, event: ev.ApprovalDecided, loop: AgentLoop) -> None:
    task.asked.add(tool_call_id)
    if task.agent is None or task.loop is None:
        return
    name = next((one.name for one in task.loop.pending if one.tool_call_id == tool_call_id), "")
    why = f": {event.comment}" if event.comment else ""
    error = f"{event.name or event.by} did not let it be called with these arguments{why}"
    task.loop = loop.on_tool(
        task.agent, task.loop, ToolOutcome(tool_call_id=tool_call_id, name=name, error=error)
    )


def _tell(state: RunState, task: TaskState, place: str, loop: AgentLoop, *, withheld: str = "") -> None:
    held = task.held.pop(place)
    if task.agent is None or task.loop is None:
        return
    error = f"the result was withheld {withheld}" if withheld else ""
    result = None if withheld else shown(held.result, state.created)
    outcome = ToolOutcome(tool_call_id=place, name=held.name, result=result, error=error)
    task.loop = loop.on_tool(task.agent, task.loop, outcome)


HANDLERS: Handlers = {ev.GuardrailTripped: _tripped}
