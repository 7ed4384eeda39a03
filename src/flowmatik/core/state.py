"""What a run is at one point of its journal; built by `fold` and by nothing else."""

from dataclasses import dataclass, field
from typing import Any

from flowmatik.contracts.agents import AgentVersion, LoopState
from flowmatik.contracts.answers import Answer
from flowmatik.contracts.guardrails import Found
from flowmatik.contracts.models import ModelReply
from flowmatik.contracts.plans import Declined, Estimate, PlanTask
from flowmatik.contracts.runs import Check, RunStatus, TaskStatus
from flowmatik.contracts.tools import Effect
from flowmatik.core.events import (
    ApprovalDecided,
    ApprovalRequested,
    ApprovalVoted,
    CallFailed,
    CallInDoubt,
    CallRefused,
    CallRequested,
    CompensationBegun,
    GuardrailTripped,
    PlanChanged,
    PlanProposed,
    RunCreated,
    RunForked,
    RunPaused,
    SubRunRequested,
    TaskRouted,
    TasksProposed,
    ThreadSummarised,
    WaitBegun,
)


@dataclass(slots=True, kw_only=True)
class Child:
    """A sub-run as its parent shows it."""

    child_id: str
    item: int | None
    status: RunStatus = RunStatus.RUNNING


@dataclass(slots=True, kw_only=True)
class Fan:
    """The sub-runs of one task, of which there may be very many: counts, and the first of them by name.
    What became of each is in the events. `count` is how many there are to be; None while nobody knows."""

    count: int | None = None
    begun: int = 0
    open: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    first: dict[str, Child] = field(default_factory=lambda: {})  # by sub-run


@dataclass(slots=True, kw_only=True)
class Asked:
    """A call about which people have not decided yet. `votes` are those that count, for `arguments` as they
    are now; `approvers` who may decide by now."""

    request: ApprovalRequested
    arguments: dict[str, Any]
    arguments_hash: str
    approvers: tuple[str, ...]
    votes: tuple[ApprovalVoted, ...] = ()


@dataclass(slots=True, kw_only=True)
class Held:
    """A tool's result that its agent has not been told yet, for what guardrails found in it."""

    name: str
    result: Any
    found: tuple[Found, ...]


@dataclass(slots=True, kw_only=True)
class Judged:
    """What came of asking a judge. `text` and `finish` are its reply; `error_code` says why there is none."""

    open: bool = True
    text: str = ""
    finish: str = ""
    error_code: str = ""
    error: str = ""
    error_values: dict[str, Any] = field(default_factory=lambda: {})


@dataclass(slots=True, kw_only=True)
class Draft:
    """What a cheap model says in a turn; without a reply once it is not open it failed, or was `refused` the
    money. `instead_micros`: what the strong model would have cost for it, if known."""

    open: bool = True
    reply: ModelReply | None = None
    refused: bool = False
    instead_micros: int | None = None


@dataclass(slots=True, kw_only=True)
class Tally:
    """Of one task's cascade: turns that cheap models and that the strong one settled, what all calls of cheap
    ones cost, and what the strong one would have cost instead of those that stand."""

    cheap: int = 0
    strong: int = 0
    drafts_micros: int = 0
    unpriced: bool = False  # nobody can say what drafts cost
    instead_micros: int = 0
    unknown: bool = False  # nor what the strong one would have


