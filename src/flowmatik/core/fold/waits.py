"""Waits, and the signals that end them."""

from flowmatik.contracts.agents import AgentLoop
from flowmatik.contracts.runs import TaskStatus
from flowmatik.core import events as ev
from flowmatik.core.fold.handlers import Handlers
from flowmatik.core.state import RunState

OF_TASKS = ("time", "signal", "webhook")  # what ends one of these is the output of its task


def _begun(state: RunState, event: ev.WaitBegun, _: AgentLoop) -> None:
    state.waits_begun += 1
    state.waits[event.wait_id] = event
    if event.kind in OF_TASKS:
        task = state.tasks[event.task_id]
        task.status = TaskStatus.RUNNING
        task.asked.add("wait")


def _ended(state: RunState, event: ev.WaitEnded, _: AgentLoop) -> None:
    wait = state.waits.pop(event.wait_id, None)
    if wait is None:
        return
    state.spent_micros += event.cost_micros
    if event.cost_micros:
        state.spent_on[wait.task_id] = state.spent_on.get(wait.task_id, 0) + event.cost_micros
    if wait.kind not in OF_TASKS:
        return
    task = state.tasks[wait.task_id]
    if event.outcome == "timed_out" and wait.timeout_action != "continue":
        task.error_code = "wait.timeout"
        task.error = f"nothing came until {wait.due_at} for which task {wait.task_id!r} waited"
        task.error_values = {"task": wait.task_id, "due": wait.due_at}
        return
    if event.outcome == "signalled" and (kept := state.signals.get(wait.name)):
        kept.pop(0)  # signals are only kept while no wait of their name is open: it was this one
    task.output, task.step_done = event.value, True


def _signal(state: RunState, event: ev.SignalReceived, _: AgentLoop) -> None:
    state.signals.setdefault(event.name, []).append(event.data)


HANDLERS: Handlers = {
    ev.WaitBegun: _begun,
    ev.WaitEnded: _ended,
    ev.SignalReceived: _signal,
}
