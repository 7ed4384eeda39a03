"""The journal's event types: what a run consists of.

Facts come from outside (outcomes, inputs, claims); decisions follow from the facts by `decide`
alone. Replay relies on that split: given the facts, the decisions must come out the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.answers import Answer
from flowmatik.contracts.models import ModelReply
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import Check
from flowmatik.contracts.tools import Effect
from flowmatik.core.journal.port import NewEvent, StoredEvent
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import EngineError

BY_THE_ENGINE = frozenset({"engine.fault", "engine.history"})  # codes of runs that it gave up itself
OLDEST_DECISION_VERSION = 1  # runs of older ones must have ended before this program takes over
# 2: what is said to people carries a code and values. 3: a plan that stands in for the model's says so,
# and a provider that refuses or does not answer the planner ends the run.
# 4: arithmetic is calculated; rankings and rows are asked of the tables; a call that the cap of its task
# refuses ends the task, and the run goes on; the answer is that of the plan's ends; tasks have ids; agents
# know a reply that was cut off; what models are asked is compared in a replay; a store that cannot be read
# fails the task that needs it.
DECISION_VERSION = 4


def check_of(stored: object) -> object:
    """A check as it stands in the journal: an object, or (criterion, passed, detail) of version 1."""
    if not isinstance(stored, list | tuple):
        return stored
    row = cast("Sequence[Any]", stored)
    check = Check(criterion=str(row[0]), passed=bool(row[1]), detail=str(row[2]))
    return replace(check, code=str(row[3]), values=row[4]) if len(row) > 4 else check


StoredCheck = Annotated[Check, BeforeValidator(check_of)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedTool:
    effect: Effect
    timeout: float
    key_ttl: float = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCreated:
    """Everything that the run is pinned to, so that later changes cannot touch it."""

    run_id: str
    workspace_id: str
    goal: str
    created_at: str
    model: str
    agent: str = ""
    language: str = ""
    budget_micros: int | None = None
    deadline_at: str = ""
    sources: tuple[str, ...] = ()
    principal: str = ""
    agents: tuple[AgentVersion, ...] = ()
    tools: dict[str, PinnedTool] = field(default_factory=lambda: {})
    plan: tuple[PlanTask, ...] = ()
    decision_version: int = DECISION_VERSION
    traceparent: str = ""  # W3C; "" in runs of older versions


@dataclass(frozen=True, slots=True, kw_only=True)
class RunClaimed:
    epoch: int
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequested:
    """The intent, committed before the effect. A model call's messages follow from the state,
    so only their hash is kept."""

    call_id: str
    kind: str  # "model" | "tool"
    name: str
    purpose: str
    task_id: str
    effect: Effect
    idempotency_key: str
    at: str
    start_by: str
    timeout: float
    key_ttl: float = 86_400.0
    arguments: dict[str, Any] = field(default_factory=lambda: {})
    tool_call_id: str = ""
    request_hash: str = ""
    reserved_micros: int = 0
    priced: bool = True  # False: nobody knows what it may cost, and nothing is reserved
    scopes: tuple[str, ...] | None = None  # the shared caps that bear it; None: all that the run draws on


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPostponed:
    """A `once` effect that has not begun, and may begin until a later time."""

    call_id: str
    at: str
    start_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRefused:
    """The call was not made: no money, or no provable bound under a cap. `of_task`: under the cap of its
    task alone, which ends with it; else the run does."""

    call_id: str
    purpose: str
    task_id: str
    tool_call_id: str
    code: str
    message: str
    values: dict[str, Any] = field(default_factory=lambda: {})
    of_task: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSucceeded:
    call_id: str
    result: Any = None
    reply: ModelReply | None = None
    cost_micros: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFailed:
    """A definite failure: nothing took effect (or, for a model, nothing usable came back). `message`
    says in English what `code` and `values` say for the catalogues. `unpriced`: it may have cost something
    of which nobody can say how much."""

    call_id: str
    code: str
    message: str
    cost_micros: int = 0
    unpriced: bool = False
    values: dict[str, Any] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class CallInDoubt:
    """An effect whose outcome nobody can tell; a person decides. `why` says in English what
    `code` and `values` say for the catalogues."""

    call_id: str
    why: str
    code: str = ""
    values: dict[str, Any] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtResolved:
    call_id: str
    resolution: str  # "done" | "repeat" | "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AllotmentCounted:
    """What the run holds of each shared cap: when a new owner takes it up, and when it gave back what
    it did not need. Older versions had one number for all caps, which folds to nothing: the next owner
    counts before it relies on any."""

    held: dict[str, int] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class AllotmentGranted:
    """An amount of each shared cap that was short; of older versions as in AllotmentCounted."""

    n: int
    amounts: dict[str, int] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested:
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlinePassed:
    deadline_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanAdopted:
    planner: str
    reason: str
    tasks: tuple[PlanTask, ...]
    reason_code: str = ""
    values: dict[str, Any] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRejected:
    """`details` say `errors`, which are English, as codes with values (from decision version 3)."""

    planner: str
    errors: tuple[str, ...]
    details: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRouted:
    task_id: str
    agent: str
    model: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskVerified:
    task_id: str
    passed: bool
    checks: tuple[StoredCheck, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskReplanned:
    """The failed part of the plan, tried another way, once."""

    task_id: str
    replacement: PlanTask
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRefused:
    """A model wished for a tool that its task may not use; the model is told."""

    task_id: str
    tool_call_id: str
    name: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSucceeded:
    task_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFailed:
    task_id: str
    code: str
    message: str
    values: dict[str, Any] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSkipped:
    task_id: str
    reason: str
    reason_code: str = ""
    values: dict[str, Any] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSucceeded:
    at: str
    answer: Answer
    verified: tuple[StoredCheck, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailed:
    at: str
    code: str
    message: str
    values: dict[str, Any] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCancelled:
    at: str
    reason: str


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
)
DECISIONS = (
    CallRequested,
    CallRefused,
    PlanAdopted,
    PlanRejected,
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
    | PlanAdopted
    | PlanRejected
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
)

_ADAPTERS: dict[str, TypeAdapter[Any]] = {t.__name__: TypeAdapter(t) for t in (*FACTS, *DECISIONS)}


def encode(event: Event) -> NewEvent:
    return NewEvent(type=type(event).__name__, payload=canonical.dumps(event))


def decode(stored: StoredEvent) -> Event:
    """The typed event. Raises EngineError (`engine.event`) for a type or shape that this
    version does not know: a newer version wrote it."""
    adapter = _ADAPTERS.get(stored.type)
    if adapter is None:
        raise EngineError(
            f"event {stored.seq} has the unknown type {stored.type!r}: it was written by a newer "
            "Flowmatik; run that version",
            code="engine.event",
        )
    try:
        # Read by what wrote it: the validation library's own reader stops at fewer levels of nesting.
        return adapter.validate_python(canonical.loads(stored.payload))
    except ValueError as error:
        faults = error.error_count() if isinstance(error, ValidationError) else 1
        raise EngineError(
            f"event {stored.seq} ({stored.type}) cannot be read: a newer Flowmatik wrote it, or it is "
            f"damaged ({faults} faults); run that version, or restore a backup",
            code="engine.event",
        ) from error
