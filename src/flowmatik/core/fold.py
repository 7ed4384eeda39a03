"""fold(events) → RunState: a pure function of the run's history."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from flowmatik.contracts.agents import AgentLoop, ToolOutcome
from flowmatik.contracts.runs import RunStatus, TaskStatus
from flowmatik.core import events as ev
from flowmatik.core.brain.prompts import task_prompt
from flowmatik.core.journal.port import StoredEvent
from flowmatik.core.state import RunState, TaskState
from flowmatik.kernel.errors import EngineError


def fold(history: Iterable[StoredEvent], loop: AgentLoop) -> RunState:
    """The state after `history`, which begins with RunCreated."""
    state: RunState | None = None
    for stored in history:
        event = ev.decode(stored)
        if state is None:
            if not isinstance(event, ev.RunCreated):
                raise EngineError(f"a history begins with RunCreated, not {stored.type}", code="engine.event")
            state = RunState(created=event)
        else:
            apply(state, event, loop)
        state.seq = stored.seq
    if state is None:
        raise EngineError("a history without events cannot be folded", code="engine.event")
    return state


def apply(state: RunState, event: ev.Event, loop: AgentLoop) -> None:
    """Advance `state` by one event."""
    handler = _HANDLERS.get(type(event))
    if handler is not None:
        handler(state, event, loop)


def _claimed(state: RunState, event: ev.RunClaimed, _: AgentLoop) -> None:
    state.epoch = event.epoch
    state.status = RunStatus.RUNNING


def _requested(state: RunState, event: ev.CallRequested, _: AgentLoop) -> None:
    state.calls += 1
    state.open[event.call_id] = event
    state.reserved_micros += event.reserved_micros
    _mark_asked(state, event.purpose, event.task_id, event.tool_call_id)


def _mark_asked(state: RunState, purpose: str, task_id: str, tool_call_id: str) -> None:
    match purpose:
        case "recall" | "recall_tables":
            state.recall_asked.add(purpose)
        case "plan":
            state.plan_open = True
            state.plan_attempts += 1
        case "verify":
            state.tasks[task_id].verify_open = True
        case "think":
            state.tasks[task_id].model_open = True
        case _:
            state.tasks[task_id].asked.add(tool_call_id)


def _postponed(state: RunState, event: ev.CallPostponed, _: AgentLoop) -> None:
    if call := state.open.get(event.call_id):
        state.open[event.call_id] = replace(call, at=event.at, start_by=event.start_by)


def _refused(state: RunState, event: ev.CallRefused, _: AgentLoop) -> None:
    state.calls += 1
    if not event.of_task:
        state.refused = event
    elif event.purpose == "plan":
        state.plan_failed = True
        state.plan_failure = ev.CallFailed(
            call_id=event.call_id, code=event.code, message=event.message, values=event.values
        )
    else:
        task = state.tasks[event.task_id]
        task.error_code, task.error, task.error_values = event.code, event.message, event.values
        task.refused = True


def _succeeded(state: RunState, event: ev.CallSucceeded, loop: AgentLoop) -> None:
    call = state.open.get(event.call_id)
    if call is None:
        return
    _settle(state, call, event.cost_micros)
    if event.reply is not None:
        state.unpriced |= event.reply.cost_micros is None and call.reserved_micros == 0
        state.input_tokens += event.reply.usage.input_tokens
        state.output_tokens += event.reply.usage.output_tokens
        served = event.reply.model or call.name
        if served not in state.models:
            state.models = (*state.models, served)
    match call.purpose:
        case "recall" | "recall_tables":
            state.recall[call.purpose] = event.result
        case "plan":
            state.plan_open = False
            state.plan_reply = event.reply
        case "verify":
            task = state.tasks[call.task_id]
            task.verify_open = False
            task.verification = event.result
        case "think":
            task = state.tasks[call.task_id]
            task.model_open = False
            task.error_code, task.error, task.error_values = "", "", {}
            if task.agent is not None and task.loop is not None and event.reply is not None:
                task.loop = loop.on_model(task.agent, task.loop, event.reply)
        case "step":
            task = state.tasks[call.task_id]
            task.output, task.step_done = event.result, True
        case _:
            _tool_outcome(
                state,
                call,
                ToolOutcome(tool_call_id=call.tool_call_id, name=call.name, result=event.result),
                loop,
            )


def _tool_outcome(state: RunState, call: ev.CallRequested, outcome: ToolOutcome, loop: AgentLoop) -> None:
    task = state.tasks[call.task_id]
    if task.agent is not None and task.loop is not None:
        task.loop = loop.on_tool(task.agent, task.loop, outcome)


def _failed(state: RunState, event: ev.CallFailed, loop: AgentLoop) -> None:
    call = state.open.get(event.call_id)
    if call is None:
        return
    _settle(state, call, event.cost_micros)
    state.unpriced |= event.unpriced
    if event.code.startswith("unavailable"):
        task = state.tasks.get(call.task_id)
        if task is None:
            state.away = event
        else:
            task.away = event
    lost = event.code == "call.lost"  # the same question again, in a new call
    match call.purpose:
        case "recall" | "recall_tables":
            state.recall[call.purpose] = {"error": event.message}
        case "plan":
            state.plan_open = False
            if lost:
                state.plan_attempts -= 1
            else:
                state.plan_failed, state.plan_failure = True, event
        case "verify":
            task = state.tasks[call.task_id]
            task.verify_open = False
            task.verification = {"passed": False, "checks": [_unverified(event)]}
        case "think":
            task = state.tasks[call.task_id]
            task.model_open = False
            if not lost:
                task.error_code, task.error, task.error_values = event.code, event.message, event.values
                task.model_failures += 1
        case "step":
            task = state.tasks[call.task_id]
            task.error_code, task.error, task.error_values = event.code, event.message, event.values
        case _:
            _tool_outcome(
                state,
                call,
                ToolOutcome(tool_call_id=call.tool_call_id, name=call.name, error=event.message),
                loop,
            )


def _unverified(event: ev.CallFailed) -> list[Any]:
    """A check that could not be made; without values, as histories of older versions have it."""
    check: list[Any] = ["verifier", False, event.message]
    if not event.values:
        return check
    fault = {"code": event.code, "values": event.values, "text": event.message}
    return [*check, "verifier.failed", {"fault": fault}]


def _settle(state: RunState, call: ev.CallRequested, cost: int) -> None:
    del state.open[call.call_id]
    state.doubt.pop(call.call_id, None)
    state.reserved_micros -= call.reserved_micros
    state.spent_micros += cost
    state.spent_on[call.task_id] = state.spent_on.get(call.task_id, 0) + cost
    if call.scopes is None:
        state.charged_to_all += cost
    for scope in call.scopes or ():
        state.charged[scope] = state.charged.get(scope, 0) + cost


def _in_doubt(state: RunState, event: ev.CallInDoubt, _: AgentLoop) -> None:
    state.doubt[event.call_id] = event


def _resolved(state: RunState, event: ev.DoubtResolved, _: AgentLoop) -> None:
    state.doubt.pop(event.call_id, None)


def _allotted(state: RunState, event: ev.AllotmentGranted, _: AgentLoop) -> None:
    state.drew = True
    for scope, micros in event.amounts.items():
        state.held[scope] = state.held.get(scope, 0) + micros


def _counted(state: RunState, event: ev.AllotmentCounted, _: AgentLoop) -> None:
    state.held = dict(event.held)
    state.drew |= bool(event.held)


def _cancel(state: RunState, event: ev.CancelRequested, _: AgentLoop) -> None:
    state.cancel = event.reason


def _deadline(state: RunState, _event: ev.DeadlinePassed, _: AgentLoop) -> None:
    state.deadline_passed = True


def _plan(state: RunState, event: ev.PlanAdopted, _: AgentLoop) -> None:
    state.planner, state.plan_reason = event.planner, event.reason
    state.plan_code, state.plan_values = event.reason_code, event.values
    state.tasks = {task.id: TaskState(spec=task) for task in event.tasks}
    state.blocked = {task.id: len(set(task.needs)) for task in event.tasks}
    state.live = {name: task for name, task in state.tasks.items() if not state.blocked[name]}
    state.dependents = {task.id: [] for task in event.tasks}
    for task in event.tasks:
        for need in set(task.needs):
            state.dependents[need].append(task.id)


def _end(state: RunState, task_id: str) -> None:
    """The task takes no more decisions; what waited only for it begins to."""
    state.live.pop(task_id, None)
    for other in state.dependents[task_id]:
        state.blocked[other] -= 1
        if not state.blocked[other]:
            state.live[other] = state.tasks[other]


def _plan_rejected(state: RunState, event: ev.PlanRejected, _: AgentLoop) -> None:
    state.plan_errors, state.plan_details = event.errors, event.details
    state.plan_reply = None


def _routed(state: RunState, event: ev.TaskRouted, loop: AgentLoop) -> None:
    task = state.tasks[event.task_id]
    task.status = TaskStatus.RUNNING
    task.model = event.model
    task.agent = state.agent_named(event.agent)
    if task.agent is not None:
        task.loop = loop.start(task.agent, task_prompt(state, task), state.created.decision_version)


def _verified(state: RunState, event: ev.TaskVerified, _: AgentLoop) -> None:
    task = state.tasks[event.task_id]
    task.passed, task.checks = event.passed, event.checks


def _replanned(state: RunState, event: ev.TaskReplanned, _: AgentLoop) -> None:
    notes = (event.reason,) if event.reason else ()
    task = TaskState(spec=event.replacement, replanned=True, notes=notes)
    state.tasks[event.task_id] = state.live[event.task_id] = task


def _tool_refused(state: RunState, event: ev.ToolRefused, loop: AgentLoop) -> None:
    task = state.tasks[event.task_id]
    task.asked.add(event.tool_call_id)
    if task.agent is not None and task.loop is not None:
        outcome = ToolOutcome(tool_call_id=event.tool_call_id, name=event.name, error=event.message)
        task.loop = loop.on_tool(task.agent, task.loop, outcome)


def _task_succeeded(state: RunState, event: ev.TaskSucceeded, _: AgentLoop) -> None:
    state.tasks[event.task_id].status = TaskStatus.SUCCEEDED
    _end(state, event.task_id)


def _task_failed(state: RunState, event: ev.TaskFailed, _: AgentLoop) -> None:
    task = state.tasks[event.task_id]
    task.status, task.error_code, task.error = TaskStatus.FAILED, event.code, event.message
    task.error_values = event.values
    _end(state, event.task_id)


def _task_skipped(state: RunState, event: ev.TaskSkipped, _: AgentLoop) -> None:
    task = state.tasks[event.task_id]
    task.status, task.error = TaskStatus.SKIPPED, event.reason
    task.error_code, task.error_values = event.reason_code, event.values
    _end(state, event.task_id)


def _run_ended(state: RunState, status: RunStatus, at: str) -> None:
    state.status, state.ended, state.ended_at = status, True, at


def _run_succeeded(state: RunState, event: ev.RunSucceeded, _: AgentLoop) -> None:
    _run_ended(state, RunStatus.SUCCEEDED, event.at)
    state.answer, state.verified = event.answer, event.verified


def _run_failed(state: RunState, event: ev.RunFailed, _: AgentLoop) -> None:
    _run_ended(state, RunStatus.FAILED, event.at)
    state.error_code, state.error, state.error_values = event.code, event.message, event.values


def _run_cancelled(state: RunState, event: ev.RunCancelled, _: AgentLoop) -> None:
    _run_ended(state, RunStatus.CANCELLED, event.at)
    state.error_code, state.error = "run.cancelled", event.reason


_HANDLERS: dict[type, Callable[[RunState, Any, AgentLoop], None]] = {
    ev.RunClaimed: _claimed,
    ev.CallRequested: _requested,
    ev.CallPostponed: _postponed,
    ev.CallRefused: _refused,
    ev.CallSucceeded: _succeeded,
    ev.CallFailed: _failed,
    ev.CallInDoubt: _in_doubt,
    ev.DoubtResolved: _resolved,
    ev.AllotmentGranted: _allotted,
    ev.AllotmentCounted: _counted,
    ev.CancelRequested: _cancel,
    ev.DeadlinePassed: _deadline,
    ev.PlanAdopted: _plan,
    ev.PlanRejected: _plan_rejected,
    ev.TaskRouted: _routed,
    ev.TaskVerified: _verified,
    ev.TaskReplanned: _replanned,
    ev.ToolRefused: _tool_refused,
    ev.TaskSucceeded: _task_succeeded,
    ev.TaskFailed: _task_failed,
    ev.TaskSkipped: _task_skipped,
    ev.RunSucceeded: _run_succeeded,
    ev.RunFailed: _run_failed,
    ev.RunCancelled: _run_cancelled,
}
