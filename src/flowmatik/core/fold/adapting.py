"""The plan as it changes while it runs, and what a model says about tasks that failed."""

from flowmatik.contracts.agents import AgentLoop, ToolOutcome
from flowmatik.contracts.runs import TaskStatus
from flowmatik.core import events as ev
from flowmatik.core.fold.handlers import Handlers
from flowmatik.core.fold.ordering import wire
from flowmatik.core.state import Remedy, RunState, TaskState


def _proposed(state: RunState, event: ev.TasksProposed, loop: AgentLoop) -> None:
    task = state.tasks[event.task_id]
    task.asked.add(event.tool_call_id)
    if event.errors:
        told = ToolOutcome(
            tool_call_id=event.tool_call_id,
            name="propose_tasks",
            error="none was accepted: " + "; ".join(event.errors),
        )
    else:
        state.adapting.proposal = event
        task.proposed += len(event.tasks)
        ids = [one.id for one in event.tasks]
        told = ToolOutcome(tool_call_id=event.tool_call_id, name="propose_tasks", result={"accepted": ids})
    if task.agent is not None and task.loop is not None:
        task.loop = loop.on_tool(task.agent, task.loop, told)


def _changed(state: RunState, event: ev.PlanChanged, _: AgentLoop) -> None:
    adapting = state.adapting
    for spec in event.revised:
        state.tasks[spec.id].spec = state.planned[spec.id] = spec
    _add(state, event)
    adapting.superseded |= set(event.superseded)
    adapting.made.append(event)
    match event.cause:
        case "proposal":
            adapting.proposal = None
        case "budget" | "deadline":
            adapting.frugal = True
        case "loop":
            adapting.settled[event.task_id] = event.reason_code
        case _:
            _replaced(state, event)
    wire(state)


def _add(state: RunState, event: ev.PlanChanged) -> None:
    """Beside the task that they come from, for several answers are told in the order of the tasks."""
    if not event.added:
        return
    added = {spec.id: TaskState(spec=spec) for spec in event.added}
    tasks: dict[str, TaskState] = {}
    for task_id, task in state.tasks.items():
        tasks[task_id] = task
        if task_id == event.task_id:
            tasks |= added
    state.tasks = tasks | added
    state.planned |= {spec.id: spec for spec in event.added}


def _replaced(state: RunState, event: ev.PlanChanged) -> None:
    adapting = state.adapting
    if not event.added:  # the rest has to do without
        adapting.settled[event.task_id] = event.reason_code
        return
    adapting.changes += 1
    adapting.stale += 1
    adapting.seen.setdefault(event.signature, event.task_id)
    first = adapting.origin.get(event.task_id, event.task_id)
    adapting.origin |= {spec.id: first for spec in event.added}
    agent = state.tasks[event.task_id].agent
    if agent is not None:
        adapting.tried.setdefault(first, []).append(agent.name)
    adapting.remedies.pop(event.task_id, None)


# --- what a model says about it -------------------------------------------------------------------


def _remedy(state: RunState, task_id: str) -> Remedy:
    return state.adapting.remedies.setdefault(task_id, Remedy())


def asked(state: RunState, call: ev.CallRequested) -> None:
    remedy = _remedy(state, call.tool_call_id)
    remedy.open = True
    remedy.asked += 1


def succeeded(state: RunState, call: ev.CallRequested, event: ev.CallSucceeded, _: AgentLoop) -> None:
    remedy = _remedy(state, call.tool_call_id)
    remedy.open, remedy.reply = False, event.reply


def failed(state: RunState, call: ev.CallRequested, event: ev.CallFailed, _: AgentLoop) -> None:
    remedy = _remedy(state, call.tool_call_id)
    remedy.open = False
    if event.code == "call.lost":  # the same question again, in a new call
        remedy.asked -= 1
    else:
        remedy.failed = True


def refused(state: RunState, event: ev.CallRefused) -> None:
    _remedy(state, event.tool_call_id).failed = True


def unask(state: RunState, call: ev.CallRequested) -> None:
    remedy = _remedy(state, call.tool_call_id)
    remedy.open = False
    remedy.asked -= 1


def settled(state: RunState, task: TaskState) -> None:
    """A task has ended."""
    if task.agent is not None:
        state.agents_ended += 1
    if task.status is TaskStatus.SUCCEEDED:
        state.adapting.stale = 0


HANDLERS: Handlers = {ev.TasksProposed: _proposed, ev.PlanChanged: _changed}
