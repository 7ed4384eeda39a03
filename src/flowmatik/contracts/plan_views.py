"""What people see of how a run was planned, beside the tasks that it has."""

from dataclasses import dataclass, field
from typing import Any

from flowmatik.contracts.plans import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTaskView:
    """`by`: the tool that it calls, the agent that it is for, or the skill that it needs; "" of a wait or a
    run."""

    id: str
    objective: str
    by: str = ""
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlternativeView:
    """Another plan that the planner would have taken. `faults`, in English, keep it from running."""

    tasks: tuple[PlannedTaskView, ...]
    reason: str = ""
    estimate: Estimate | None = None
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChangeView:
    """How the plan changed while it ran. `cause`: "failure" or "verification" of the task, its "proposal",
    the "budget", the "deadline", or a "loop", for which nothing more is tried. `planner` said how: "model",
    "rule" or the task itself. Tasks by their ids: `added` ones came into the plan, `revised` ones were not
    begun and changed, `superseded` ones are no part of it any more. `code` and `values` say `reason`, which
    is English, for the catalogues."""

    cause: str
    planner: str
    task_id: str = ""
    added: tuple[str, ...] = ()
    revised: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()
    reason: str = ""
    code: str = ""
    values: dict[str, Any] = field(default_factory=lambda: {})