@dataclass(slots=True, kw_only=True)
class TaskState:
    spec: PlanTask
    status: TaskStatus = TaskStatus.PENDING
    agent: AgentVersion | None = None
    model: str = ""
    routed: TaskRouted | None = None
    loop: LoopState | None = None
    output: object = None
    step_done: bool = False
    verification: dict[str, object] | None = None
    checks: tuple[Check, ...] = ()
    passed: bool | None = None
    error_code: str = ""
    error: str = ""
    error_values: dict[str, object] = field(default_factory=lambda: {})
    replanned: bool = False
    notes: tuple[str, ...] = ()
    asked: set[str] = field(default_factory=lambda: set[str]())  # tool calls already requested
    model_open: bool = False
    verify_open: bool = False
    model_failures: int = 0
    refused: bool = False  # a call, by the cap of this task
    away: CallFailed | None = None  # a store that a tool of this task needed
    fan: Fan = field(default_factory=lambda: Fan())
    put_to_people: set[str] = field(default_factory=lambda: set[str]())  # tool calls, decided or not
    granted: dict[str, dict[str, Any]] = field(default_factory=lambda: {})  # their arguments, once approved
    tripped: dict[str, GuardrailTripped] = field(default_factory=lambda: {})  # by place
    held: dict[str, Held] = field(default_factory=lambda: {})  # by tool call
    unfixed: Any = None  # the output as the agent gave it, once another stands for it
    revised: bool = False
    judged: dict[str, Judged] = field(default_factory=lambda: {})  # by the criterion's number
    round: int = 1  # of a part of the plan that is repeated
    counted: tuple[tuple[str, ...], ...] = ()  # what others say, as a vote counted it
    chosen: str = ""  # whose answer it has taken over
    passed_gate: bool = False
    handed: tuple[str, ...] = ()  # the agents that had the task before, by name
    proposed: int = 0  # tasks, for the plan
    drafts: dict[str, Draft] = field(default_factory=lambda: {})  # of this turn, by turn and model
    undrafted: bool = False  # they did not agree: the strong model has the turn
    declined: bool = False  # by a cheap model that speaks alone
    asked_with: int = 0  # how many of the messages that came meanwhile the model is asked with
    read: int = 0  # and was, when it last spoke
    tried: tuple[tuple[str, ...], ...] = ()  # agent and model of the several, before it is tried another way


@dataclass(slots=True, kw_only=True)
class Aside:
    """What is kept to take a step back: of the run's budget, and of each of `scopes`."""

    micros: int
    scopes: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Undoing:
    """How far the compensation of a task is: `pending`, `running`, `succeeded`, `failed` or `in_doubt`."""

    tool: str
    status: str = "pending"
    error_code: str = ""
    error: str = ""
    error_values: dict[str, object] = field(default_factory=lambda: {})


@dataclass(slots=True, kw_only=True)
class Told:
    """What came of asking an adviser; `result` is None while it is asked, and when it could not say."""

    open: bool = True
    result: dict[str, Any] | None = None
    error_code: str = ""
    error: str = ""


@dataclass(slots=True, kw_only=True)
class Digest:
    """What a model was asked to make of the older messages of the run's thread; `text` "" while it is asked,
    and when nothing came of it."""

    open: bool = True
    text: str = ""


@dataclass(slots=True, kw_only=True)
class Remedy:
    """What the model says about a task that failed."""

    open: bool = False
    asked: int = 0
    reply: ModelReply | None = None
    failed: bool = False  # it could not be asked


@dataclass(slots=True, kw_only=True)
class Note:
    """On the board of a run; `task_id` wrote it."""

    value: Any
    task_id: str


@dataclass(slots=True, kw_only=True)
class Adapting:
    """How the plan has changed. `settled`: failed tasks for which nothing more is tried, and why."""

    remedies: dict[str, Remedy] = field(default_factory=lambda: {})  # by failed task
    proposal: TasksProposed | None = None  # accepted, and not in the plan yet
    superseded: set[str] = field(default_factory=lambda: set[str]())
    settled: dict[str, str] = field(default_factory=lambda: {})
    seen: dict[str, str] = field(default_factory=lambda: {})  # what failed, and how; the first such task
    origin: dict[str, str] = field(default_factory=lambda: {})  # the task that one stands in for
    tried: dict[str, list[str]] = field(default_factory=lambda: {})  # agents, by the first of such tasks
    made: list[PlanChanged] = field(default_factory=lambda: [])
    changes: int = 0  # for failures
    stale: int = 0  # of these, since a task last succeeded
    frugal: bool = False


