"""What planners propose before a plan is adopted."""

from dataclasses import dataclass, field
from typing import Any

from flowmatik.contracts.plans import Alternative, Declined, Estimate, PlanTask


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanProposed:
    """A plan that may run, beside others that its planner would take; it is adopted at once, or when people
    have agreed. `chosen`: which of what was proposed it is, 0 for the planner's first choice. What was
    proposed and is not it are the `alternatives`."""

    planner: str
    reason: str
    tasks: tuple[PlanTask, ...]
    reason_code: str = ""
    values: dict[str, Any] = field(default_factory=lambda: {})
    declined: tuple[Declined, ...] = ()
    estimate: Estimate | None = None
    alternatives: tuple[Alternative, ...] = ()
    chosen: int = 0
