"""decide for a task that is ready: which agent does it, with which model.

Where one agent alone has the skill, it gets the task. Where there is a choice, or where the task names no
skill, the adviser `routes` is asked for what the workspace has learned, and `choosing` decides by what it
said.
"""

from flowmatik.contracts.advice import ADVICE
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.routing import ROUTES
from flowmatik.core import events as ev
from flowmatik.core.brain import factory
from flowmatik.core.brain.adapting import model_of
from flowmatik.core.brain.advice import key_of
from flowmatik.core.brain.choosing import Choice, choose
from flowmatik.core.brain.commands import Command, Record, StartCall
from flowmatik.core.brain.endings import task_failed
from flowmatik.core.brain.gates import BRAIN
from flowmatik.core.state import RunState, TaskState

PURPOSE = "route"


def route(state: RunState, task: TaskState) -> list[Command]:
    if state.created.decision_version >= BRAIN and not task.spec.agent:
        return _weighed(state, task)
    agent = _route(state, task)
    if agent is None:
        message = f"no agent of this run has the skill {task.spec.skill!r}"
        return [task_failed(task, "route.none", message)]
    reason = "named in the plan" if task.spec.agent else f"has the skill {task.spec.skill!r}"
    model = model_of(state, agent)
    return [Record(event=ev.TaskRouted(task_id=task.spec.id, agent=agent.ref(), model=model, reason=reason))]


def _route(state: RunState, task: TaskState) -> AgentVersion | None:
    if task.spec.agent:
        return state.agent_named(task.spec.agent)
    agents = (*state.created.agents, *state.composed)
    return next((a for a in agents if task.spec.skill in a.skills), None)


def _weighed(state: RunState, task: TaskState) -> list[Command]:
    skill, agents = task.spec.skill, (*state.created.agents, *state.composed)
    able = [agent for agent in agents if skill in agent.skills]
    if not skill:
        able = [agent for agent in agents if agent.skills or agent.examples]
    if len(able) == 1 and skill:
        return [_by_skill(state, task, able[0])]
    told = state.advice.get(key_of(PURPOSE, task.spec.id))
    if told is None and ROUTES in state.created.advisers and agents:
        return [_ask(task, able or list(agents))]
    if told is not None and told.open:
        return []
    if told is None or told.result is None:  # nobody can tell: as it was before anything was learned
        return [_by_skill(state, task, able[0])] if able and skill else _nobody_fits(state, task, ())
    models = {agent.ref(): model_of(state, agent) for agent in able or agents}
    choice = choose(told.result, models, _left(state, task), declared=bool(able and skill))
    if skill and not able:  # the nearest are named, but a skill is not to be guessed
        return _nobody_fits(state, task, tuple(one.agent for one in choice.candidates))
    if choice.chosen is not None:
        return [_best(task, choice, told.result, len(able))]
    if skill:  # the adviser knows none of them
        return [_by_skill(state, task, able[0])]
    return _nobody_fits(state, task, tuple(one.agent for one in choice.candidates))


def _nobody_fits(state: RunState, task: TaskState, nearest: tuple[str, ...]) -> list[Command]:
    """Unless the factory composes somebody."""
    made = factory.composed(state, task)
    return [_nobody(task, nearest)] if made is None else made


def _ask(task: TaskState, agents: list[AgentVersion]) -> StartCall:
    arguments = {
        "objective": task.spec.objective,
        "skill": task.spec.skill,
        "task": task.spec.id,
        "agents": [agent.ref() for agent in agents],
    }
    return StartCall(kind=ADVICE, name=ROUTES, purpose=PURPOSE, task_id=task.spec.id, arguments=arguments)


def _by_skill(state: RunState, task: TaskState, agent: AgentVersion) -> Record:
    skill = task.spec.skill
    return Record(
        event=ev.TaskRouted(
            task_id=task.spec.id,
            agent=agent.ref(),
            model=model_of(state, agent),
            reason=f"has the skill {skill!r}",
        )
    )


def _best(task: TaskState, choice: Choice, said: dict[str, object], count: int) -> Record:
    chosen, skill = choice.candidates[0], task.spec.skill
    learned = said.get("learned")
    with_skill = f" with the skill {skill!r}" if skill else ""
    return Record(
        event=ev.TaskRouted(
            task_id=task.spec.id,
            agent=chosen.agent,
            model=chosen.model,
            reason=f"the best of {count}{with_skill} for this task",
            reason_code="best" if skill else "best_of_all",
            values={"count": count, "task_type": str(said.get("task_type", ""))}
            | ({"skill": skill} if skill else {}),
            candidates=choice.candidates,
            learned=learned if isinstance(learned, int) else None,
            seed=str(said.get("seed", "")) if said.get("explore") else "",
        )
    )


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


def _left(state: RunState, task: TaskState) -> int | None:
    """What the task may still cost: of the run's budget and of its own."""
    lefts: list[int] = []
    if (budget := state.created.budget_micros) is not None:
        lefts.append(budget - state.spent_micros - state.reserved_micros - state.reserved_below)
    if (own := task.spec.budget_micros) is not None:
        lefts.append(own - state.spent_on.get(task.spec.id, 0))
    return max(min(lefts), 0) if lefts else None
    return next((a for a in (*state.created.agents, *state.composed) if task.spec.skill in a.skills), None)
