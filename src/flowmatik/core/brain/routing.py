"""decide for a task that is ready: which agent does it, with which model."""

from flowmatik.contracts.agents import AgentVersion
from flowmatik.core import events as ev
from flowmatik.core.brain import factory
from flowmatik.core.brain.commands import Command, Record
from flowmatik.core.brain.endings import task_failed
from flowmatik.core.state import RunState, TaskState


def route(state: RunState, task: TaskState) -> list[Command]:
    agent = _route(state, task)
    if agent is None and (made := factory.composed(state, task)) is not None:
        return made
    if agent is None:
        message = f"no agent of this run has the skill {task.spec.skill!r}"
        return [task_failed(task, "route.none", message)]
    reason = "named in the plan" if task.spec.agent else f"has the skill {task.spec.skill!r}"
    model = agent.model or state.created.model
    return [Record(event=ev.TaskRouted(task_id=task.spec.id, agent=agent.ref(), model=model, reason=reason))]


def _route(state: RunState, task: TaskState) -> AgentVersion | None:
    if task.spec.agent:
        return state.agent_named(task.spec.agent)
    return next((a for a in (*state.created.agents, *state.composed) if task.spec.skill in a.skills), None)
