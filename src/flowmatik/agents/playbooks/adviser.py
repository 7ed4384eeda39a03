"""Says to a run's planner which playbook is meant for its goal."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

from flowmatik.agents.playbooks.patterns import best_match
from flowmatik.agents.playbooks.store import StoredPlaybooks
from flowmatik.contracts.advice import Question
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import PlanInvalid


class PlaybookAdviser:
    """Implements `Adviser`: `playbook` is "" when none is meant for the goal; else its plan as `tasks`, or
    the `fault` that keeps it from being one."""

    def __init__(self, playbooks: StoredPlaybooks) -> None:
        self._playbooks = playbooks

    async def __call__(self, question: Question) -> dict[str, Any]:
        known = await self._playbooks.list(question.workspace_id)
        match = best_match(str(question.arguments.get("goal", "")), known)
        if match is None:
            return {"playbook": "", "known": len(known)}
        ref = match.playbook.ref()
        try:
            made = await self._playbooks.compile(question.workspace_id, ref, match.values)
        except PlanInvalid as error:
            return {"playbook": ref, "parameters": match.values, "fault": _first(error)}
        tasks: Any = canonical.loads(canonical.dumps([asdict(task) for task in made.tasks]))
        return {"playbook": ref, "parameters": made.parameters, "tasks": tasks}


def _first(error: PlanInvalid) -> dict[str, Any]:
    details = cast("list[Mapping[str, Any]]", error.context.get("details") or [])
    if not details:
        return {"code": error.code, "values": {}, "text": error.message}
    one = details[0]
    return {"code": one["code"], "values": one["values"], "text": one["text"], "place": one["place"]}
