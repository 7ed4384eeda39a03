"""decide for a plan that does not go as planned: another way for what failed, and tasks that agents propose.

Only the failed task and those that need it change; what has ended stays. Of plans that a caller gave nothing
is changed: they are what was asked for. Each change ends a way that failed, and no way is tried twice, so
that a plan changes a bounded number of times; none makes it longer than a model's plan may be.
"""

import re
from dataclasses import replace
from typing import Any

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.models import Message
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import TaskStatus
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.brain import plan, replanning
from flowmatik.core.brain.cascades import first_model
from flowmatik.core.brain.commands import Command, Record, StartCall
from flowmatik.core.brain.fallback import is_hopeless
from flowmatik.core.brain.gates import BRAIN
from flowmatik.core.events.adapting import REPLAN
from flowmatik.core.state import RunState, TaskState
from flowmatik.kernel.errors import EngineError

FIXED = ("", "given", "single", "playbook")  # planners whose plans stay as they are
MOST_CHANGES = 8  # for tasks that failed
MOST_STALE = 3  # of these, without any task having succeeded meanwhile
REPLAN_REPAIRS = 1


def adapts(state: RunState) -> bool:
    """Not what people wrote or agreed to: that is done as it stands, or not at all."""
    agreed = state.plan_verdict is not None
    return state.created.decision_version >= BRAIN and state.planner not in FIXED and not agreed


def adapt(state: RunState) -> list[Command]:
    """How the plan changes now; empty when it stays, or a model is asked about it."""
    if (proposal := state.adapting.proposal) is not None:
        return [Record(event=_with_proposal(state, proposal))]
    if not adapts(state):
        return []
    for task in state.tasks.values():
        may = task.status is TaskStatus.FAILED and _may_be_replaced(state, task)
        if may and (commands := _remedy(state, task)):
            return commands
    return []


def remedy_messages(state: RunState) -> tuple[Message, ...]:
    """What the model is asked in the call that `adapt` wants now. Raises EngineError when it wants none."""
    for command in adapt(state):
        if isinstance(command, StartCall) and command.purpose == REPLAN:
            return replanning.messages(state, state.tasks[command.tool_call_id])
    raise EngineError("no task that failed is to be asked about", code="engine.state")


def is_pending(state: RunState, task: TaskState) -> bool:
    """Whether another way for a task that failed is being thought about."""
    remedy = state.adapting.remedies.get(task.spec.id)
    return remedy is not None and remedy.open


def model_of(state: RunState, agent: AgentVersion) -> str:
    """The one that the agent has in this run, as things stand."""
    if state.adapting.frugal and agent.frugal_model:
        return agent.frugal_model
    if agent.cascade is not None:
        return first_model(agent.cascade)
    return agent.model or state.created.model


def models_of(state: RunState, agent: AgentVersion) -> tuple[str, ...]:
    """Those among which one is chosen for each of the agent's tasks; one alone where there is no choice."""
    if not agent.candidates or (state.adapting.frugal and agent.frugal_model):
        return (model_of(state, agent),)
    return agent.candidates


def is_plain(spec: PlanTask) -> bool:
    """Whether it is for an agent to find something out, and no more."""
    special = spec.tool or spec.wait or spec.below or spec.vote or spec.repeat
    return not special and spec.effect is Effect.READ


def signature(task: TaskState) -> str:
    """The sub-goal and how it failed: what is the same again leads nowhere."""
    words = " ".join(re.findall(r"\w+", task.spec.objective.casefold()))
    return "|".join((words, task.spec.skill, task.error_code))


# --- failures -------------------------------------------------------------------------------------


def _may_be_replaced(state: RunState, task: TaskState) -> bool:
    known, task_id = state.adapting, task.spec.id
    over = task_id in known.superseded or task_id in known.settled
    return not over and is_plain(task.spec) and not is_hopeless(task.error_code)


def _remedy(state: RunState, task: TaskState) -> list[Command]:
    known = state.adapting
    if signature(task) in known.seen:
        return [_stopped(task, "adapt.loop", "the same has failed in the same way before", {})]
    if known.stale >= MOST_STALE:
        text = f"{MOST_STALE} changes of the plan led to no result"
        return [_stopped(task, "adapt.stale", text, {"most": MOST_STALE})]
    if known.changes >= MOST_CHANGES:
        text = f"the plan was changed {MOST_CHANGES} times"
        return [_stopped(task, "adapt.many", text, {"most": MOST_CHANGES})]
    if (said := _by_model(state, task)) is not None:
        return said
    remade = _by_rule(state, task)
    if remade and len(state.tasks) >= plan.MAX_TASKS:
        text = f"the plan would have more than {plan.MAX_TASKS} tasks"
        return [_stopped(task, "adapt.large", text, {"most": plan.MAX_TASKS})]
    return remade


