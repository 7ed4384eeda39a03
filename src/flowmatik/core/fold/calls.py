"""Calls, their outcomes, and the money that they take."""

from dataclasses import replace
from typing import Any

from flowmatik.contracts.advice import ADVICE
from flowmatik.contracts.agents import AgentLoop, ToolOutcome
from flowmatik.core import events as ev
from flowmatik.core.brain.references import shown
from flowmatik.core.cap_scopes import provider_in
from flowmatik.core.fold import advice, cascades, guards, setting_aside, threads, undoing
from flowmatik.core.fold.handlers import Handlers
from flowmatik.core.fold.purposes import PURPOSES
from flowmatik.core.fold.recalled import recalled
from flowmatik.core.state import RunState

LOST = "call.lost"


def _requested(state: RunState, event: ev.CallRequested, _: AgentLoop) -> None:
    state.calls += 1
    state.open[event.call_id] = event
    state.known_at = event.at
    setting_aside.requested(state, event)
    if event.kind == ADVICE:
        advice.requested(state, event)
    elif known := PURPOSES.get(event.purpose):
        known.asked(state, event)
    else:
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
            threads.told(state, state.tasks[task_id])
        case "compensate":
            undoing.requested(state, task_id)
        case _:
            state.tasks[task_id].asked.add(tool_call_id)


def _postponed(state: RunState, event: ev.CallPostponed, _: AgentLoop) -> None:
    if call := state.open.get(event.call_id):
        state.open[event.call_id] = replace(call, at=event.at, start_by=event.start_by)


def _refused(state: RunState, event: ev.CallRefused, _: AgentLoop) -> None:
    state.calls += 1
    known = PURPOSES.get(event.purpose)
    if not event.of_task:
        state.refused = event
    elif known is not None and known.refused is not None:
        known.refused(state, event)
    elif event.purpose == "compensate":
        undoing.refused(state, event)
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
    _settle(state, call, event)
    _read(state, call)
    if event.reply is not None:
        state.unpriced |= event.reply.cost_micros is None and call.reserved_micros == 0
        state.input_tokens += event.reply.usage.input_tokens
        state.output_tokens += event.reply.usage.output_tokens
        served = event.reply.model or call.name
        if served not in state.models:
            state.models = (*state.models, served)
    if call.kind == ADVICE:
        return advice.succeeded(state, call, event)
    if known := PURPOSES.get(call.purpose):
        return known.succeeded(state, call, event, loop)
    match call.purpose:
        case "recall" | "recall_tables":
            state.recall[call.purpose] = recalled(call.purpose, event.result)
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
            cascades.spoken(state, call, event)
            threads.spoken(task)
            if task.agent is not None and task.loop is not None and event.reply is not None:
                task.loop = loop.on_model(task.agent, task.loop, event.reply)
        case "step" | "collect":
            task = state.tasks[call.task_id]
            task.output, task.step_done = event.result, True
            if call.purpose == "step" and not event.simulated:
                state.acted.append(call.task_id)
        case "items":
            state.tasks[call.task_id].fan.count = event.result["count"]
        case "compensate":
            undoing.succeeded(state, call.task_id)
        case _ if guards.held_back(state, call, event):
            pass
        case _:
            result = shown(event.result, state.created)
            outcome = ToolOutcome(tool_call_id=call.tool_call_id, name=call.name, result=result)
            _tool_outcome(state, call, outcome, loop)


def _read(state: RunState, call: ev.CallRequested) -> None:
    """What the tool answers with, the run has read from now on."""
    pinned = state.created.tools.get(call.name) if call.kind != "model" else None
    if pinned is not None and not set(pinned.labels) <= set(state.labels):
        state.labels = tuple(sorted({*state.labels, *pinned.labels}))


def _tool_outcome(state: RunState, call: ev.CallRequested, outcome: ToolOutcome, loop: AgentLoop) -> None:
    task = state.tasks[call.task_id]
    if task.agent is not None and task.loop is not None:
        task.loop = loop.on_tool(task.agent, task.loop, outcome)


def _failed(state: RunState, event: ev.CallFailed, loop: AgentLoop) -> None:
    call = state.open.get(event.call_id)
    if call is None:
        return
    _settle(state, call, event)
    state.unpriced |= event.unpriced
    if call.kind == ADVICE:
        return advice.failed(state, call, event)
    if known := PURPOSES.get(call.purpose):
        return known.failed(state, call, event, loop)
    if event.code.startswith("unavailable"):
        task = state.tasks.get(call.task_id)
        if task is None:
            state.away = event
        else:
            task.away = event
    lost = event.code == LOST  # the same question again, in a new call
    if lost and call.kind == "tool" and call.purpose != "compensate":
        return setting_aside.lost(state, call)
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
            cascades.silent(state, call, event)
            if not lost:
                task.error_code, task.error, task.error_values = event.code, event.message, event.values
                task.model_failures += 1
        case "step" | "items" | "collect":
            task = state.tasks[call.task_id]
            task.error_code, task.error, task.error_values = event.code, event.message, event.values
        case "compensate":
            undoing.failed(state, call.task_id, event)
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


def _settle(state: RunState, call: ev.CallRequested, event: ev.CallSucceeded | ev.CallFailed) -> None:
    cost = event.cost_micros
    del state.open[call.call_id]
    state.doubt.pop(call.call_id, None)
    setting_aside.settled(state, call, event)
    due = dict.fromkeys(call.scopes or (), cost)
    if event.paid is not None:
        due |= {scope: event.paid.get(one, 0) for scope in due if (one := provider_in(scope))}
    setting_aside.book(state, call, cost, due)


def _in_doubt(state: RunState, event: ev.CallInDoubt, _: AgentLoop) -> None:
    state.doubt[event.call_id] = event
    call = state.open.get(event.call_id)
    if call is not None and call.purpose == "compensate":
        undoing.in_doubt(state, call.task_id, event)


def _resolved(state: RunState, event: ev.DoubtResolved, _: AgentLoop) -> None:
    state.doubt.pop(event.call_id, None)
    if event.resolution == "repeat":
        state.permitted.add(event.call_id)
    call = state.open.get(event.call_id)
    if call is not None and call.purpose == "compensate":
        undoing.in_doubt(state, call.task_id, None)


def _allotted(state: RunState, event: ev.AllotmentGranted, _: AgentLoop) -> None:
    state.drew = True
    for scope, micros in event.amounts.items():
        state.held[scope] = state.held.get(scope, 0) + micros


def _counted(state: RunState, event: ev.AllotmentCounted, _: AgentLoop) -> None:
    state.held = dict(event.held)
    state.drew |= bool(event.held)


def _tool_refused(state: RunState, event: ev.ToolRefused, loop: AgentLoop) -> None:
    task = state.tasks[event.task_id]
    task.asked.add(event.tool_call_id)
    if task.agent is not None and task.loop is not None:
        outcome = ToolOutcome(tool_call_id=event.tool_call_id, name=event.name, error=event.message)
        task.loop = loop.on_tool(task.agent, task.loop, outcome)


HANDLERS: Handlers = {
    ev.CallRequested: _requested,
    ev.CallPostponed: _postponed,
    ev.CallRefused: _refused,
    ev.CallSucceeded: _succeeded,
    ev.CallFailed: _failed,
    ev.CallInDoubt: _in_doubt,
    ev.DoubtResolved: _resolved,
    ev.AllotmentGranted: _allotted,
    ev.AllotmentCounted: _counted,
    ev.ToolRefused: _tool_refused,
}
