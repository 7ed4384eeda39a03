"""How a run was planned and planned again, as people see it."""

from collections.abc import Sequence

from flowmatik.contracts.plan_views import AlternativeView, PlanChangeView, PlannedTaskView
from flowmatik.contracts.plans import PlanTask
from flowmatik.core.events import PlanChanged, PlanProposed
from flowmatik.core.state import RunState


def under_decision(state: RunState) -> PlanProposed | None:
    """What was proposed, as long as nothing is adopted."""
    return None if state.planner else state.proposed


def alternatives_of(state: RunState) -> tuple[AlternativeView, ...]:
    if (proposed := state.proposed) is None:
        return ()
    return tuple(
        AlternativeView(tasks=_tasks(one.tasks), reason=one.reason, estimate=one.estimate, faults=one.faults)
        for one in proposed.alternatives
    )


def changes_of(state: RunState) -> tuple[PlanChangeView, ...]:
    """In the order in which they were made."""
    return tuple(map(_change, state.adapting.made))


def _change(made: PlanChanged) -> PlanChangeView:
    return PlanChangeView(
        cause=made.cause,
        planner=made.planner,
        task_id=made.task_id,
        added=tuple(task.id for task in made.added),
        revised=tuple(task.id for task in made.revised),
        superseded=made.superseded,
        reason=made.reason,
        code=made.reason_code,
        values=made.values,
    )


def _tasks(tasks: Sequence[PlanTask]) -> tuple[PlannedTaskView, ...]:
    return tuple(
        PlannedTaskView(
            id=task.id,
            objective=task.objective,
            by=task.tool or task.agent or task.skill,
            needs=task.needs,
        )
        for task in tasks
    )
