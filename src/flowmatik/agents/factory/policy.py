"""What the factory may do, and when an agent of its making has failed too often. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flowmatik.contracts.tools import Effect, ToolSpec

RANK = {Effect.READ: 0, Effect.IDEMPOTENT: 1, Effect.ONCE: 2}
PRIOR_SUCCEEDED, PRIOR_FAILED = 2, 1  # so that one bad beginning retires nobody


@dataclass(frozen=True, slots=True, kw_only=True)
class FactoryPolicy:
    """`skills`: what agents may be composed for, anything when empty. `tools`: what they may have at most.
    `effect`: the strongest class of their tools. `budget_micros`: what one task of theirs may cost.
    `most_a_day`: how many a workspace may get in a day (UTC). `floor`: the share of tasks that must
    succeed."""

    skills: frozenset[str] = frozenset()
    tools: frozenset[str] = frozenset()
    effect: Effect = Effect.READ
    budget_micros: int | None = None
    most_a_day: int = 5
    floor: float = 0.5


def tools_within(
    policy: FactoryPolicy, offered: Iterable[str], specs: Mapping[str, ToolSpec]
) -> tuple[str, ...]:
    """What the run offers and the policy allows."""
    return tuple(
        sorted(
            name
            for name in set(offered) & policy.tools
            if name in specs and RANK[specs[name].effect] <= RANK[policy.effect]
        )
    )


def failed_too_often(policy: FactoryPolicy, succeeded: int, failed: int) -> bool:
    """By the mean of a Beta distribution with the prior above."""
    total = succeeded + failed + PRIOR_SUCCEEDED + PRIOR_FAILED
    return (succeeded + PRIOR_SUCCEEDED) / total < policy.floor
