"""How to see that a life would notice what a test broke."""

from typing import Any

from tests.simulation.scenario import simulate

MOST_TRIED = 3000


def fault_of(**broken: Any) -> str:
    """What the first seed says that notices; "" when none of MOST_TRIED does. What concerns no crew is looked
    for with `team=False`, which is quicker."""
    for seed in range(MOST_TRIED):
        try:
            simulate(seed, **broken)
        except AssertionError as error:
            return str(error)
    return ""
