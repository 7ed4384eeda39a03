"""How a run goes on from the history of another one: what is open, spent and asked of the parent stays the
parent's; what it knows is the run's own."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from flowmatik.contracts.advice import ADVICE
from flowmatik.contracts.agents import AgentLoop
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import TaskStatus
from flowmatik.core import events as ev
from flowmatik.core.fold import advice, cascades
from flowmatik.core.fold.another_plan import go_by
from flowmatik.core.fold.handlers import Handlers
from flowmatik.core.fold.ordering import ENDED, order
from flowmatik.core.fold.purposes import PURPOSES
from flowmatik.core.state import Adapting, Fan, RunState, TaskState


def _retried(state: RunState, event: ev.TaskRetried, _: AgentLoop) -> None:
    _inherit(state)
    if not state.tasks:
        _plan_again(state)
    anew = set(event.task_ids)
    for task_id in (*event.task_ids, *_skipped_for(state, anew)):
        advice.forget(state, task_id)
        state.tasks[task_id] = TaskState(spec=state.planned[task_id])
    state.acted = [task_id for task_id in state.acted if task_id not in anew]
    _adapt_again(state)
    order(state)


def _forked(state: RunState, event: ev.RunForked, _: AgentLoop) -> None:
    _inherit(state)
    state.fork, state.acted = event, []  # what the parent did is not for this run to take back
    if event.plan:
        go_by(state, event)
    if event.model:
        _ask_model(state, event.model)
    if event.goal:
        _change_goal(state, event.goal)
    plan = _with_arguments(state.created.plan, event.arguments)
    state.created = replace(state.created, plan=tuple(plan))
    if state.planned:
        state.planned = {task.id: task for task in _with_arguments(state.planned.values(), event.arguments)}
        for task_id in event.arguments:
            state.tasks[task_id] = TaskState(spec=state.planned[task_id])
        order(state)


def _inherit(state: RunState) -> None:
    """Open calls are asked again, and the books begin anew."""
    for call in state.open.values():
        _unask(state, call)
    state.open, state.doubt, state.permitted = {}, {}, set()
    _wait_again(state)
    _run_again(state)
    state.inherited_micros += state.spent_micros
    state.spent_micros = state.reserved_micros = state.charged_to_all = 0
    state.spent_on, state.held, state.charged, state.aside = {}, {}, {}, {}
    state.spent_on_judges = {}
    cascades.inherit(state)
    state.drew = state.unpriced = False
    state.input_tokens = state.output_tokens = 0


def _wait_again(state: RunState) -> None:
    """Open waits begin anew, and people are asked anew before calls that were not made."""
    for wait in state.waits.values():
        if (task := state.tasks.get(wait.task_id)) is not None and "wait" in task.asked:
            task.asked.discard("wait")
            task.status = TaskStatus.PENDING
    state.waits, state.approvals, state.withdrawn = {}, {}, []
    state.plan_asked = state.plan_verdict is not None
    for task in state.tasks.values():
        task.granted = {name: given for name, given in task.granted.items() if name in task.asked}
        task.put_to_people &= task.asked


def _run_again(state: RunState) -> None:
    """The sub-runs under way are the parent's: tasks that wait for any begin anew, with runs of their own.
    What came of those that have ended stands where their tasks have all they asked for."""
    for sub in state.subs.values():
        if sub.tool_call_id:  # its agent asks again
            asking = state.tasks[sub.task_id]
            asking.asked.discard(sub.tool_call_id)
            asking.fan = Fan()
    for task_id in {sub.task_id for sub in state.subs.values() if not sub.tool_call_id}:
        task = state.tasks[task_id]
        task.fan, task.status = Fan(), TaskStatus.PENDING
        task.asked -= {"items", "collect"}
        task.error_code, task.error, task.error_values = "", "", {}
    state.subs, state.reserved_below = {}, 0


def _unask(state: RunState, call: ev.CallRequested) -> None:
    if call.kind == ADVICE:
        return advice.unask(state, call)
    if known := PURPOSES.get(call.purpose):
        return known.unask(state, call)
    task = state.tasks.get(call.task_id)
    match call.purpose:
        case "recall" | "recall_tables":
            state.recall_asked.discard(call.purpose)
        case "plan":
            state.plan_open = False
            state.plan_attempts -= 1
        case "think" if task is not None:
            task.model_open = False
        case "verify" if task is not None:
            task.verify_open = False
        case _ if task is not None:
            task.asked.discard(call.tool_call_id)
        case _:
            return


def _adapt_again(state: RunState) -> None:
    """What became of the plan stays; what failed may be tried in all ways again."""
    known = state.adapting
    state.adapting = Adapting(
        superseded=known.superseded, origin=known.origin, made=known.made, frugal=known.frugal
    )


def _plan_again(state: RunState) -> None:
    """The parent failed before it had a plan: whatever kept it from one is tried again."""
    state.recall, state.recall_asked, state.away = {}, set(), None
    state.plan_open = state.plan_failed = False
    state.plan_reply, state.plan_failure, state.plan_attempts = None, None, 0
    state.plan_errors, state.plan_details = (), ()
    state.advice, state.digest, state.summarised = {}, None, None
    state.proposed, state.plan_asked, state.plan_verdict = None, False, None


def _ask_model(state: RunState, model: str) -> None:
    """Whoever asks a model from here on asks this one."""
    one = {"model": model, "cascade": None, "candidates": ()}
    agents = tuple(replace(agent, **one) for agent in state.created.agents)
    state.created = replace(state.created, model=model, agents=agents)
    for task in state.tasks.values():
        if task.status not in ENDED and task.agent is not None:
            task.model, task.agent = model, replace(task.agent, **one)
            cascades.drop(task)


def _change_goal(state: RunState, goal: str) -> None:
    """A plan that was made for the old goal stands; a single agent begins again, for the goal is its
    task."""
    state.created = replace(state.created, goal=goal)
    if not state.tasks:
        _plan_again(state)
    elif state.planner == "single":
        state.planned = {name: replace(spec, objective=goal) for name, spec in state.planned.items()}
        state.tasks = {name: TaskState(spec=spec) for name, spec in state.planned.items()}
        order(state)


def _with_arguments(tasks: Iterable[PlanTask], arguments: Mapping[str, Mapping[str, Any]]) -> list[PlanTask]:
    return [
        replace(task, arguments={**task.arguments, **arguments[task.id]}) if task.id in arguments else task
        for task in tasks
    ]


def _skipped_for(state: RunState, anew: set[str]) -> list[str]:
    """The tasks that were skipped because they need, through others, one that begins anew."""
    found: list[str] = []
    left = [*anew]
    while left:
        for other in state.dependents[left.pop()]:
            if state.tasks[other].status is TaskStatus.SKIPPED and other not in found:
                found.append(other)
                left.append(other)
    return [task_id for task_id in state.tasks if task_id in found]


HANDLERS: Handlers = {
    ev.TaskRetried: _retried,
    ev.RunForked: _forked,
}
