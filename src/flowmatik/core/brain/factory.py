"""decide for a task that no agent of the run fits: the adviser `factory` composes one, within what the run
itself may do."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from flowmatik.contracts.advice import ADVICE
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.brain.advice import key_of
from flowmatik.core.brain.commands import RANK, Command, Record, StartCall
from flowmatik.core.brain.gates import BRAIN
from flowmatik.core.brain.plan_faults import Fault
from flowmatik.core.events import PinnedTool
from flowmatik.core.state import RunState, TaskState

FACTORY, PURPOSE = "factory", "compose"


def has_factory(created: ev.RunCreated) -> bool:
    return created.decision_version >= BRAIN and FACTORY in created.advisers


def without_skills(found: list[Fault], created: ev.RunCreated) -> list[Fault]:
    """What keeps a plan from running where a skill that nobody has does not."""
    if not has_factory(created):
        return found
    return [one for one in found if one.code != "plan.skill" or not one.values["skill"]]


def composed(state: RunState, task: TaskState) -> list[Command] | None:
    """None: there is no factory, or it makes nobody for this task."""
    spec, created = task.spec, state.created
    if spec.agent or not spec.skill or not has_factory(created):
        return None
    told = state.advice.get(key_of(PURPOSE, spec.id))
    if told is None and _asked(state, spec.skill):
        return []  # one agent does both
    if told is None:
        arguments = {
            "skill": spec.skill,
            "objective": spec.objective,
            "tools": [name for name, tool in created.tools.items() if _fits(tool, spec)],
        }
        return [StartCall(kind=ADVICE, name=FACTORY, purpose=PURPOSE, task_id=spec.id, arguments=arguments)]
    if told.open:
        return []
    said = told.result or {}
    agent = _agent(said)
    if agent is None or spec.skill not in agent.skills:
        return None
    event = ev.AgentComposed(
        task_id=spec.id,
        agent=narrowed(agent, created.tools, spec),
        template=str(said.get("template", "")),
        profile=str(said.get("profile", "")),
        parameters=dict(said.get("parameters") or {}),
        why=str(said.get("why", "")),
    )
    return [Record(event=event)]


def _asked(state: RunState, skill: str) -> bool:
    """Whether the factory is being asked for the skill, by another task."""
    return any(
        call.purpose == PURPOSE and (call.arguments or {}).get("skill") == skill
        for call in state.open.values()
    )


def narrowed(agent: AgentVersion, tools: Mapping[str, PinnedTool], spec: PlanTask) -> AgentVersion:
    """What is composed in a run may do what the run and the task may, and nothing else."""
    permitted = tuple(name for name in agent.tools if name in tools and _fits(tools[name], spec))
    return replace(agent, tools=permitted)


def _fits(tool: PinnedTool, spec: PlanTask) -> bool:
    return RANK[Effect(tool.effect)] <= RANK[spec.effect]


def _agent(said: Mapping[str, Any]) -> AgentVersion | None:
    try:
        return _agents().validate_python(said.get("agent"))
    except ValidationError:
        return None


@cache
def _agents() -> TypeAdapter[AgentVersion]:
    return TypeAdapter(AgentVersion)