def _stopped(task: TaskState, code: str, reason: str, values: dict[str, Any]) -> Record:
    return Record(
        event=ev.PlanChanged(
            cause="loop",
            planner="rule",
            task_id=task.spec.id,
            reason=f"{reason}; nothing more is tried for {task.spec.id}",
            reason_code=code,
            values={"task": task.spec.id, **values},
            signature=signature(task),
        )
    )


def _by_model(state: RunState, task: TaskState) -> list[Command] | None:
    """None when no model says anything of use."""
    if not replanning.has_model(state) or state.adapting.frugal:
        return None
    remedy = state.adapting.remedies.get(task.spec.id)
    if remedy is None or (remedy.asked == 0 and not remedy.failed):
        return [_ask(state, task)]
    if remedy.open:
        return []
    if remedy.failed or remedy.reply is None:
        return None
    made = replanning.read(state, task, remedy.reply.text)
    if made.faults:
        return [_ask(state, task)] if remedy.asked <= REPLAN_REPAIRS else None
    code = "adapt.model" if made.tasks else "adapt.left_out"
    values = {"task": task.spec.id, "reason": made.reason}
    return [_changed(state, task, made.tasks, ("model", code, made.reason, values))]


def _ask(state: RunState, task: TaskState) -> StartCall:
    return StartCall(kind="model", name=state.created.model, purpose=REPLAN, tool_call_id=task.spec.id)


def _by_rule(state: RunState, task: TaskState) -> list[Command]:
    """The same by another agent, or else by another skill; nothing when there is neither."""
    known, spec = state.adapting, task.spec
    first = known.origin.get(spec.id, spec.id)
    tried = {*known.tried.get(first, ()), task.agent.name if task.agent else ""}
    skills = {spec.skill} if spec.skill else set(task.agent.skills if task.agent else ())
    free = [one for one in state.created.agents if one.name not in tried]
    other = next((one for one in free if skills & set(one.skills) and one.role != "planner"), None)
    if other is not None:
        values = {"task": spec.id, "agent": other.name}
        why = ("rule", "adapt.agent", f"{other.name} tries {spec.id} another way", values)
        return [_changed(state, task, (_again(state, spec, agent=other.name),), why)]
    known_skills = {skill for one in free for skill in one.skills}
    if spec.skill == "tables" and "documents" in known_skills:
        values = {"task": spec.id, "skill": "documents"}
        why = ("rule", "adapt.skill", f"{spec.id} is looked for in the documents", values)
        return [_changed(state, task, (_again(state, spec, skill="documents"),), why)]
    return []


def _again(state: RunState, spec: PlanTask, *, agent: str = "", skill: str = "") -> PlanTask:
    [name] = replanning.free_ids(state, spec.id, 1)
    return replace(spec, id=name, agent=agent, skill=skill or spec.skill)


def _changed(
    state: RunState, task: TaskState, added: tuple[PlanTask, ...], why: tuple[str, str, str, dict[str, Any]]
) -> Record:
    planner, code, reason, values = why
    failed = task.spec.id
    inner = {need for one in added for need in one.needs}
    last = tuple(one.id for one in added if one.id not in inner)
    return Record(
        event=ev.PlanChanged(
            cause="verification" if task.error_code == "verify.failed" else "failure",
            planner=planner,
            task_id=failed,
            added=added,
            revised=_rewired(state, failed, last) if added else (),
            superseded=(failed,) if added else (),
            reason=reason,
            reason_code=code,
            values=values,
            signature=signature(task),
        )
    )


def _rewired(state: RunState, failed: str, instead: tuple[str, ...]) -> tuple[PlanTask, ...]:
    """Those that need it need what stands in for it."""
    rows: list[PlanTask] = []
    for name in state.dependents[failed]:
        spec = state.tasks[name].spec
        if state.tasks[name].status is TaskStatus.PENDING:
            needs = tuple(part for need in spec.needs for part in (instead if need == failed else (need,)))
            rows.append(replace(spec, needs=tuple(dict.fromkeys(needs))))
    return tuple(rows)


# --- proposals ------------------------------------------------------------------------------------


def _with_proposal(state: RunState, proposal: ev.TasksProposed) -> ev.PlanChanged:
    """Whoever waits for the task that proposed them waits for them too."""
    ids = tuple(one.id for one in proposal.tasks)
    waiting = (state.tasks[name] for name in state.dependents[proposal.task_id])
    revised = tuple(
        replace(one.spec, needs=(*one.spec.needs, *ids))
        for one in waiting
        if one.status is TaskStatus.PENDING and one.spec.vote is None
    )
    names = ", ".join(ids)
    return ev.PlanChanged(
        cause="proposal",
        planner="agent",
        task_id=proposal.task_id,
        added=proposal.tasks,
        revised=revised,
        reason=f"{proposal.task_id} proposed {names}",
        reason_code="adapt.proposal",
        values={"task": proposal.task_id, "tasks": names},
    )
