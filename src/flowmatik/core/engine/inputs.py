"""What an input in a run's inbox says, as facts: nothing when the run has gone past it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flowmatik.core import events as ev
from flowmatik.core.brain.conversation import passes, takes
from flowmatik.core.engine import pause_inputs
from flowmatik.core.engine.deadlines import deadline_timer
from flowmatik.core.engine.handover import outcome_of
from flowmatik.core.engine.parts import DriverParts
from flowmatik.core.engine.patience import retried
from flowmatik.core.journal.port import Claim, Input, StoredEvent
from flowmatik.core.state import RunState
from flowmatik.kernel import canonical

HARD_CANCEL = "cancel:hard"  # the id of that input
Reading = Callable[[Input, Mapping[str, Any], RunState], Sequence[ev.Event]]


class Inbox:
    """What was put to one run."""

    def __init__(self, claim: Claim, parts: DriverParts) -> None:
        self._run_id = claim.head.run_id
        self._parts = parts
        self._brought = claim.inputs  # by the claim: the first look need not ask the journal

    async def after(self, seen: int) -> Sequence[Input]:
        """What came after the input `seen`, once the journal can be used."""
        brought, self._brought = self._brought, None
        if brought:
            return brought
        inbox = self._parts.journal.inbox
        return await retried(lambda: inbox(self._run_id, after=seen), self._parts.clock)


def facts_of(item: Input, state: RunState) -> Sequence[ev.Event]:
    """In the order in which they hold. An input of an unknown kind says nothing."""
    reading = _READINGS.get(item.kind)
    if reading is None or state.ended:
        return ()
    return reading(item, canonical.loads(item.payload) if item.payload else {}, state)


def ends_at_once(item: Input) -> str | None:
    """The reason of a person who ends the run whatever is under way; None for any other input."""
    body: Any = canonical.loads(item.payload) if item.kind == "cancel" and item.payload else {}
    return str(body.get("reason", "")) if body.get("hard") else None


def _cancel(_: Input, body: Mapping[str, Any], state: RunState) -> Sequence[ev.Event]:
    hard = bool(body.get("hard", False))
    if state.cancel is not None and (state.hard or not hard):
        return ()
    return (ev.CancelRequested(reason=str(body.get("reason", "")), hard=hard),)


def _timer(item: Input, _: Mapping[str, Any], state: RunState) -> Sequence[ev.Event]:
    if item.input_id == f"timer:{deadline_timer(state)}":
        return (ev.DeadlinePassed(deadline_at=state.created.deadline_at),)
    return pause_inputs.timer(item, state)


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


def _pause(_: Input, body: Mapping[str, Any], state: RunState) -> Sequence[ev.Event]:
    if state.paused is not None:
        return ()
    return (ev.RunPaused(by=str(body.get("by", "")), reason=str(body.get("reason", ""))),)


def _unpause(_: Input, body: Mapping[str, Any], state: RunState) -> Sequence[ev.Event]:
    return () if state.paused is None else (ev.RunUnpaused(by=str(body.get("by", ""))),)


def _change(_: Input, body: Mapping[str, Any], state: RunState) -> Sequence[ev.Event]:
    """Too late for a run that is stopping: it has passed the deadline, or is refused the money, already."""
    if state.stopping:
        return ()
    return (
        ev.RunChanged(
            budget_micros=body.get("budget_micros"),
            deadline_at=str(body.get("deadline_at", "")),
            priority=body.get("priority"),
            by=str(body.get("by", "")),
        ),
    )


def _message(_: Input, body: Mapping[str, Any], state: RunState) -> Sequence[ev.Event]:
    """Of the run's own thread alone. What reaches nobody any more stays with the thread, for its next run."""
    if body.get("thread") != state.created.thread or not takes(state):
        return ()
    if not {*body.get("earlier", ())} <= {*state.said_numbers}:
        return ()  # the next run is to answer what was said before
    number, text = int(body["number"]), passes(state, str(body["text"]))
    if text is None:
        return ()
    author = str(body.get("author", ""))
    return (ev.MessageReceived(thread=state.created.thread, number=number, text=text, author=author),)


_READINGS: Mapping[str, Reading] = {
    "cancel": _cancel,
    "timer": _timer,
    "resolve": _resolve,
    "outcome": _outcome,
    "subrun": _sub_run,
    "signal": pause_inputs.signal,
    "hook": pause_inputs.hook,
    "approval": pause_inputs.approval,
    "pause": _pause,
    "unpause": _unpause,
    "change": _change,
    "message": _message,
}
