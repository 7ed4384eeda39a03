"""What an input in a run's inbox says, as facts: nothing when the run has gone past it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flowmatik.core import events as ev
from flowmatik.core.engine.handover import outcome_of
from flowmatik.core.journal.port import Input, StoredEvent
from flowmatik.core.state import RunState
from flowmatik.kernel import canonical

DEADLINE_TIMER = "deadline"
Reading = Callable[[Input, Mapping[str, Any], RunState], Sequence[ev.Event]]


def facts_of(item: Input, state: RunState) -> Sequence[ev.Event]:
    """In the order in which they hold. An input of an unknown kind says nothing."""
    reading = _READINGS.get(item.kind)
    if reading is None or state.ended:
        return ()
    return reading(item, canonical.loads(item.payload) if item.payload else {}, state)


def _cancel(_: Input, body: Mapping[str, Any], state: RunState) -> Sequence[ev.Event]:
    return () if state.cancel is not None else (ev.CancelRequested(reason=str(body.get("reason", ""))),)


def _timer(item: Input, _: Mapping[str, Any], state: RunState) -> Sequence[ev.Event]:
    if item.input_id == f"timer:{DEADLINE_TIMER}":
        return (ev.DeadlinePassed(deadline_at=state.created.deadline_at),)
    return ()


def _resolve(_: Input, body: Mapping[str, Any], state: RunState) -> Sequence[ev.Event]:
    call_id = str(body.get("call_id", ""))
    if call_id not in state.doubt:
        return ()
    return (ev.DoubtResolved(call_id=call_id, resolution=str(body["resolution"])),)


def _outcome(item: Input, body: Mapping[str, Any], state: RunState) -> Sequence[ev.Event]:
    return (outcome_of(item),) if body.get("call_id") in state.open else ()


def _sub_run(item: Input, body: Mapping[str, Any], state: RunState) -> Sequence[ev.Event]:
    if body.get("sub_id") not in state.subs:
        return ()
    stored = StoredEvent(seq=0, type=ev.SubRunEnded.__name__, payload=item.payload, at=item.at)
    return (ev.decode(stored),)


_READINGS: Mapping[str, Reading] = {
    "cancel": _cancel,
    "timer": _timer,
    "resolve": _resolve,
    "outcome": _outcome,
    "subrun": _sub_run,
}
