"""The journal's event types: what a run consists of.

Facts come from outside (outcomes, inputs, claims); decisions follow from the facts by `decide`
alone. Replay relies on that split: given the facts, the decisions must come out the same.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from flowmatik.core.events.adapting import (
    PlanChanged as PlanChanged,
)
from flowmatik.core.events.adapting import (
    TasksProposed as TasksProposed,
)
from flowmatik.core.events.approvals import (
    ApprovalDecided as ApprovalDecided,
)
from flowmatik.core.events.approvals import (
    ApprovalEscalated as ApprovalEscalated,
)
from flowmatik.core.events.approvals import (
    ApprovalRequested as ApprovalRequested,
)
from flowmatik.core.events.approvals import (
    ApprovalVoted as ApprovalVoted,
)
from flowmatik.core.events.calls import (
    AllotmentCounted as AllotmentCounted,
)
from flowmatik.core.events.calls import (
    AllotmentGranted as AllotmentGranted,
)
from flowmatik.core.events.calls import (
    CallFailed as CallFailed,
)
from flowmatik.core.events.calls import (
    CallInDoubt as CallInDoubt,
)
from flowmatik.core.events.calls import (
    CallPostponed as CallPostponed,
)
from flowmatik.core.events.calls import (
    CallRefused as CallRefused,
)
from flowmatik.core.events.calls import (
    CallRequested as CallRequested,
)
from flowmatik.core.events.calls import (
    CallSucceeded as CallSucceeded,
)
from flowmatik.core.events.calls import (
    DoubtResolved as DoubtResolved,
)
from flowmatik.core.events.calls import (
    ToolRefused as ToolRefused,
)
from flowmatik.core.events.cascades import (
    DraftsCompared as DraftsCompared,
)
from flowmatik.core.events.checks import (
    check_of as check_of,
)
from flowmatik.core.events.control import (
    CompensationBegun as CompensationBegun,
)
from flowmatik.core.events.control import (
    CompensationFailed as CompensationFailed,
)
from flowmatik.core.events.control import (
    ParentOutcome as ParentOutcome,
)
from flowmatik.core.events.control import (
    RunChanged as RunChanged,
)
from flowmatik.core.events.control import (
    RunForked as RunForked,
)
from flowmatik.core.events.control import (
    RunPaused as RunPaused,
)
from flowmatik.core.events.control import (
    RunUnpaused as RunUnpaused,
)
from flowmatik.core.events.control import (
    TaskRetried as TaskRetried,
)
from flowmatik.core.events.factory import (
    AgentComposed as AgentComposed,
)
from flowmatik.core.events.guards import (
    GuardrailTripped as GuardrailTripped,
)
from flowmatik.core.events.life import (
    CancelRequested as CancelRequested,
)
from flowmatik.core.events.life import (
    DeadlinePassed as DeadlinePassed,
)
from flowmatik.core.events.life import (
    ForkedFrom as ForkedFrom,
)
from flowmatik.core.events.life import (
    PinnedTool as PinnedTool,
)
from flowmatik.core.events.life import (
    RunCancelled as RunCancelled,
)
from flowmatik.core.events.life import (
    RunClaimed as RunClaimed,
)
from flowmatik.core.events.life import (
    RunCreated as RunCreated,
)
from flowmatik.core.events.life import (
    RunFailed as RunFailed,
)
from flowmatik.core.events.life import (
    RunSucceeded as RunSucceeded,
)
from flowmatik.core.events.planning import (
    PlanProposed as PlanProposed,
)
from flowmatik.core.events.subruns import (
    SubRunEnded as SubRunEnded,
)
from flowmatik.core.events.subruns import (
    SubRunRequested as SubRunRequested,
)
from flowmatik.core.events.tasks import (
    PlanAdopted as PlanAdopted,
)
from flowmatik.core.events.tasks import (
    PlanRejected as PlanRejected,
)
from flowmatik.core.events.tasks import (
    TaskFailed as TaskFailed,
)
from flowmatik.core.events.tasks import (
    TaskReplanned as TaskReplanned,
)
from flowmatik.core.events.tasks import (
    TaskRouted as TaskRouted,
)
from flowmatik.core.events.tasks import (
    TaskSkipped as TaskSkipped,
)
from flowmatik.core.events.tasks import (
    TaskSucceeded as TaskSucceeded,
)
from flowmatik.core.events.tasks import (
    TaskVerified as TaskVerified,
)
from flowmatik.core.events.teams import (
    BoardRead as BoardRead,
)
from flowmatik.core.events.teams import (
    BoardWritten as BoardWritten,
)
from flowmatik.core.events.teams import (
    GatePassed as GatePassed,
)
from flowmatik.core.events.teams import (
    RoundRepeated as RoundRepeated,
)
from flowmatik.core.events.teams import (
    TaskHandedOver as TaskHandedOver,
)
from flowmatik.core.events.teams import (
    VoteCounted as VoteCounted,
)
from flowmatik.core.events.teams import (
    VoteJudged as VoteJudged,
)
from flowmatik.core.events.threads import (
    MessageReceived as MessageReceived,
)
from flowmatik.core.events.threads import (
    ThreadSummarised as ThreadSummarised,
)
from flowmatik.core.events.upcasters import upcast
from flowmatik.core.events.versions import (
    BY_THE_ENGINE as BY_THE_ENGINE,
)
from flowmatik.core.events.versions import (
    DECISION_VERSION as DECISION_VERSION,
)
from flowmatik.core.events.versions import (
    OLDEST_DECISION_VERSION as OLDEST_DECISION_VERSION,
)
from flowmatik.core.events.waits import (
    SignalReceived as SignalReceived,
)
from flowmatik.core.events.waits import (
    WaitBegun as WaitBegun,
)
from flowmatik.core.events.waits import (
    WaitEnded as WaitEnded,
)
from flowmatik.core.journal.port import NewEvent, StoredEvent
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import EngineError

FACTS = (
    RunCreated,
    RunClaimed,
    CallPostponed,
    CallSucceeded,
    CallFailed,
    CallInDoubt,
    DoubtResolved,
    AllotmentGranted,
    AllotmentCounted,
    CancelRequested,
    DeadlinePassed,
    SubRunEnded,
    WaitEnded,
    SignalReceived,
    ApprovalVoted,
    ApprovalEscalated,
    ApprovalDecided,
    RunPaused,
    RunUnpaused,
    RunChanged,
    TaskRetried,
    RunForked,
    MessageReceived,
)
DECISIONS = (
    CallRequested,
    SubRunRequested,
    CallRefused,
    PlanProposed,
    PlanAdopted,
    PlanRejected,
    AgentComposed,
    TaskRouted,
    TaskVerified,
    TaskReplanned,
    ToolRefused,
    TaskSucceeded,
    TaskFailed,
    TaskSkipped,
    RunSucceeded,
    RunFailed,
    RunCancelled,
    WaitBegun,
    ApprovalRequested,
    CompensationBegun,
    CompensationFailed,
    GuardrailTripped,
    ThreadSummarised,
    PlanChanged,
    TasksProposed,
    BoardRead,
    BoardWritten,
    GatePassed,
    RoundRepeated,
    TaskHandedOver,
    VoteCounted,
    VoteJudged,
    DraftsCompared,
)
Event = (
    RunCreated
    | RunClaimed
    | CallRequested
    | CallPostponed
    | CallRefused
    | CallSucceeded
    | CallFailed
    | CallInDoubt
    | DoubtResolved
    | AllotmentGranted
    | AllotmentCounted
    | CancelRequested
    | DeadlinePassed
    | SubRunRequested
    | SubRunEnded
    | PlanProposed
    | PlanAdopted
    | PlanRejected
    | AgentComposed
    | TaskRouted
    | TaskVerified
    | TaskReplanned
    | ToolRefused
    | TaskSucceeded
    | TaskFailed
    | TaskSkipped
    | RunSucceeded
    | RunFailed
    | RunCancelled
    | WaitBegun
    | WaitEnded
    | SignalReceived
    | ApprovalRequested
    | ApprovalVoted
    | ApprovalEscalated
    | ApprovalDecided
    | RunPaused
    | RunUnpaused
    | RunChanged
    | TaskRetried
    | RunForked
    | CompensationBegun
    | CompensationFailed
    | GuardrailTripped
    | MessageReceived
    | ThreadSummarised
    | PlanChanged
    | TasksProposed
    | BoardRead
    | BoardWritten
    | GatePassed
    | RoundRepeated
    | TaskHandedOver
    | VoteCounted
    | VoteJudged
    | DraftsCompared
)

_TYPES: dict[str, type[Any]] = {t.__name__: t for t in (*FACTS, *DECISIONS)}


@cache
def _reader(name: str) -> Callable[[Any], Any]:
    """Made when the first event of the type is read: all of them at once would be a tenth of a command."""
    return TypeAdapter[Any](_TYPES[name]).validator.validate_python


def encode(event: Event) -> NewEvent:
    return NewEvent(type=type(event).__name__, payload=canonical.dumps(event))


def decode(stored: StoredEvent) -> Event:
    """The typed event. Raises EngineError (`engine.event`) for a type or shape that this
    version does not know: a newer version wrote it."""
    if stored.type not in _TYPES:
        raise EngineError(
            f"event {stored.seq} has the unknown type {stored.type!r}: it was written by a newer "
            "Flowmatik; run that version",
            code="engine.event",
        )
    try:
        # Read by what wrote it: the validation library's own reader stops at fewer levels of nesting.
        return _reader(stored.type)(upcast(stored.type, canonical.loads(stored.payload)))
    except ValueError as error:
        faults = error.error_count() if isinstance(error, ValidationError) else 1
        raise EngineError(
            f"event {stored.seq} ({stored.type}) cannot be read: a newer Flowmatik wrote it, or it is "
            f"damaged ({faults} faults); run that version, or restore a backup",
            code="engine.event",
        ) from error
