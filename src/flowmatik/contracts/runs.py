"""Runs: what callers (CLI, API) may ask of the engine."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.answers import Answer
from flowmatik.contracts.approvals import PendingApproval
from flowmatik.contracts.cascades import CascadeView
from flowmatik.contracts.images import Image
from flowmatik.contracts.plan_views import AlternativeView, PlanChangeView
from flowmatik.contracts.plans import Declined, Estimate, PlanTask
from flowmatik.contracts.routing import RouteView
from flowmatik.contracts.waits import OpenWait
from flowmatik.kernel.events import CloudEvent

MAX_GOAL_CHARACTERS = 20_000
MAX_BUDGET_MICROS = 10**15  # of a run or task: every reader of JSON knows such numbers exactly
MAX_DEADLINE_SECONDS = 366 * 86_400
MAX_PRIORITY = 10
LANGUAGES = ("en", "es")  # in which answers can be asked for
MAX_TAGS = 20
MAX_TAG_CHARACTERS = 64
TAG_ALPHABET = "letters and digits of ASCII, _ - . : /"
MAX_TEXT_CHARACTERS = 200
TEXT_DAYS = 90  # how far back a search for text goes when it says no time


class RunStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    IN_DOUBT = "in_doubt"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self in (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED)


class TaskStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    VERIFYING = "verifying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """`agent`: one agent does the whole goal, without a plan; "" lets the Brain plan.
    `budget_micros`: None is no cap, 0 permits only calls priced 0. `deadline_seconds` from
    creation. `sources`: only from these documents and tables (names or path prefixes, each known to
    memory), from all when empty. `idempotency_key`: the same key in a workspace returns the first run,
    and with another request raises Conflict (`conflict.idempotency_key`). `plan`: run these tasks as
    they are, without a planner (PlanInvalid when they cannot run). `playbook` (its name, or name@version) is
    compiled with `parameters` when the run is created, and is its plan; a run without a goal gets that of its
    playbook. `traceparent`: the W3C trace that the
    run belongs to; a new one when it is missing or invalid. `tags`: what it is found by, at most MAX_TAGS
    of at most MAX_TAG_CHARACTERS of TAG_ALPHABET each. `priority`: -MAX_PRIORITY to MAX_PRIORITY, higher
    goes first within a workspace. `schedule` (its name) and `scheduled_at` are set by schedules alone.
    `thread`: the conversation that it belongs to and whose messages it knows, which must be there; those from
    number `thread_before` on are left out when it is not 0. `thread_turn` is set by threads alone.
    `sticky`: runs with the same one get the same version of an agent, where a channel has several; "" is that
    of its thread, else its own. `images`: pictures that its agents see beside the goal, with their bytes;
    kept without metadata. InvalidInput (`input.vision`) when no model that would be asked sees any."""

    goal: str
    agent: str = ""
    language: str = ""  # of the answer, one of LANGUAGES; "" = the goal's own
    budget_micros: int | None = None
    deadline_seconds: float | None = None
    sources: tuple[str, ...] = ()
    idempotency_key: str = ""
    principal: str = ""
    plan: tuple[PlanTask, ...] = ()
    playbook: str = ""
    parameters: dict[str, Any] = field(default_factory=lambda: {})
    traceparent: str = ""
    tags: tuple[str, ...] = ()
    priority: int = 0
    schedule: str = ""
    scheduled_at: str = ""
    thread: str = ""
    thread_before: int = 0
    thread_turn: int = 0
    sticky: str = ""
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs: those for which everything that is given holds. `statuses`: one of them. `agent`: the one
    that the run was given to; a run that was planned has none. `tags`: all of them. `created_after`
    (inclusive) and `created_before` (exclusive) are RFC 3339. `text`: every word of it begins a word of the
    first 2,000 characters of the goal, whatever case and accents; without `created_after` only runs of the
    last TEXT_DAYS days are looked through. `parent`: the run that waits for them. `thread`: the conversation
    that they belong to."""

    statuses: tuple[RunStatus, ...] = ()
    agent: str = ""
    tags: tuple[str, ...] = ()
    created_after: str = ""
    created_before: str = ""
    text: str = ""
    parent: str = ""
    thread: str = ""


