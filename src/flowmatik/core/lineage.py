"""What a run inherits of another one's history. Pure.

The prefix is copied as it stands, decisions and all, so that it folds and replays as it did; what was asked
of the parent alone, and what ended it, is left out. Calls that are open at the end of the prefix are dropped
by the fold of the event that follows it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from flowmatik.contracts.guardrails import GUARD, UNDO
from flowmatik.contracts.runs import RunStatus, TaskStatus
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.journal.port import NewEvent, StoredEvent
from flowmatik.core.state import RunState
from flowmatik.kernel import canonical

ENDS = ("RunSucceeded", "RunFailed", "RunCancelled")
NOT_INHERITED = frozenset(
    {
        *ENDS,
        "RunClaimed",
        "AllotmentGranted",
        "AllotmentCounted",
        "CancelRequested",
        "DeadlinePassed",
        "RunPaused",
        "RunUnpaused",
        "RunChanged",
        "CompensationBegun",
        "CompensationFailed",
    }
)
STOPS = ("CancelRequested", "DeadlinePassed", "CallRefused")
CUT_OFF = frozenset({"call.aborted", *ev.BY_THE_ENGINE})  # calls that the parent's end cut off: asked again
OF_CALLS = (ev.CallPostponed, ev.CallSucceeded, ev.CallFailed, ev.CallInDoubt, ev.DoubtResolved)


def inherited(history: Sequence[StoredEvent], upto: int) -> list[NewEvent]:
    """Without the first event, for the new run has its own."""
    found: list[NewEvent] = []
    undoing: set[str] = set()
    stopping = False
    for stored in history[1:]:
        if stored.seq > upto:
            break
        stopping = stopping or stored.type in STOPS
        if stopping and stored.type == "SubRunEnded" and _is_cut_off(ev.decode(stored)):
            continue
        if stored.type in NOT_INHERITED or _is_left_out(ev.decode(stored), undoing):
            continue
        found.append(NewEvent(type=stored.type, payload=stored.payload))
    return found


def _is_cut_off(event: ev.Event) -> bool:
    """A sub-run that was stopped along with the parent: it is run again."""
    return isinstance(event, ev.SubRunEnded) and event.status == RunStatus.CANCELLED.value


def _is_left_out(event: ev.Event, undoing: set[str]) -> bool:
    if isinstance(event, ev.CallRequested) and event.purpose == "compensate":
        undoing.add(event.call_id)
        return True
    if isinstance(event, ev.CallRefused):
        return not event.of_task or event.purpose == "compensate"
    if isinstance(event, ev.GuardrailTripped):
        return event.place == UNDO
    if isinstance(event, ev.ApprovalRequested):  # votes on what nobody was asked say nothing
        return event.tool_call_id == f"{GUARD}:{UNDO}"
    if isinstance(event, ev.CallFailed) and event.code in CUT_OFF:
        return True
    return isinstance(event, OF_CALLS) and event.call_id in undoing


def last_fork(history: Sequence[StoredEvent]) -> int:
    """The last event at which a run can be forked: before it began to end."""
    for stored in history:
        if stored.type in (*ENDS, "CompensationBegun"):
            return stored.seq - 1
    return history[-1].seq


def later_outcomes(history: Iterable[StoredEvent], seq: int) -> tuple[ev.ParentOutcome, ...]:
    """Of the effects whose outcome the prefix up to `seq` does not have."""
    calls: dict[str, ev.CallRequested] = {}
    found: dict[str, ev.ParentOutcome] = {}
    for stored in history:
        event = ev.decode(stored)
        if isinstance(event, ev.CallRequested):
            if event.effect is not Effect.READ and event.purpose != "compensate":
                calls[event.call_id] = event
                found[event.call_id] = _outcome(event, None)
        elif isinstance(event, ev.CallSucceeded | ev.CallFailed) and event.call_id in found:
            if stored.seq <= seq or (isinstance(event, ev.CallFailed) and event.code in CUT_OFF):
                del found[event.call_id]
            else:
                found[event.call_id] = _outcome(calls[event.call_id], event)
    return tuple(found.values())


def _outcome(call: ev.CallRequested, event: ev.CallSucceeded | ev.CallFailed | None) -> ev.ParentOutcome:
    arguments = canonical.dumps(call.arguments)
    match event:
        case ev.CallSucceeded():
            return ev.ParentOutcome(
                task_id=call.task_id,
                tool=call.name,
                arguments=arguments,
                status="succeeded",
                result=canonical.dumps(event.result),
            )
        case ev.CallFailed():
            return ev.ParentOutcome(
                task_id=call.task_id,
                tool=call.name,
                arguments=arguments,
                status="failed",
                code=event.code,
                message=event.message,
                values=event.values,
            )
        case None:
            return ev.ParentOutcome(
                task_id=call.task_id, tool=call.name, arguments=arguments, status="unknown"
            )


def failed_tasks(state: RunState) -> list[str]:
    """Those that failed, and those that were about to when the run ended."""
    return [
        name
        for name, task in state.tasks.items()
        if (task.status is TaskStatus.FAILED and name not in state.adapting.superseded)
        or (task.status in (TaskStatus.PENDING, TaskStatus.RUNNING) and (task.error_code or task.away))
    ]


def taken_back(state: RunState) -> list[str]:
    """Tasks whose effects the parent undid."""
    return [name for name, undone in state.undone.items() if undone.status == "succeeded"]


def effects_in_doubt(state: RunState) -> list[str]:
    return [
        call_id
        for call_id, call in state.open.items()
        if call.effect is not Effect.READ and call_id in state.doubt
    ]


def deadline_again(created: ev.RunCreated, now: datetime) -> str:
    """The new run has as much time as the parent was given."""
    if not created.deadline_at:
        return ""
    given = datetime.fromisoformat(created.deadline_at) - datetime.fromisoformat(created.created_at)
    return (now + given).isoformat()
