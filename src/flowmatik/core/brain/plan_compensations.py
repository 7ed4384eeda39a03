"""What keeps the compensation of a task from running."""

from collections.abc import Iterator
from typing import Any, cast

from flowmatik.contracts.plans import ENDS, Compensation, PlanTask
from flowmatik.core.brain.placeholders import PATH, PLACEHOLDER, is_placeholder
from flowmatik.core.brain.plan_faults import Fault, fault


def compensation_faults(task: PlanTask, tools: frozenset[str]) -> Iterator[Fault]:
    given = task.compensation
    if given is None:
        return
    me = f"the compensation of task {task.id!r}"
    if not task.tool:
        yield fault(f"{me} has no step to take back: only tool steps have one", "undo.step", task=task.id)
    if given.tool not in tools:
        text = f"{me} calls the tool {given.tool!r}, which does not exist"
        yield fault(text, "undo.tool", task=task.id, tool=given.tool)
    if not given.when or not set(given.when) <= set(ENDS):
        known = ", ".join(ENDS)
        yield fault(f"{me} applies when a run ends by {known}", "undo.when", task=task.id, known=known)
    yield from _placeholders(task, given)


def _placeholders(task: PlanTask, given: Compensation) -> Iterator[Fault]:
    for name, value in given.arguments.items():
        if is_placeholder(value):
            path = cast("dict[str, Any]", value)[PLACEHOLDER]
            sound = len(value) == 1 and isinstance(path, str) and (not path or PATH.fullmatch(path))
        else:
            sound = not _holds_placeholder(value)
        if not sound:
            text = (
                f"the argument {name!r} of the compensation of task {task.id!r} refers to no result: write "
                '{"$result": "name.name"} as the whole argument'
            )
            yield fault(text, "undo.result", task=task.id, argument=name)


def _holds_placeholder(value: object) -> bool:
    left = [value]
    while left:
        one = left.pop()
        if is_placeholder(one):
            return True
        if isinstance(one, dict):
            left.extend(cast("dict[str, object]", one).values())
        elif isinstance(one, list | tuple):
            left.extend(cast("list[object]", one))
    return False
