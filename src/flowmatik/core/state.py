"""What a run is at one point of its journal; built by `fold` and by nothing else."""

from dataclasses import dataclass, field
from typing import Any

from flowmatik.contracts.agents import AgentVersion, LoopState
from flowmatik.contracts.answers import Answer
from flowmatik.contracts.models import ModelReply
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import Check, RunStatus, TaskStatus
from flowmatik.core.events import (
    CallFailed,
    CallInDoubt,
    CallRefused,
    CallRequested,
    RunCreated,
    SubRunRequested,
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
class TaskState:
    spec: PlanTask
    status: TaskStatus = TaskStatus.PENDING
    agent: AgentVersion | None = None
    model: str = ""
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
    spent_on: dict[str, int] = field(default_factory=lambda: {})  # by task; "" is the plan
    held: dict[str, int] = field(default_factory=lambda: {})  # of each shared cap, what it spent included
    charged: dict[str, int] = field(default_factory=lambda: {})  # spent, by shared cap
    charged_to_all: int = 0  # spent by calls of older versions, which did not say whose caps bear them
    drew: bool = False  # on shared caps
    input_tokens: int = 0
    output_tokens: int = 0
    models: tuple[str, ...] = ()
    cancel: str | None = None
    deadline_passed: bool = False
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

    def reserved_for(self, task_id: str) -> int:
        calls = sum(call.reserved_micros for call in self.open.values() if call.task_id == task_id)
        return calls + sum(sub.budget_micros or 0 for sub in self.subs.values() if sub.task_id == task_id)

    def reserved_of(self, scope: str) -> int:
        """Of a shared cap, for open calls."""
        return sum(
            call.reserved_micros for call in self.open.values() if call.scopes is None or scope in call.scopes
        )

    def bound(self, scope: str) -> int:
        """What of a shared cap is spent or set aside for open calls."""
        return self.charged.get(scope, 0) + self.charged_to_all + self.reserved_of(scope)

    def agent_named(self, name: str) -> AgentVersion | None:
        return next((a for a in self.created.agents if name in (a.name, a.ref())), None)
