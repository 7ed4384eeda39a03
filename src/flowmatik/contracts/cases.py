"""Cases: plans that worked, kept for goals like theirs."""

from dataclasses import dataclass
from typing import Protocol

PRIOR_SUCCEEDED, PRIOR_FAILED = 2.0, 1.0  # as if so many runs had been seen before the first
LEAST_RATE = 0.5  # a case below it is retired


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`succeeded` and `failed` count the runs by its plan, that which it was learned from included. `rate` is
    the share of successes with the prior. A retired case is proposed to nobody any more. `cost_micros` is
    that of the last success; None when it is not known."""

    id: str
    goal: str
    planner: str
    language: str
    tasks: int
    succeeded: int
    failed: int
    rate: float
    retired: bool
    created_at: str
    used_at: str
    cost_micros: int | None = None
    run_id: str = ""  # it was learned from


class Cases(Protocol):
    """What a workspace has learned."""

    async def list(self, workspace_id: str) -> list[Case]:
        """The newest first, the retired ones included."""
        ...

    async def forget(self, workspace_id: str, case_id: str) -> None:
        """Raises NotFound (`not_found.case`)."""
        ...

    async def forget_all(self, workspace_id: str) -> int:
        """How many there were."""
        ...


def rate_of(succeeded: int, failed: int) -> float:
    return (succeeded + PRIOR_SUCCEEDED) / (succeeded + failed + PRIOR_SUCCEEDED + PRIOR_FAILED)
