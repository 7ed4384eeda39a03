"""Calls of judges: models that compare a result with a rubric."""

from flowmatik.contracts.agents import AgentLoop
from flowmatik.core import events as ev
from flowmatik.core.fold.purpose import Purpose
from flowmatik.core.state import Judged, RunState

JUDGE = "judge"


def key_of(task_id: str, number: str) -> str:
    """Under which `RunState.spent_on_judges` has it; a task that is tried again has spent what it had."""
    return f"{task_id}/{number}"


def _asked(state: RunState, call: ev.CallRequested) -> None:
    state.tasks[call.task_id].judged[call.tool_call_id] = Judged()


def _succeeded(state: RunState, call: ev.CallRequested, event: ev.CallSucceeded, _: AgentLoop) -> None:
    _count(state, call, event.cost_micros)
    reply = event.reply
    said = Judged(open=False) if reply is None else Judged(open=False, text=reply.text, finish=reply.finish)
    state.tasks[call.task_id].judged[call.tool_call_id] = said


def _failed(state: RunState, call: ev.CallRequested, event: ev.CallFailed, _: AgentLoop) -> None:
    _count(state, call, event.cost_micros)
    task = state.tasks[call.task_id]
    if event.code == "call.lost":  # the same question again, in a new call
        del task.judged[call.tool_call_id]
        return
    task.judged[call.tool_call_id] = Judged(
        open=False, error_code=event.code, error=event.message, error_values=event.values
    )


def _refused(state: RunState, event: ev.CallRefused) -> None:
    state.tasks[event.task_id].judged[event.tool_call_id] = Judged(
        open=False, error_code=event.code, error=event.message, error_values=event.values
    )


def _unask(state: RunState, call: ev.CallRequested) -> None:
    if task := state.tasks.get(call.task_id):
        task.judged.pop(call.tool_call_id, None)


def _count(state: RunState, call: ev.CallRequested, micros: int) -> None:
    spent, key = state.spent_on_judges, key_of(call.task_id, call.tool_call_id)
    spent[key] = spent.get(key, 0) + micros


PURPOSE = Purpose(asked=_asked, succeeded=_succeeded, failed=_failed, unask=_unask, refused=_refused)