EVERY_RUN = RunFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was verified. `detail` says in English what was seen; `code` and `values` say
    the same for the catalogues ("" and nothing in runs of older versions). `optional`: its task does not fail
    for it."""

    criterion: str
    passed: bool
    detail: str = ""
    code: str = ""
    values: dict[str, Any] = field(default_factory=lambda: {})
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SubRunView:
    """`item` is the place of a map's item, from 0; None for a task that is one run."""

    id: str
    status: RunStatus
    item: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubRunsView:
    """The runs that a task has begun: how many, and the first 100. `total`: how many there are to be;
    None while nobody knows."""

    total: int | None
    running: int
    succeeded: int
    failed: int
    cancelled: int
    first: tuple[SubRunView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """`error_code` and `error_values` say `error`, which is English, for the catalogues. An `output` that is
    large stands by reference, {"$blob": {"sha256", "bytes", "preview"}}. `sub_runs`: of a task that is a
    run, or one for each of many items. `route`: why the agent was
    chosen; None before that, and of steps. `cascade`: None where no cheap model was asked before another."""

    id: str
    objective: str
    skill: str
    needs: tuple[str, ...]
    agent: str
    status: TaskStatus
    output: Any = None
    checks: tuple[Check, ...] = ()
    error: str = ""
    error_code: str = ""
    error_values: dict[str, Any] = field(default_factory=lambda: {})
    sub_runs: SubRunsView | None = None
    route: RouteView | None = None
    cascade: CascadeView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkedFrom:
    """The run whose history up to `seq` another one began with, and how: "fork" or "retry"."""

    run_id: str
    seq: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CompensationView:
    """How far what a task did has been taken back: `pending`, `running`, `succeeded`, `failed` or
    `in_doubt`. `error_code` and `error_values` say `error`, which is English, for the catalogues."""

    task_id: str
    tool: str
    status: str
    error: str = ""
    error_code: str = ""
    error_values: dict[str, Any] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class InDoubtCall:
    """`why_code` and `why_values` say `why`, which is English, for the catalogues. `recorded` is what the run
    that this one was forked from got of the same call; None when it got nothing."""

    call_id: str
    tool: str
    arguments: dict[str, Any]
    why: str
    why_code: str = ""
    why_values: dict[str, Any] = field(default_factory=lambda: {})
    recorded: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureView:
    """`bytes` its length; `sha256` is that of the blob which the run keeps."""

    sha256: str
    media_type: str
    bytes: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run as people see it. `declined`: the planners that were asked before `planner` and could not;
    `estimate` is of its plan, `alternatives` are others that `planner` would take. While people decide about
    a plan, all that is of the plan that they are asked about. `changes`: how the plan changed while it ran.
    `cost_micros` is settled cost, None when a call's price is unknown; times are RFC 3339 UTC text.
    `waiting_for`: what a run that rests needs most: "person", "unpause", "approval", "webhook", "signal" or
    "time". Texts are English or a model's; what has a `…_code` and `…_values` beside it can be said in any
    language. `inherited_micros` is what the history of `forked_from` had cost, which is not in
    `cost_micros`."""

    id: str
    workspace_id: str
    goal: str
    status: RunStatus
    created_at: str
    ended_at: str = ""
    head_seq: int = 0
    planner: str = ""
    plan_reason: str = ""
    plan_code: str = ""
    plan_values: dict[str, Any] = field(default_factory=lambda: {})
    declined: tuple[Declined, ...] = ()
    estimate: Estimate | None = None
    alternatives: tuple[AlternativeView, ...] = ()
    changes: tuple[PlanChangeView, ...] = ()
    plan_edited_by: str = ""
    playbook: str = ""
    tasks: tuple[TaskView, ...] = ()
    answer: Answer | None = None
    verified: tuple[Check, ...] = ()
    cost_micros: int | None = 0
    budget_micros: int | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    error_code: str = ""
    error: str = ""
    error_values: dict[str, Any] = field(default_factory=lambda: {})
    waiting_for: str = ""
    in_doubt: tuple[InDoubtCall, ...] = ()
    models: tuple[str, ...] = ()
    waits: tuple[OpenWait, ...] = ()
    approvals: tuple[PendingApproval, ...] = ()
    deadline_at: str = ""
    compensations: tuple[CompensationView, ...] = ()
    forked_from: ForkedFrom | None = None
    inherited_micros: int = 0
    tags: tuple[str, ...] = ()
    priority: int = 0
    schedule: str = ""
    scheduled_at: str = ""
    parent: str = ""  # the run that this one is a part of
    thread: str = ""  # the conversation that it belongs to
    partial: bool = False  # its answer lacks something: `answer.missing`
    cascade: CascadeView | None = None  # of all its tasks together
    pictures: tuple[PictureView, ...] = ()
    unseen_by: tuple[str, ...] = ()  # tasks that have gone to a model which sees no pictures
    currency: str = "USD"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """`cost_micros` as in RunView, `agent` as in RunFilter."""

    id: str
    goal: str
    status: RunStatus
    created_at: str
    ended_at: str = ""
    cost_micros: int | None = 0
    agent: str = ""
    tags: tuple[str, ...] = ()
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """`next`: opaque cursor, "" on the last page."""

    items: tuple[RunSummary, ...]
    next: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayDifference:
    """`task_id` is "" for the run itself; `decided` may be `nothing`."""

    seq: int
    task_id: str
    recorded: str
    decided: str

    def __str__(self) -> str:
        return f"seq {self.seq}: {self.recorded} ≠ {self.decided}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """`differences` (`seq N: recorded ≠ decided now`) is empty when the history leads to the same
    decisions; `details` are the same in parts. `against` says under what else it was decided: a decision
    version or a version of an agent, and then there may be a difference for each task."""

    run_id: str
    events: int
    decisions: int
    differences: tuple[str, ...] = field(default=())
    details: tuple[ReplayDifference, ...] = field(default=())
    against: str = ""


class Runs(Protocol):
    """Every method is for one workspace; a run of another one is NotFound (`not_found.run`).

    create: InvalidInput for an empty goal or one above MAX_GOAL_CHARACTERS, an amount or a time out of
    bounds, a language or source that there is not, and what a journal cannot keep; NotFound for an
    unknown agent. cancel: Conflict (`conflict.run_ended`) for an ended run. resume: Conflict
    when there is nothing to resume; with `resolutions` {call_id: "done" | "repeat" | "failed"}
    a person decides calls in doubt.
    """

    async def create(self, workspace_id: str, new: NewRun) -> str: ...

    async def get(self, workspace_id: str, run_id: str) -> RunView: ...

    async def status(self, workspace_id: str, run_id: str) -> RunStatus:
        """Without the rest of what `get` says, for a fraction of its cost."""
        ...

    async def list(
        self, workspace_id: str, wanted: RunFilter = EVERY_RUN, *, cursor: str = "", limit: int = 50
    ) -> Page:
        """Newest first. InvalidInput for a filter that says nothing that could hold (`input.filter`)."""
        ...

    def events(
        self, workspace_id: str, run_id: str, *, after_seq: int = 0, follow: bool = False
    ) -> AsyncIterator[CloudEvent]:
        """Stored events in seq order; with `follow`, goes on until the run has ended, waits
        for a person or is in doubt and has no more events."""
        ...

    async def cancel(self, workspace_id: str, run_id: str, *, reason: str = "") -> None: ...

    async def resume(
        self, workspace_id: str, run_id: str, *, resolutions: dict[str, str] | None = None
    ) -> None: ...

    async def replay(
        self, workspace_id: str, run_id: str, *, against: str | AgentVersion = ""
    ) -> ReplayReport:
        """Without effects. `against`: a decision version, `newest`, `agent@version` of the catalogue, or a
        version that is in no catalogue. InvalidInput (`input.against`, `input.against_agent`) for what this
        program or the run does not know."""
        ...

    async def wait(self, workspace_id: str, run_id: str) -> RunView:
        """Until the run has ended, waits or is in doubt."""
        ...
