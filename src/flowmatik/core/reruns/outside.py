"""What came to a recorded run from people, timers and other systems, as the inputs by which it is given
again; and which runs cannot be given theirs. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from flowmatik.contracts.blobs import may_refer
from flowmatik.contracts.recordings import RecordedRun
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.brain.subruns import ENGINE
from flowmatik.core.engine.births import ITEM_PREFIX
from flowmatik.core.engine.deadlines import DEADLINE_TIMER
from flowmatik.core.engine.pause_inputs import escalation_timer, wait_timer
from flowmatik.core.recordings.reading import stored

# Who had a run when, and what it drew on caps that it shared with others: no part of what it decided.
ASIDE = ("RunClaimed", "AllotmentGranted", "AllotmentCounted")
OUTCOMES = ("CallSucceeded", "CallFailed", "CallInDoubt")
_NEVER = ("CallPostponed", "TaskRetried", "RunForked")


@dataclass(frozen=True, slots=True)
class Given:
    """As it would be in a run's inbox."""

    input_id: str
    kind: str
    body: Mapping[str, Any]


def input_of(event: ev.Event, waits: Mapping[str, ev.WaitBegun], moved: bool) -> Given | None:
    """None for what no input tells. `waits`: those that had begun; `moved`: the deadline had been."""
    body = asdict(event)
    match event:
        case ev.CancelRequested():
            return Given("cancel", "cancel", body)
        case ev.DeadlinePassed(deadline_at=at):
            return _timer(f"{DEADLINE_TIMER}:{at}" if moved else DEADLINE_TIMER)
        case ev.SignalReceived():
            return Given("signal", "signal", body)
        case ev.WaitEnded(wait_id=wait_id, outcome="signalled") if wait_id in waits:
            wait = waits[wait_id]
            kind = "hook" if wait.kind == "webhook" else "signal"
            return Given(kind, kind, {"wait_id": wait_id, "name": wait.name, "data": event.value})
        case ev.WaitEnded(wait_id=wait_id, outcome="due" | "timed_out"):
            return _timer(wait_timer(wait_id))
        case ev.ApprovalEscalated(approval_id=approval_id, step=step):
            return _timer(escalation_timer(approval_id, step))
        case ev.ApprovalDecided() | ev.ApprovalVoted():
            approval_id = body.pop("approval_id")
            decided = isinstance(event, ev.ApprovalDecided)
            said = {"decided": body if decided else None, "vote": None if decided else body}
            return Given("approval", "approval", {"approval_id": approval_id, **said})
        case ev.RunPaused():
            return Given("pause", "pause", body)
        case ev.RunUnpaused():
            return Given("unpause", "unpause", body)
        case ev.RunChanged():
            return Given("change", "change", body)
        case ev.MessageReceived():
            return Given("message", "message", body)
        case ev.DoubtResolved():
            return Given("resolve", "resolve", body)
        case _:
            return None


def _timer(name: str) -> Given:
    return Given(f"timer:{name}", "timer", {})


def unfit(run: RecordedRun) -> Iterator[str]:
    """What in this run the engine cannot be given again; such runs are walked through."""
    created = None
    maps = blobs = False
    reads: set[str] = set()  # calls under way that a cancel would have ended
    late: set[str] = set()
    made: set[str] = set()  # calls of the engine's own, which put away again what they gather
    for one in stored(run):
        event = ev.decode(one)
        if isinstance(event, ev.CallRequested) and event.kind == ENGINE:
            made.add(event.call_id)
        elif may_refer(one.payload) and not _is_made_again(event, made):
            blobs = True
        if isinstance(event, ev.RunCreated):
            created = created or event
        elif isinstance(event, ev.SubRunRequested):
            maps = maps or event.sub_id.startswith(ITEM_PREFIX)
        elif isinstance(event, ev.CallRequested) and event.effect is Effect.READ:
            reads.add(event.call_id)
        elif isinstance(event, ev.CancelRequested | ev.DeadlinePassed):
            late |= reads
        elif isinstance(event, ev.CallSucceeded | ev.CallFailed):
            if event.call_id in late and getattr(event, "code", "") != "call.aborted":
                yield "an answer at the moment of the stop"
            reads.discard(event.call_id)
        elif isinstance(event, ev.CallRefused) and _is_shared(event, created):
            yield "shared caps"
        yield from _unfit(one.type, event)
    if created is None or created.decision_version != ev.DECISION_VERSION:
        yield "decision_version"
    if created is not None and created.forked_from is not None:
        yield "RunForked"
    if maps and blobs:
        yield "blobs"


def _unfit(kind: str, event: ev.Event) -> Iterator[str]:
    if kind in _NEVER:
        yield kind
    elif isinstance(event, ev.CancelRequested) and event.hard:
        yield "hard CancelRequested"
    elif isinstance(event, ev.RunFailed) and event.code in ev.BY_THE_ENGINE:
        yield event.code
    elif isinstance(event, ev.WaitEnded) and event.outcome not in ("signalled", "due", "timed_out"):
        yield f"WaitEnded {event.outcome}"


def _is_made_again(event: ev.Event, made: set[str]) -> bool:
    return isinstance(event, ev.SubRunEnded) or getattr(event, "call_id", "") in made


def _is_shared(event: ev.CallRefused, created: ev.RunCreated | None) -> bool:
    """Whether a cap refused it that runs share, which a recording does not have."""
    own = created is not None and (created.budget_micros is not None or event.of_task)
    return "caps" in event.values or ("price_usd" not in event.values and not own)
