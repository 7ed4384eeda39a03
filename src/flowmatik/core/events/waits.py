"""Waits: a task that waits is nothing but rows until something ends its wait."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitBegun:
    """A decision; the runtime adds `due_at`, for which a timer goes down in the same append. `wait_id` is
    `wait_<n>` in the order of beginning."""

    wait_id: str
    kind: str
    task_id: str
    name: str = ""
    due_at: str = ""
    timeout_action: str = "fail"  # "fail" | "continue"
    values: dict[str, Any] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitEnded:
    """`outcome`: due | signalled | timed_out | ended | failed | …; `value` is what it brought."""

    wait_id: str
    outcome: str
    value: Any = None
    cost_micros: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalReceived:
    """A signal for which no task waits yet; the next one that does gets it."""

    name: str
    data: Any = None
