"""The planner that needs no model: it stands in for one, and says so."""

from dataclasses import replace
from typing import Any, cast

from flowmatik.core.brain import local_planner
from flowmatik.core.brain.arithmetic import calculates
from flowmatik.core.brain.fallback import SAYS_SO, instead_of_failed, instead_of_rejected
from flowmatik.core.brain.plan import written
from flowmatik.core.brain.planners.port import Proposed, Step
from flowmatik.core.brain.planners.recall import recalled
from flowmatik.core.brain.ranking import RANKS
from flowmatik.core.state import RunState


class LocalPlanner:
    name = "local"
    repairs = False

    def step(self, state: RunState, now: str) -> Step:
        if (asks := recalled(state, now)) is not None:
            return asks
        tables = cast("dict[str, Any]", state.recall.get("recall_tables") or {})
        ranks = state.created.decision_version >= RANKS
        goal = state.created.goal
        made = local_planner.plan(goal, tables, calculates=calculates(state), ranks=ranks)
        made = replace(made, tasks=written(state, made.tasks))
        if state.created.decision_version >= SAYS_SO:
            if state.plan_failure is not None:
                made = instead_of_failed(made, state.plan_failure)
            elif state.plan_details:
                made = instead_of_rejected(made, state.plan_details, state.plan_attempts)
        return Proposed(plans=(made,))
