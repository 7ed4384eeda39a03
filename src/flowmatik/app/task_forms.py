"""What playbooks need of other modules: the forms of tasks, and what keeps a plan from running."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from flowmatik.agents.playbooks import FormFault, TaskFault
from flowmatik.contracts.agents import AgentDirectory
from flowmatik.contracts.plans import MAX_PLAN_TASKS, PlanTask
from flowmatik.core.brain import plan
from flowmatik.core.brain.plan_faults import Fault, refusal
from flowmatik.core.plan_rights import permitted
from flowmatik.kernel.fields import kind_of, words_of


class PlanForms:
    """Implements `TaskForms` by the API's forms and the engine's validation."""

    def __init__(self, agents: AgentDirectory, tools: Collection[str]) -> None:
        self._agents = agents
        self._tools = frozenset(tools)

    def read(self, raw: Mapping[str, Any]) -> PlanTask | Sequence[FormFault]:
        from flowmatik.api.plans import PlannedTask  # the gateway takes a second to load

        try:
            return PlannedTask.model_validate(raw).task()
        except ValidationError as error:
            return [_form_fault(row) for row in error.errors()]

    async def faults(self, workspace_id: str, tasks: tuple[PlanTask, ...]) -> Sequence[TaskFault]:
        agents = tuple(await self._agents.list(workspace_id))
        allowed, found = await permitted(self._agents, self._tools, workspace_id, "", tasks)
        found = plan.faults(allowed, agents, self._tools, most=MAX_PLAN_TASKS) + found
        return [_task_fault(one) for one in found]


def _form_fault(row: Any) -> FormFault:
    kind, values = kind_of(row)
    return FormFault(path=tuple(row["loc"]), text=words_of(row), code=f"field.{kind}", values=values)


def _task_fault(one: Fault) -> TaskFault:
    """By the outermost task that it is in, for that one has a place in a file."""
    outer = one.place.partition("/")[0]
    task = outer or str(one.values.get("task", ""))
    placed: Any = refusal([one]).context["details"]
    place = str(placed[0]["place"])
    field = place.removeprefix(task).removeprefix(".") if not outer else ""
    return TaskFault(task=task, place=field, text=one.text, code=one.code, values=one.values)
