"""Calls of cheap models, what their comparison came to, and what a cascade has cost and saved."""

from flowmatik.contracts.agents import AgentLoop
from flowmatik.core import events as ev
from flowmatik.core.brain.books import compared_with
from flowmatik.core.fold import threads
from flowmatik.core.fold.handlers import Handlers
from flowmatik.core.fold.purpose import Purpose
from flowmatik.core.state import Draft, RunState, Tally, TaskState


def _asked(state: RunState, call: ev.CallRequested) -> None:
    state.tasks[call.task_id].drafts[call.tool_call_id] = Draft()
    threads.told(state, state.tasks[call.task_id])


def _succeeded(state: RunState, call: ev.CallRequested, event: ev.CallSucceeded, _: AgentLoop) -> None:
    _spent(state, call, event.cost_micros)
    _tally(state, call.task_id).unpriced |= _is_unpriced(call, event)
    draft = Draft(open=False, reply=event.reply, instead_micros=event.instead_micros)
    state.tasks[call.task_id].drafts[call.tool_call_id] = draft


def _failed(state: RunState, call: ev.CallRequested, event: ev.CallFailed, _: AgentLoop) -> None:
    _spent(state, call, event.cost_micros)
    _tally(state, call.task_id).unpriced |= event.unpriced
    drafts = state.tasks[call.task_id].drafts
    if event.code == "call.lost":  # the same question again, in a new call
        del drafts[call.tool_call_id]
    else:
        drafts[call.tool_call_id] = Draft(open=False)


def _refused(state: RunState, event: ev.CallRefused) -> None:
    state.tasks[event.task_id].drafts[event.tool_call_id] = Draft(open=False, refused=True)


def _unask(state: RunState, call: ev.CallRequested) -> None:
    if task := state.tasks.get(call.task_id):
        task.drafts.pop(call.tool_call_id, None)


def _compared(state: RunState, event: ev.DraftsCompared, loop: AgentLoop) -> None:
    task = state.tasks[event.task_id]
    if not event.agreed:
        task.undrafted = True
        return
    draft = task.drafts[f"{event.turn}.{event.models.index(event.chosen)}"]
    task.drafts = {}
    _settled_cheaply(_tally(state, event.task_id), event.strong_micros)
    threads.spoken(task)
    if task.agent is not None and task.loop is not None and draft.reply is not None:
        task.loop = loop.on_model(task.agent, task.loop, draft.reply)


def spoken(state: RunState, call: ev.CallRequested, event: ev.CallSucceeded) -> None:
    """A model has spoken alone in a task."""
    task = state.tasks[call.task_id]
    task.drafts, task.undrafted, task.declined = {}, False, False
    if (known := compared_with(task)) is None:
        return
    cheap, strong = known
    tally = _tally(state, call.task_id)
    if call.name == strong:
        tally.strong += 1
    elif call.name in cheap:
        _spent(state, call, event.cost_micros)
        tally.unpriced |= _is_unpriced(call, event)
        _settled_cheaply(tally, event.instead_micros)
        task.declined = event.reply is not None and event.reply.finish == "refused"


def silent(state: RunState, call: ev.CallRequested, event: ev.CallFailed) -> None:
    """A model that was to speak alone did not."""
    known = compared_with(state.tasks[call.task_id])
    if known is not None and call.name in known[0] and call.name != known[1]:
        _spent(state, call, event.cost_micros)
        _tally(state, call.task_id).unpriced |= event.unpriced


def thrown_away(state: RunState, task: TaskState) -> None:
    """The task begins anew: what cheap models said in it was paid and settled nothing."""
    if known := state.cascades.get(task.spec.id):
        known.cheap, known.instead_micros, known.unknown = 0, 0, False


def inherit(state: RunState) -> None:
    """The books begin anew; what another run paid for saves this one nothing."""
    state.cascades = {}
    for task in state.tasks.values():
        for draft in task.drafts.values():
            draft.instead_micros = 0


def drop(task: TaskState) -> None:
    """Another model speaks in the task from here on."""
    task.drafts, task.undrafted, task.declined = {}, False, False


def _tally(state: RunState, task_id: str) -> Tally:
    return state.cascades.setdefault(task_id, Tally())


def _spent(state: RunState, call: ev.CallRequested, micros: int) -> None:
    _tally(state, call.task_id).drafts_micros += micros


def _settled_cheaply(tally: Tally, instead: int | None) -> None:
    tally.cheap += 1
    tally.unknown |= instead is None
    tally.instead_micros += instead or 0


def _is_unpriced(call: ev.CallRequested, event: ev.CallSucceeded) -> bool:
    return event.reply is not None and event.reply.cost_micros is None and call.reserved_micros == 0


PURPOSE = Purpose(asked=_asked, succeeded=_succeeded, failed=_failed, unask=_unask, refused=_refused)
HANDLERS: Handlers = {ev.DraftsCompared: _compared}
