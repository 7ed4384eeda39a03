"""What a planner is: what a state of a run leads it to."""

from dataclasses import dataclass
from typing import Protocol

from flowmatik.contracts.plans import Declined, Plan
from flowmatik.core.brain.commands import Command
from flowmatik.core.brain.plan_faults import Fault
from flowmatik.core.state import RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class Asks:
    """It needs something first; without commands, what it asked for is on its way. `commands` may also end
    the run, when nobody could plan it now."""

    commands: tuple[Command, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """Plans, the one that it would take first. None of them has been validated."""

    plans: tuple[Plan, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """What came of asking is no plan; the planner is told the faults and tries again."""

    faults: tuple[Fault, ...]


Step = Asks | Proposed | Unread | Declined


class Planner(Protocol):
    """Pure: the same state leads to the same step. It is asked again with each new fact until its plan is
    adopted or it declines."""

    @property
    def name(self) -> str:
        """One of contracts.plans.PLANNERS."""
        ...

    @property
    def repairs(self) -> bool:
        """Whether it makes another plan of one that cannot run; else it declines with that."""
        ...

    def step(self, state: RunState, now: str) -> Step: ...
