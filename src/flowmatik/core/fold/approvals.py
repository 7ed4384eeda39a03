"""Approvals: what people are asked before a call is made, and what becomes of it."""

from flowmatik.contracts.agents import AgentLoop, ToolOutcome
from flowmatik.contracts.approvals import BY_EXPIRY
from flowmatik.core import events as ev
from flowmatik.core.fold import guards
from flowmatik.core.fold.handlers import Handlers
from flowmatik.core.state import Asked, RunState

UNSAID = "–"


def withdraw(state: RunState, task_id: str | None = None) -> None:
    """Nobody needs a decision any more about calls of this task, or of any."""
    for approval_id, asked in list(state.approvals.items()):
        if task_id in (None, asked.request.task_id):
            del state.approvals[approval_id]
            state.withdrawn.append(approval_id)


def _requested(state: RunState, event: ev.ApprovalRequested, _: AgentLoop) -> None:
    state.approvals_asked += 1
    if event.task_id:
        state.tasks[event.task_id].put_to_people.add(event.tool_call_id)
    else:
        state.plan_asked = True
    state.approvals[event.approval_id] = Asked(
        request=event,
        arguments=event.arguments,
        arguments_hash=event.arguments_hash,
        approvers=event.policy.approvers,
    )


def _voted(state: RunState, event: ev.ApprovalVoted, _: AgentLoop) -> None:
    asked = state.approvals.get(event.approval_id)
    if asked is None:
        return
    if event.arguments is not None:
        asked.arguments, asked.arguments_hash, asked.votes = event.arguments, event.arguments_hash, ()
    asked.votes = (*asked.votes, event)


def _escalated(state: RunState, event: ev.ApprovalEscalated, _: AgentLoop) -> None:
    asked = state.approvals.get(event.approval_id)
    if asked is not None and asked.request.policy.approvers:  # else everybody may already
        asked.approvers = tuple(dict.fromkeys((*asked.approvers, *event.approvers)))


def _decided(state: RunState, event: ev.ApprovalDecided, loop: AgentLoop) -> None:
    asked = state.approvals.pop(event.approval_id, None)
    if asked is None:
        return
    request = asked.request
    if request.tool_call_id.startswith(guards.ASKED):
        return guards.decided(state, request, event, loop)
    if not request.task_id:
        state.plan_verdict = event
        return
    task = state.tasks[request.task_id]
    if event.decision == "approve":
        task.granted[request.tool_call_id] = event.arguments
        return
    message = _denial(event, request.tool)
    if task.agent is not None and task.loop is not None:
        task.asked.add(request.tool_call_id)
        told = ToolOutcome(tool_call_id=request.tool_call_id, name=request.tool, error=message)
        task.loop = loop.on_tool(task.agent, task.loop, told)
        return
    task.error_code, task.error, task.error_values = "approval.denied", message, {"tool": request.tool}
    if event.by != BY_EXPIRY:
        task.error_values |= {"by": event.name or event.by, "said": event.comment or UNSAID}


def _denial(event: ev.ApprovalDecided, tool: str) -> str:
    if event.by == BY_EXPIRY:
        return f"nobody approved the call of {tool!r} in time; it was not made"
    why = f": {event.comment}" if event.comment else ""
    return f"{event.name or event.by} did not approve the call of {tool!r}{why}; it was not made"


HANDLERS: Handlers = {
    ev.ApprovalRequested: _requested,
    ev.ApprovalVoted: _voted,
    ev.ApprovalEscalated: _escalated,
    ev.ApprovalDecided: _decided,
}
