"""Sub-runs: begun, ended, and what they cost."""

from typing import Any, cast

from flowmatik.contracts.agents import AgentLoop, ToolOutcome
from flowmatik.contracts.runs import RunStatus, TaskStatus
from flowmatik.contracts.team_tools import ASK_AGENT
from flowmatik.core import events as ev
from flowmatik.core.brain.references import shown
from flowmatik.core.fold.handlers import Handlers
from flowmatik.core.fold.teams import told
from flowmatik.core.state import Child, Fan, RunState, TaskState

MOST_NAMED = 100  # sub-runs of a task that the run's view shows


def _requested(state: RunState, event: ev.SubRunRequested, _: AgentLoop) -> None:
    state.sub_count += 1
    state.subs[event.sub_id] = event
    state.reserved_below += event.budget_micros or 0
    task = state.tasks[event.task_id]
    if event.tool_call_id:
        task.asked.add(event.tool_call_id)
    else:
        task.status = TaskStatus.RUNNING
    fan = task.fan
    fan.begun += 1
    fan.open += 1
    if len(fan.first) < MOST_NAMED:
        fan.first[event.sub_id] = Child(child_id=event.child_id, item=event.item)


def _ended(state: RunState, event: ev.SubRunEnded, loop: AgentLoop) -> None:
    sub = state.subs.pop(event.sub_id, None)
    if sub is None:
        return
    state.reserved_below -= sub.budget_micros or 0
    state.spent_micros += event.cost_micros
    state.spent_on[sub.task_id] = state.spent_on.get(sub.task_id, 0) + event.cost_micros
    state.unpriced |= event.unpriced
    task, status = state.tasks[sub.task_id], RunStatus(event.status)
    _count(task.fan, status)
    if child := task.fan.first.get(event.sub_id):
        child.status = status
    if sub.tool_call_id:
        told(state, sub.task_id, _answer(sub, status, event, state.created), loop)
    elif sub.item is None:
        _take(task, status, event)


def _answer(
    sub: ev.SubRunRequested, status: RunStatus, event: ev.SubRunEnded, created: ev.RunCreated
) -> ToolOutcome:
    """What an agent is told of the run that it asked for."""
    call_id = sub.tool_call_id
    if status is RunStatus.SUCCEEDED:
        result = {name: shown(part, created) for name, part in (event.result or {}).items()}
        return ToolOutcome(tool_call_id=call_id, name=ASK_AGENT, result=result)
    why = event.message or event.code or status.value
    return ToolOutcome(tool_call_id=call_id, name=ASK_AGENT, error=f"{sub.agent} did not answer: {why}")


def _count(fan: Fan, status: RunStatus) -> None:
    fan.open -= 1
    if status is RunStatus.SUCCEEDED:
        fan.succeeded += 1
    elif status is RunStatus.CANCELLED:
        fan.cancelled += 1
    else:
        fan.failed += 1


def _take(task: TaskState, status: RunStatus, event: ev.SubRunEnded) -> None:
    """The task is this one run: what that answers is what the task gives, with its sources."""
    if status is not RunStatus.SUCCEEDED:
        code = "subrun.cancelled" if status is RunStatus.CANCELLED else event.code
        task.error_code, task.error, task.error_values = code or "run.failed", event.message, event.values
        return
    result = event.result or {}
    task.step_done = True
    if "output" in result:
        task.output = result["output"]
        return
    citations = cast("list[dict[str, Any]]", result.get("citations") or [])
    task.output = {
        "text": result.get("answer", ""),
        "found": result.get("found", True),
        "citations": citations,
    }
    task.verification = {"passed": True, "citations": citations}


HANDLERS: Handlers = {ev.SubRunRequested: _requested, ev.SubRunEnded: _ended}
