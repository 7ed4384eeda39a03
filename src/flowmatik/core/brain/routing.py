"""decide for a task that is ready: which agent does it, with which model.

Where one agent alone has the skill, or is named, and has one model, it gets the task. Where there is a
choice, also of models alone, or where the task names no skill, the adviser `routes` is asked for what the
workspace has learned, and `choosing` decides by what it said.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from flowmatik.contracts.advice import ADVICE
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.routing import ROUTES
from flowmatik.core import events as ev
from flowmatik.core.brain import factory
from flowmatik.core.brain.adapting import model_of, models_of
from flowmatik.core.brain.advice import key_of
from flowmatik.core.brain.arms import Able, dearest_of
from flowmatik.core.brain.choosing import Choice, choose
from flowmatik.core.brain.commands import Command, Record, StartCall
from flowmatik.core.brain.endings import task_failed
from flowmatik.core.brain.gates import BRAIN
from flowmatik.core.state import RunState, TaskState

PURPOSE = "route"


def route(state: RunState, task: TaskState) -> list[Command]:
    named = state.agent_named(task.spec.agent) if task.spec.agent else None
    chooses = named is not None and len(models_of(state, named)) > 1
    if state.created.decision_version >= BRAIN and (chooses or not task.spec.agent):
        return _weighed(state, task, named)
    agent = _route(state, task)
    if agent is None:
        message = f"no agent of this run has the skill {task.spec.skill!r}"
        return [task_failed(task, "route.none", message)]
    return [_alone(state, task, agent)]


def _route(state: RunState, task: TaskState) -> AgentVersion | None:
    if task.spec.agent:
        return state.agent_named(task.spec.agent)
    agents = (*state.created.agents, *state.composed)
    return next((a for a in agents if task.spec.skill in a.skills), None)


def _weighed(state: RunState, task: TaskState, named: AgentVersion | None) -> list[Command]:
    skill, agents = task.spec.skill, (*state.created.agents, *state.composed)
    able = _able(task, named, agents)
    given = bool(named or skill)
    if len(able) == 1 and given and len(models_of(state, able[0])) == 1:
        return [_alone(state, task, able[0])]
    told = state.advice.get(key_of(PURPOSE, task.spec.id))
    if told is None and ROUTES in state.created.advisers and agents:
        return [_ask(state, task, able or list(agents))]
    if told is not None and told.open:
        return []
    if told is None or told.result is None:  # nobody can tell: as it was before anything was learned
        return [_alone(state, task, able[0])] if able and given else _nobody_fits(state, task, ())
    may = {agent.ref(): _may_have(state, task, agent) for agent in able or agents}
    choice = choose(told.result, may, declared=bool(able and given))
    if skill and not able:  # the nearest are named, but a skill is not to be guessed
        return _nobody_fits(state, task, _names(choice))
    if choice.chosen is not None:
        return [_best(task, choice, told.result, may)]
    if given:  # the adviser knows none of them
        return [_alone(state, task, able[0])]
    return _nobody_fits(state, task, _names(choice))


def _able(task: TaskState, named: AgentVersion | None, agents: Sequence[AgentVersion]) -> list[AgentVersion]:
    if named is not None:
        return [named]
    if skill := task.spec.skill:
        return [agent for agent in agents if skill in agent.skills]
    return [agent for agent in agents if agent.skills or agent.examples]


def _may_have(state: RunState, task: TaskState, agent: AgentVersion) -> Able:
    models = models_of(state, agent)
    return Able(
        models=models,
        left_micros=_left(state, task, agent if len(models) > 1 else None),
        tried=tuple(model for ref, model in task.tried if ref == agent.ref()),
        frugal=state.adapting.frugal,
    )


def _names(choice: Choice) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.agent for one in choice.candidates))


def _nobody_fits(state: RunState, task: TaskState, nearest: tuple[str, ...]) -> list[Command]:
    """Unless the factory composes somebody."""
    made = factory.composed(state, task)
    return [_nobody(task, nearest)] if made is None else made


def _ask(state: RunState, task: TaskState, agents: list[AgentVersion]) -> StartCall:
    models = {agent.ref(): list(models_of(state, agent)) for agent in agents}
    several = {ref: names for ref, names in models.items() if len(names) > 1}
    arguments: dict[str, Any] = {
        "objective": task.spec.objective,
        "skill": task.spec.skill,
        "task": task.spec.id,
        "agents": [agent.ref() for agent in agents],
    } | ({"models": several} if several else {})
    return StartCall(kind=ADVICE, name=ROUTES, purpose=PURPOSE, task_id=task.spec.id, arguments=arguments)


def _alone(state: RunState, task: TaskState, agent: AgentVersion) -> Record:
    reason = "named in the plan" if task.spec.agent else f"has the skill {task.spec.skill!r}"
    return Record(
        event=ev.TaskRouted(
            task_id=task.spec.id, agent=agent.ref(), model=model_of(state, agent), reason=reason
        )
    )


def _best(task: TaskState, choice: Choice, said: dict[str, Any], may: Mapping[str, Able]) -> Record:
    chosen = choice.candidates[0]
    able, learned = may[chosen.agent], said.get("learned")
    row = next(one for one in said["candidates"] if one["agent"] == chosen.agent)
    reason, code, values = _reason(task, able, len(may))
    return Record(
        event=ev.TaskRouted(
            task_id=task.spec.id,
            agent=chosen.agent,
            model=chosen.model,
            reason=reason,
            reason_code=code,
            values={**values, "task_type": str(said.get("task_type", ""))},
            candidates=choice.candidates,
            learned=learned if isinstance(learned, int) else None,
            seed=str(said.get("seed", "")) if said.get("explore") else "",
            models=able.models if len(able.models) > 1 else (),
            dearest=dearest_of(row, able, chosen.model),
        )
    )


def _reason(task: TaskState, able: Able, count: int) -> tuple[str, str, dict[str, Any]]:
    """In English, as a code, and with values; where the agent was given, its model alone was chosen."""
    skill, models = task.spec.skill, len(able.models)
    if count == 1 and models > 1:
        return f"the best of its {models} models for this task", "best_model", {"models": models}
    with_skill = f" with the skill {skill!r}" if skill else ""
    said = f"the best of {count}{with_skill} for this task"
    return said, "best" if skill else "best_of_all", {"count": count} | ({"skill": skill} if skill else {})


def _nobody(task: TaskState, nearest: tuple[str, ...]) -> Record:
    skill = task.spec.skill
    message = (
        f"no agent of this run has the skill {skill!r}" if skill else "no agent of this run fits the task"
    )
    names = [ref.partition("@")[0] for ref in nearest[:3]]
    told = {"nearest": ", ".join(names)} if names else {}
    if names:
        message += f"; the nearest: {told['nearest']}"
    return task_failed(task, "route.none", message, told)


def _left(state: RunState, task: TaskState, agent: AgentVersion | None) -> int | None:
    """What the task may still cost: of the run's budget, of its own, and of what `agent` may spend on one."""
    lefts: list[int] = []
    if (budget := state.created.budget_micros) is not None:
        lefts.append(budget - state.tied_micros)
    if (own := task.spec.budget_micros) is not None:
        lefts.append(own - state.spent_on.get(task.spec.id, 0))
    if agent is not None and agent.budget_micros is not None:
        lefts.append(agent.budget_micros - state.spent_on.get(task.spec.id, 0))
    return max(min(lefts), 0) if lefts else None
