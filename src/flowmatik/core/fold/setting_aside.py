"""What is set aside for calls, and to take back what they did."""

from collections.abc import Mapping
from dataclasses import replace

from flowmatik.core import events as ev
from flowmatik.core.state import Aside, RunState


def requested(state: RunState, call: ev.CallRequested) -> None:
    state.reserved_micros += call.reserved_micros + call.undo_micros
    if call.purpose == "compensate":
        state.aside.pop(call.task_id, None)  # it is paid from that


def settled(state: RunState, call: ev.CallRequested, event: ev.CallSucceeded | ev.CallFailed) -> None:
    """Of a step that took effect, what taking it back costs stays where it is."""
    state.reserved_micros -= call.reserved_micros + call.undo_micros
    if call.undo_micros and isinstance(event, ev.CallSucceeded) and not event.simulated:
        state.aside[call.task_id] = Aside(micros=call.undo_micros, scopes=call.scopes or ())


def lost(state: RunState, call: ev.CallRequested) -> None:
    """A read that costs, and whose answer nobody got: to ask again is another call."""
    match call.purpose:
        case "recall" | "recall_tables":
            state.recall_asked.discard(call.purpose)
        case "verify":
            state.tasks[call.task_id].verify_open = False
        case _:
            state.tasks[call.task_id].asked.discard(call.tool_call_id)


def ended(state: RunState) -> None:
    """Nothing is taken back any more, and a call in doubt counts as made: nobody will know better."""
    state.aside = {}
    for call_id, call in state.open.items():
        if not call.reserved_micros + call.undo_micros:
            continue
        book(state, call, call.reserved_micros, dict.fromkeys(call.scopes or (), call.reserved_micros))
        state.reserved_micros -= call.reserved_micros + call.undo_micros
        state.open[call_id] = replace(call, reserved_micros=0, undo_micros=0)


def book(state: RunState, call: ev.CallRequested, cost: int, due: Mapping[str, int]) -> None:
    """`due` is what each of the call's shared caps bears of the cost."""
    state.spent_micros += cost
    state.spent_on[call.task_id] = state.spent_on.get(call.task_id, 0) + cost
    if call.scopes is None:
        state.charged_to_all += cost
    for scope, micros in due.items():
        state.charged[scope] = state.charged.get(scope, 0) + micros
