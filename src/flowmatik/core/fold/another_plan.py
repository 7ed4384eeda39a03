"""A fork that goes on by another plan: what the new plan keeps as it was, and what begins."""

from collections.abc import Iterable
from dataclasses import replace

from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import TaskStatus
from flowmatik.core import events as ev
from flowmatik.core.fold import advice
from flowmatik.core.fold.ordering import wire
from flowmatik.core.state import Adapting, RunState, TaskState


def go_by(state: RunState, event: ev.RunForked) -> None:
    """A task keeps its result if it had succeeded, the new plan has it under the same id and exactly as it
    was, and the same holds for all that it needs; all else of the plan begins. Without a plan so far, the run
    adopts this one as its own."""
    created = state.created
    state.created = replace(
        created,
        plan=event.plan,
        agent="",
        playbook="",
        parameters={},
        agents=event.agents,
        tools={**created.tools, **event.tools},
        turn_micros={**created.turn_micros, **event.turn_micros},
    )
    state.proposed, state.plan_asked, state.plan_verdict = None, False, None
    state.declined, state.estimate, state.plan_edited_by = (), None, ""
    if not state.tasks:
        return
    state.planner, state.plan_reason, state.plan_code, state.plan_values = "given", "", "", {}
    kept = _kept(state, event.plan)
    for task_id in state.tasks:
        if task_id not in kept:
            advice.forget(state, task_id)
    state.tasks = {
        task.id: state.tasks[task.id] if task.id in kept else TaskState(spec=task) for task in event.plan
    }
    state.planned = {task.id: task for task in event.plan}
    state.adapting, state.board = Adapting(), {}
    state.undone = {name: undone for name, undone in state.undone.items() if name in kept}
    wire(state)


def _kept(state: RunState, plan: Iterable[PlanTask]) -> set[str]:
    """The plan was checked: what tasks need has no circle."""
    wanted = {task.id: task for task in plan}
    left = {
        task_id
        for task_id, task in wanted.items()
        if state.planned.get(task_id) == task
        and task_id in state.tasks
        and state.tasks[task_id].status is TaskStatus.SUCCEEDED
        and task_id not in state.undone
    }
    while lost := {task_id for task_id in left if not set(wanted[task_id].needs) <= left}:
        left -= lost
    return left
