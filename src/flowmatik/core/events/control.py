"""What people change of a run while it lives, how its effects are taken back, and how a run begins from
another one's history."""

from dataclasses import dataclass, field
from typing import Any

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.plans import PlanTask
from flowmatik.core.events.life import PinnedTool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPaused:
    """Nothing new begins; what is under way finishes and is recorded."""

    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunUnpaused:
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChanged:
    """In place of what the run was created with; None (of the deadline "") leaves it as it was."""

    budget_micros: int | None = None
    deadline_at: str = ""
    priority: int | None = None
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompensationBegun:
    """The run is about to end, and what these tasks did is taken back first, in this order. `end` is why:
    "cancel" or "failure", whose code, message and values the run will end with."""

    task_ids: tuple[str, ...]
    end: str
    code: str = ""
    message: str = ""
    values: dict[str, Any] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class CompensationFailed:
    """It could not be called: its arguments refer to what the step did not return."""

    task_id: str
    code: str
    message: str
    values: dict[str, Any] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRetried:
    """The run goes on from the history of `parent`, which ended at `seq`: these tasks begin anew, with those
    that were skipped because of them. Calls that were open are asked again; what was spent is the
    parent's."""

    parent: str
    seq: int
    task_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentOutcome:
    """What the parent got of an effect after the fork. `status`: "succeeded" with `result`, "failed" with
    `code` and `message`, or "unknown". `arguments` and `result` are JSON text: inside an event they would
    stand deeper than they may."""

    task_id: str
    tool: str
    arguments: str
    status: str
    result: str = ""
    code: str = ""
    message: str = ""
    values: dict[str, Any] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunForked:
    """The run goes on from what `parent` was at `seq`, with another `goal`, `model` or `arguments` of tool
    steps if they are given; or by another `plan`, with the `agents` and `tools` that it is pinned to.
    `effects` says what becomes of effects from here on: "allow" makes them, "simulate" takes the parent's
    outcome, "ask" asks a person first."""

    parent: str
    seq: int
    effects: str
    goal: str = ""
    model: str = ""
    arguments: dict[str, dict[str, Any]] = field(default_factory=lambda: {})
    outcomes: tuple[ParentOutcome, ...] = ()
    plan: tuple[PlanTask, ...] = ()
    agents: tuple[AgentVersion, ...] = ()
    tools: dict[str, PinnedTool] = field(default_factory=lambda: {})
    turn_micros: dict[str, int] = field(default_factory=lambda: {})
