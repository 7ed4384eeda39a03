"""The planner that takes a plan which worked for such a goal, with what differs in the new one put in."""

from typing import Any, cast

from flowmatik.contracts.plans import Declined, Plan
from flowmatik.core.brain.planners.adapting import Adapted, adapt
from flowmatik.core.brain.planners.advised import tasks_in, told
from flowmatik.core.brain.planners.port import Proposed, Step
from flowmatik.core.state import RunState


class CasePlanner:
    name = "case"
    repairs = False

    def step(self, state: RunState, now: str) -> Step:
        """The first case, the most similar goal first, of which it is sure how it changes."""
        del now
        said = told(state, self.name)
        if not isinstance(said, dict):
            return said
        cases = cast("list[dict[str, Any]]", said.get("cases") or [])
        if not cases:
            return _declined("no_case", "no plan for such a goal has worked before")
        doubt = ""
        for case in cases:
            tasks = tasks_in(case.get("tasks"))
            if tasks is None:
                continue
            made = adapt(str(case.get("goal", "")), state.created.goal, tasks)
            if isinstance(made, Adapted):
                return Proposed(plans=(_plan(case, made),))
            doubt = doubt or made
        text = f"plans for similar goals worked before, but it is not sure how they change: {doubt or '–'}"
        return _declined("case_unsure", text, why=doubt or "–", count=len(cases))


def _plan(case: dict[str, Any], made: Adapted) -> Plan:
    ref = str(case.get("case", ""))
    similarity = float(case.get("similarity", 0.0))
    values: dict[str, Any] = {
        "case": ref,
        "similarity": similarity,
        "changes": [[old, new] for old, new in made.changes],
    }
    changes = ", ".join(f"{old} → {new}" for old, new in made.changes) or "nothing"
    return Plan(
        planner=CasePlanner.name,
        tasks=made.tasks,
        reason=f"a plan for a similar goal worked before (case {ref}); changed: {changes}",
        code="by_case",
        values={**values, "changed": changes if made.changes else "–"},
    )


def _declined(code: str, reason: str, **values: object) -> Declined:
    return Declined(planner=CasePlanner.name, code=code, reason=reason, values=values)
