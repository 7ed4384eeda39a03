"""How a run begins, who has it, what people ask of it, and how it ends."""

from dataclasses import dataclass, field
from typing import Any

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.answers import Answer
from flowmatik.contracts.channels import AssignedVersion
from flowmatik.contracts.images import PictureRef
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import Check
from flowmatik.contracts.runs import ForkedFrom as ForkedFrom
from flowmatik.contracts.tools import Effect
from flowmatik.core.events.versions import DECISION_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedTool:
    effect: Effect
    timeout: float
    key_ttl: float = 86_400.0
    labels: tuple[str, ...] = ()  # kinds of data that its results carry
    price_micros: int = 0  # of one call


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
    parent: str = ""  # the run that this one is a part of
    parent_wait: str = ""  # for which of its sub-runs
    depth: int = 0  # how many runs are above it
    forked_from: ForkedFrom | None = None
    tags: tuple[str, ...] = ()
    priority: int = 0
    schedule: str = ""
    scheduled_at: str = ""
    advisers: tuple[str, ...] = ()  # names of whom decisions may ask
    thread: str = ""  # the conversation that it belongs to
    thread_before: int = 0  # the messages that it knows are those before this one, and answers; 0: all
    thread_turn: int = 0  # which turn of the conversation it is; 0: none
    sticky: str = ""  # as it was asked for
    assigned: tuple[AssignedVersion, ...] = ()  # of the agents, those that were one of several or deprecated
    ancestry: tuple[str, ...] = ()  # names of the agents that asked for it, one for another
    turn_micros: dict[str, int] = field(default_factory=lambda: {})  # by agent@version: a turn at the worst
    playbook: str = ""  # name@version that `plan` was compiled from
    parameters: dict[str, Any] = field(default_factory=lambda: {})  # which it was compiled with
    pictures: tuple[PictureRef, ...] = ()  # which its agents see
    blind: tuple[str, ...] = ()  # models of its agents that are known to see none


@dataclass(frozen=True, slots=True, kw_only=True)
class RunClaimed:
    epoch: int
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested:
    """`hard`: nothing is waited for any more, and nothing is taken back."""

    reason: str = ""
    hard: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlinePassed:
    deadline_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSucceeded:
    """`unheard`: the numbers of messages of the run's thread that it took in, and that no agent whose work
    counts had read before it spoke; the next run answers them."""

    at: str
    answer: Answer
    verified: tuple[Check, ...]
    unheard: tuple[int, ...] = ()


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
