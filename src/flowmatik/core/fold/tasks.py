"""The plan and its tasks."""

from dataclasses import replace

from flowmatik.contracts.agents import AgentLoop, LoopDone
from flowmatik.contracts.runs import TaskStatus
from flowmatik.core import events as ev
from flowmatik.core.brain.prompts import task_output, task_prompt
from flowmatik.core.fold import cascades
from flowmatik.core.fold.adapting import settled
from flowmatik.core.fold.advice import forget
from flowmatik.core.fold.approvals import withdraw
from flowmatik.core.fold.guards import PROMPT
from flowmatik.core.fold.handlers import Handlers
from flowmatik.core.state import RunState, TaskState


def _plan(state: RunState, event: ev.PlanAdopted, _: AgentLoop) -> None:
    state.planner, state.plan_reason = event.planner, event.reason
    state.plan_code, state.plan_values = event.reason_code, event.values
    state.declined, state.estimate, state.plan_edited_by = event.declined, event.estimate, event.edited_by
    state.tasks = {task.id: TaskState(spec=task) for task in event.tasks}
    state.planned = {task.id: task for task in event.tasks}
    state.blocked = {task.id: len(set(task.needs)) for task in event.tasks}
    state.live = {name: task for name, task in state.tasks.items() if not state.blocked[name]}
    state.dependents = {task.id: [] for task in event.tasks}
    for task in event.tasks:
        for need in set(task.needs):
            state.dependents[need].append(task.id)


def _end(state: RunState, task_id: str) -> None:
    """The task takes no more decisions; what waited only for it begins to."""
    state.live.pop(task_id, None)
    settled(state, state.tasks[task_id])
    withdraw(state, task_id)
    for other in state.dependents[task_id]:
        state.blocked[other] -= 1
        if not state.blocked[other]:
            state.live[other] = state.tasks[other]


def _plan_proposed(state: RunState, event: ev.PlanProposed, _: AgentLoop) -> None:
    state.proposed = event


def _plan_rejected(state: RunState, event: ev.PlanRejected, _: AgentLoop) -> None:
    state.plan_errors, state.plan_details = event.errors, event.details
    state.plan_reply = None


def _routed(state: RunState, event: ev.TaskRouted, loop: AgentLoop) -> None:
    task = state.tasks[event.task_id]
    task.status = TaskStatus.RUNNING
    task.model = event.model
    task.routed = event
    task.agent = state.agent_named(event.agent)
    if task.agent is not None:
        tripped = task.tripped.get(PROMPT)
        prompt = task_prompt(state, task) if tripped is None or tripped.fixed is None else str(tripped.fixed)
        task.loop = loop.start(task.agent, prompt, state.created.decision_version)


def _verified(state: RunState, event: ev.TaskVerified, _: AgentLoop) -> None:
    task = state.tasks[event.task_id]
    task.passed, task.checks = event.passed, event.checks
    if event.output is not None and task.loop is not None:
        task.unfixed = task_output(task) if task.unfixed is None else task.unfixed
        task.revised = True
        task.loop = replace(task.loop, done=LoopDone(output=event.output))


def _replanned(state: RunState, event: ev.TaskReplanned, _: AgentLoop) -> None:
    notes = (event.reason,) if event.reason else ()
    withdraw(state, event.task_id)
    forget(state, event.task_id)
    before = state.tasks[event.task_id]
    cascades.thrown_away(state, before)
    task = TaskState(
        spec=event.replacement,
        replanned=True,
        notes=notes if before.round == 1 else (*before.notes, *notes),
        round=before.round,
        counted=before.counted,
        tried=_tried(before),
    )
    state.tasks[event.task_id] = state.live[event.task_id] = task


def _tried(task: TaskState) -> tuple[tuple[str, ...], ...]:
    routed = task.routed
    return (*task.tried, (routed.agent, routed.model)) if routed is not None and routed.models else task.tried


def _task_succeeded(state: RunState, event: ev.TaskSucceeded, _: AgentLoop) -> None:
    state.tasks[event.task_id].status = TaskStatus.SUCCEEDED
    _end(state, event.task_id)


def _task_failed(state: RunState, event: ev.TaskFailed, _: AgentLoop) -> None:
    task = state.tasks[event.task_id]
    task.status, task.error_code, task.error = TaskStatus.FAILED, event.code, event.message
    task.error_values = event.values
    if task.routed is not None and task.routed.models:
        cascades.thrown_away(state, task)  # what settled nothing saved nothing
    _end(state, event.task_id)


def _task_skipped(state: RunState, event: ev.TaskSkipped, _: AgentLoop) -> None:
    task = state.tasks[event.task_id]
    task.status, task.error = TaskStatus.SKIPPED, event.reason
    task.error_code, task.error_values = event.reason_code, event.values
    _end(state, event.task_id)


HANDLERS: Handlers = {
    ev.PlanProposed: _plan_proposed,
    ev.PlanAdopted: _plan,
    ev.PlanRejected: _plan_rejected,
    ev.TaskRouted: _routed,
    ev.TaskVerified: _verified,
    ev.TaskReplanned: _replanned,
    ev.TaskSucceeded: _task_succeeded,
    ev.TaskFailed: _task_failed,
    ev.TaskSkipped: _task_skipped,
}
