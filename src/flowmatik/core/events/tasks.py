"""The plan and what becomes of its tasks."""

from dataclasses import dataclass, field
from typing import Any

from flowmatik.contracts.plans import Declined, Estimate, PlanTask
from flowmatik.contracts.routing import RouteCandidate
from flowmatik.contracts.runs import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanAdopted:
    """`declined` are the planners that were asked before and could not. `edited_by`: who changed the tasks
    when they were put to people."""

    planner: str
    reason: str
    tasks: tuple[PlanTask, ...]
    reason_code: str = ""
    values: dict[str, Any] = field(default_factory=lambda: {})
    declined: tuple[Declined, ...] = ()
    estimate: Estimate | None = None
    edited_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRejected:
    """`details` say `errors`, which are English, as codes with values (from decision version 3)."""

    planner: str
    errors: tuple[str, ...]
    details: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRouted:
    """Where there was a choice (from decision version 6), `reason_code` and `values` say `reason`, which is
    English; `candidates`: the best of those that were weighed, best first; `learned`: the version of the
    learned state that was used; `seed`: what exploration drew from. `models`: those among which the agent's
    was chosen, and `dearest` that of them which would have cost most, as far as prices are known."""

    task_id: str
    agent: str
    model: str
    reason: str
    reason_code: str = ""
    values: dict[str, Any] = field(default_factory=lambda: {})
    candidates: tuple[RouteCandidate, ...] = ()
    learned: int | None = None
    seed: str = ""
    models: tuple[str, ...] = ()
    dearest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskVerified:
    """`passed`: everything but what is optional. `output`: what stands for the result from here on, with
    unsupported sentences marked or left out; None when it stands as it was."""

    task_id: str
    passed: bool
    checks: tuple[Check, ...]
    output: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskReplanned:
    """The failed part of the plan, tried another way, once."""

    task_id: str
    replacement: PlanTask
    reason: str


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