@dataclass(slots=True, kw_only=True)
class RunState:
    """Mutable only inside `fold`. Amounts are micro-dollars."""

    created: RunCreated
    status: RunStatus = RunStatus.QUEUED
    epoch: int = 0
    seq: int = 0
    calls: int = 0
    open: dict[str, CallRequested] = field(default_factory=lambda: {})
    doubt: dict[str, CallInDoubt] = field(default_factory=lambda: {})
    subs: dict[str, SubRunRequested] = field(default_factory=lambda: {})  # under way
    sub_count: int = 0
    reserved_below: int = 0  # for sub-runs, of the run's budget
    spent_micros: int = 0  # with what sub-runs that ended have cost
    unpriced: bool = False  # something was spent of which nobody can say how much
    reserved_micros: int = 0
    aside: dict[str, Aside] = field(default_factory=lambda: {})  # by task
    spent_on: dict[str, int] = field(default_factory=lambda: {})  # by task; "" is the plan
    spent_on_judges: dict[str, int] = field(default_factory=lambda: {})  # by task and criterion's number
    cascades: dict[str, Tally] = field(default_factory=lambda: {})  # by task
    held: dict[str, int] = field(default_factory=lambda: {})  # of each shared cap, what it spent included
    charged: dict[str, int] = field(default_factory=lambda: {})  # spent, by shared cap
    charged_to_all: int = 0  # spent by calls of older versions, which did not say whose caps bear them
    drew: bool = False  # on shared caps
    input_tokens: int = 0
    output_tokens: int = 0
    models: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()  # kinds of data that tools have answered with
    cancel: str | None = None
    hard: bool = False  # the cancel: nothing is awaited or taken back
    deadline_passed: bool = False
    deadline_moved: bool = False
    paused: RunPaused | None = None
    priority: int | None = None  # as it was changed
    acted: list[str] = field(default_factory=lambda: [])  # steps that succeeded, in that order
    undoing: CompensationBegun | None = None
    undone: dict[str, Undoing] = field(default_factory=lambda: {})  # by task, in the order of undoing
    fork: RunForked | None = None
    permitted: set[str] = field(default_factory=lambda: set[str]())  # calls that a person had repeated
    inherited_micros: int = 0  # what the history that the run began with had cost
    refused: CallRefused | None = None
    away: CallFailed | None = None  # the store that is recalled from
    planner: str = ""
    plan_reason: str = ""
    plan_code: str = ""
    plan_values: dict[str, object] = field(default_factory=lambda: {})
    tasks: dict[str, TaskState] = field(default_factory=lambda: {})
    live: dict[str, TaskState] = field(default_factory=lambda: {})  # not ended, and all they need has
    blocked: dict[str, int] = field(default_factory=lambda: {})  # how many needs of a task have not ended
    dependents: dict[str, list[str]] = field(default_factory=lambda: {})
    recall: dict[str, object] = field(default_factory=lambda: {})
    recall_asked: set[str] = field(default_factory=lambda: set[str]())
    plan_open: bool = False
    plan_reply: ModelReply | None = None
    plan_errors: tuple[str, ...] = ()
    plan_attempts: int = 0
    plan_failed: bool = False
    plan_failure: CallFailed | None = None
    plan_details: tuple[dict[str, Any], ...] = ()
    proposed: PlanProposed | None = None
    plan_asked: bool = False  # people, about what is proposed
    plan_verdict: ApprovalDecided | None = None
    declined: tuple[Declined, ...] = ()  # planners that could not
    estimate: Estimate | None = None
    plan_edited_by: str = ""
    waits: dict[str, WaitBegun] = field(default_factory=lambda: {})  # open ones
    waits_begun: int = 0
    signals: dict[str, list[Any]] = field(default_factory=lambda: {})  # that came before their waits
    approvals: dict[str, Asked] = field(default_factory=lambda: {})  # not decided yet
    approvals_asked: int = 0
    withdrawn: list[str] = field(default_factory=lambda: [])  # approvals that nobody needs any more
    planned: dict[str, PlanTask] = field(default_factory=lambda: {})  # as the plan had them first
    advice: dict[str, Told] = field(default_factory=lambda: {})  # by `brain.advice.key_of`
    said: tuple[str, ...] = ()  # to the thread, while the run was on
    said_numbers: tuple[int, ...] = ()  # of these messages
    digest: Digest | None = None
    summarised: ThreadSummarised | None = None
    adapting: Adapting = field(default_factory=lambda: Adapting())
    board: dict[str, Note] = field(default_factory=lambda: {})
    agents_ended: int = 0  # tasks of agents, however
    known_at: str = ""  # when the last call was asked for
    composed: tuple[AgentVersion, ...] = ()  # agents beside those that it began with
    answer: Answer | None = None
    verified: tuple[Check, ...] = ()
    ended: bool = False
    ended_at: str = ""
    error_code: str = ""
    error: str = ""
    error_values: dict[str, object] = field(default_factory=lambda: {})

    @property
    def stopping(self) -> bool:
        """No new intents: the run is cancelled, past its deadline or out of money."""
        return self.cancel is not None or self.deadline_passed or self.refused is not None

    @property
    def silent(self) -> bool:
        """Nothing is put to people or waited for any more, but about what is taken back."""
        return self.stopping and self.undoing is None

    def bars(self, purpose: str) -> bool:
        """Whether no call for this may begin any more: only what takes back goes on after a stop."""
        return self.stopping and (self.hard or purpose != "compensate")

    def holds_back(self, call: CallRequested) -> bool:
        """Whether the fork that this run began with keeps the call from being made: nobody has allowed it,
        and it has not begun. A retry of a fork is held back as the fork was."""
        held = self.fork is not None and self.fork.effects != "allow" and call.effect is not Effect.READ
        return held and call.call_id not in self.permitted

    def left_open(self) -> list[CallRequested]:
        """What a new owner takes up: calls with neither an outcome nor a doubt, and of a run that stops also
        those in doubt that were never made."""
        return [
            call
            for call_id, call in self.open.items()
            if call_id not in self.doubt or (self.stopping and self.holds_back(call))
        ]

    @property
    def unsettled(self) -> bool:
        """Whether a sub-run is under way, or a call has neither an outcome nor a doubt that nobody can lift:
        the run cannot end yet. After a hard cancel sub-runs are left to end by themselves."""
        return (bool(self.subs) and not self.hard) or any(
            call_id not in self.doubt or self.holds_back(call) for call_id, call in self.open.items()
        )

    def reserved_for(self, task_id: str) -> int:
        calls = sum(_reserved(call) for call in self.open.values() if call.task_id == task_id)
        return calls + sum(sub.budget_micros or 0 for sub in self.subs.values() if sub.task_id == task_id)

    def reserved_of(self, scope: str, *, doubted: bool = True) -> int:
        """Of a shared cap, for open calls, with those in doubt or without."""
        open_calls = (call for call_id, call in self.open.items() if doubted or call_id not in self.doubt)
        return sum(_reserved(call) for call in open_calls if call.scopes is None or scope in call.scopes)

    @property
    def doubted_micros(self) -> int:
        """Set aside for calls in doubt."""
        return sum(_reserved(call) for call_id, call in self.open.items() if call_id in self.doubt)

    @property
    def aside_micros(self) -> int:
        """To take back what was done: it comes back to nobody before the run has ended."""
        return sum(one.micros for one in self.aside.values())

    @property
    def tied_micros(self) -> int:
        """Of the run's budget, what is spent or set aside for anything."""
        return self.spent_micros + self.reserved_micros + self.reserved_below + self.aside_micros

    def bound(self, scope: str) -> int:
        """What of a shared cap is spent, or set aside for open calls and to take back what was done."""
        aside = sum(one.micros for one in self.aside.values() if scope in one.scopes)
        return self.charged.get(scope, 0) + self.charged_to_all + self.reserved_of(scope) + aside

    def agent_named(self, name: str) -> AgentVersion | None:
        known = (*self.created.agents, *self.composed)
        return next((a for a in known if name in (a.name, a.ref())), None)


def _reserved(call: CallRequested) -> int:
    return call.reserved_micros + call.undo_micros
