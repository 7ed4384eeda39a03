"""Runs within a run: that one is wanted, and how it ended."""

from dataclasses import dataclass, field
from typing import Any

from flowmatik.contracts.tools import Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class SubRunRequested:
    """A decision, durable before the run exists. `child_id`, `at` and `deadline_at` are the runtime's;
    `item` is the place of a map's item, None for a task that is one run. `budget_micros` is the child's,
    set aside of what its parent has left. With `tool_call_id` the agent `caller` asked for it within its
    task: for the agent `agent` to reach `goal` with tools up to `effect`."""

    sub_id: str
    task_id: str
    child_id: str
    at: str
    item: int | None = None
    budget_micros: int | None = None
    deadline_at: str = ""
    tool_call_id: str = ""
    caller: str = ""
    agent: str = ""
    goal: str = ""
    effect: Effect = Effect.READ


@dataclass(frozen=True, slots=True, kw_only=True)
class SubRunEnded:
    """A fact. `result` is {"answer", "found", "citations"} or {"output"}; what is large in it stands by
    reference. `cost_micros` has the cost of its own sub-runs in it."""

    sub_id: str
    child_id: str
    status: str
    result: dict[str, Any] | None = None
    code: str = ""
    message: str = ""
    values: dict[str, Any] = field(default_factory=lambda: {})
    cost_micros: int = 0
    unpriced: bool = False
