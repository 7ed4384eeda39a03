"""How what steps did is taken back."""

from flowmatik.contracts.agents import AgentLoop
from flowmatik.core import events as ev
from flowmatik.core.fold.handlers import Handlers
from flowmatik.core.state import RunState, Undoing


def _begun(state: RunState, event: ev.CompensationBegun, _: AgentLoop) -> None:
    state.undoing = event
    for task_id in event.task_ids:
        compensation = state.tasks[task_id].spec.compensation
        state.undone[task_id] = Undoing(tool=compensation.tool if compensation else "")


def _not_called(state: RunState, event: ev.CompensationFailed, _: AgentLoop) -> None:
    _fail(state.undone[event.task_id], event.code, event.message, event.values)


def requested(state: RunState, task_id: str) -> None:
    state.undone[task_id].status = "running"


def succeeded(state: RunState, task_id: str) -> None:
    state.undone[task_id].status = "succeeded"


def failed(state: RunState, task_id: str, event: ev.CallFailed) -> None:
    _fail(state.undone[task_id], event.code, event.message, event.values)


def refused(state: RunState, event: ev.CallRefused) -> None:
    """Nothing was set aside for it: the step was done by the run that this one goes on from."""
    _fail(state.undone[event.task_id], event.code, event.message, event.values)


def denied(state: RunState, task_id: str, values: dict[str, object]) -> None:
    """People did not let it be called with what guardrails found in its arguments."""
    tool = state.undone[task_id].tool
    message = f"{values['by']} did not let {tool!r} be called with these arguments"
    _fail(state.undone[task_id], "guardrail.denied", message, {**values, "place": tool})


def in_doubt(state: RunState, task_id: str, event: ev.CallInDoubt | None) -> None:
    """None: a person has decided, and it is under way again."""
    undone = state.undone[task_id]
    if event is None:
        undone.status, undone.error_code, undone.error, undone.error_values = "running", "", "", {}
    else:
        undone.status = "in_doubt"
        undone.error_code, undone.error, undone.error_values = event.code, event.why, event.values


def _fail(undone: Undoing, code: str, message: str, values: dict[str, object]) -> None:
    undone.status, undone.error_code, undone.error, undone.error_values = "failed", code, message, values


HANDLERS: Handlers = {
    ev.CompensationBegun: _begun,
    ev.CompensationFailed: _not_called,
}
