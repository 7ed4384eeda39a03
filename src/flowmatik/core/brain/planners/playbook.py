"""The planner that takes a playbook which is meant for such a goal."""

from typing import Any

from flowmatik.contracts.plans import Declined, Plan
from flowmatik.core.brain.planners.advised import tasks_in, told
from flowmatik.core.brain.planners.port import Proposed, Step
from flowmatik.core.state import RunState


class PlaybookPlanner:
    name = "playbook"
    repairs = False

    def step(self, state: RunState, now: str) -> Step:
        del now
        said = told(state, self.name)
        if not isinstance(said, dict):
            return said
        ref = str(said.get("playbook") or "")
        if not ref:
            return _declined("no_playbook", "no playbook is meant for such a goal")
        values: dict[str, Any] = {"playbook": ref}
        if fault := said.get("fault"):
            text = f"the playbook {ref} is meant for such a goal, but cannot be used: {fault['text']}"
            return _declined("playbook_fault", text, **values, fault=fault)
        tasks = tasks_in(said.get("tasks"))
        if tasks is None:
            text = f"what the playbook {ref} was compiled to cannot be read"
            return _declined("playbook_unread", text, **values)
        values |= {"parameters": said.get("parameters") or {}}
        reason = f"the playbook {ref} is meant for such a goal"
        return Proposed(
            plans=(Plan(planner=self.name, tasks=tasks, reason=reason, code="by_playbook", values=values),)
        )


def _declined(code: str, reason: str, **values: object) -> Declined:
    return Declined(planner=PlaybookPlanner.name, code=code, reason=reason, values=values)
