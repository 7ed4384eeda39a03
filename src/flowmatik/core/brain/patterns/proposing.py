"""decide for tasks that an agent proposes: validated like a plan, bounded, within the rights of its own."""

import re
from typing import Any, cast

from flowmatik.contracts.agents import CallTool
from flowmatik.contracts.plans import PlanTask
from flowmatik.contracts.runs import MAX_GOAL_CHARACTERS, TaskStatus
from flowmatik.contracts.team_tools import MOST_PROPOSED
from flowmatik.core import events as ev
from flowmatik.core.brain import plan, replanning
from flowmatik.core.brain.adapting import adapts
from flowmatik.core.state import RunState, TaskState

MARK = "+"  # t1+1 is what t1 proposed first
DEEPEST = 3  # tasks that propose tasks that propose tasks


def proposed(state: RunState, task: TaskState, call: CallTool) -> ev.TasksProposed:
    rows: Any = call.arguments.get("tasks")
    if not isinstance(rows, list) or not rows:
        return _refused(task, call, ["tasks must be a list of objects with objective and skill"])
    given = cast("list[Any]", rows)
    if errors := _limits(state, task, len(given)):
        return _refused(task, call, errors)
    tasks: list[PlanTask] = []
    errors = list[str]()
    known = {_same(one.spec) for one in state.tasks.values()}
    for number, row in enumerate(given, task.proposed + 1):
        made = _task(state, task, row, f"{task.spec.id}{MARK}{number}")
        if isinstance(made, str):
            errors.append(f"task number {number - task.proposed} {made}")
        elif _same(made) in known:
            errors.append(f"{made.objective[:100]!r} is in the plan already")
        else:
            known.add(_same(made))
            tasks.append(made)
    if not errors:
        errors = replanning.new_faults(state, tasks)
    if errors:
        return _refused(task, call, errors)
    return ev.TasksProposed(task_id=task.spec.id, tool_call_id=call.tool_call_id, tasks=tuple(tasks))


def _refused(task: TaskState, call: CallTool, errors: list[str]) -> ev.TasksProposed:
    return ev.TasksProposed(task_id=task.spec.id, tool_call_id=call.tool_call_id, errors=tuple(errors))


def _limits(state: RunState, task: TaskState, count: int) -> list[str]:
    if not adapts(state):
        return ["the plan of this run is fixed; say in your answer what is missing"]
    if state.adapting.frugal:
        return ["what is left of the budget or the time bears no more tasks"]
    if task.proposed + count > MOST_PROPOSED:
        return [f"a task may propose {MOST_PROPOSED} tasks, and has proposed {task.proposed}"]
    if len(state.tasks) + count > plan.MAX_TASKS:
        return [f"the plan would have more than {plan.MAX_TASKS} tasks"]
    if task.spec.id.count(MARK) >= DEEPEST:
        return [f"{task.spec.id} was itself proposed, through {DEEPEST} others; finish it without more tasks"]
    return []


def _task(state: RunState, task: TaskState, row: Any, name: str) -> PlanTask | str:
    """Or what is wrong with it."""
    if not isinstance(row, dict):
        return "is no object"
    known = cast("dict[str, Any]", row)
    objective, skill, needs = known.get("objective"), known.get("skill"), known.get("needs", [])
    if unknown := sorted(known.keys() - {"objective", "skill", "needs"}):
        return f"has the unknown member {unknown[0]!r}"
    if not isinstance(objective, str) or not objective.strip() or len(objective) > MAX_GOAL_CHARACTERS:
        return "has no objective, or one that is too long"
    if not isinstance(skill, str) or skill == "writing":
        return f"has the skill {skill!r}, which is not for tasks that find something out"
    if not isinstance(needs, list):
        return "has needs that are no list"
    rows: list[str] = []
    for need in cast("list[Any]", needs):
        ended = isinstance(need, str) and need in state.tasks and _is_done(state.tasks[need])
        if need != task.spec.id and not ended:
            return f"needs {need!r}, which is neither done nor your own task {task.spec.id!r}"
        rows.append(str(need))
    spec = task.spec
    return PlanTask(
        id=name,
        objective=objective,
        skill=skill,
        needs=tuple(dict.fromkeys(rows)),
        criteria=spec.criteria,
        effect=spec.effect,
        budget_micros=spec.budget_micros,
    )


def _is_done(task: TaskState) -> bool:
    return task.status is TaskStatus.SUCCEEDED


def _same(spec: PlanTask) -> tuple[str, str]:
    return " ".join(re.findall(r"\w+", spec.objective.casefold())), spec.skill
