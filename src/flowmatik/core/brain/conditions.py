"""Whether a task is done at all: what must hold of the results of earlier ones. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from flowmatik.contracts.blobs import reference_in
from flowmatik.contracts.plans import OTHERWISE, TESTS, Condition, PlanTask, is_number
from flowmatik.contracts.runs import TaskStatus
from flowmatik.core import events as ev
from flowmatik.core.brain.commands import Command, Record
from flowmatik.core.brain.plan_faults import Fault, fault
from flowmatik.core.brain.prompts import task_output
from flowmatik.core.state import RunState, TaskState

WHEN = "task.when"  # the code of tasks that were skipped for their conditions
TOO_LARGE = "task.when_large"


def unmet(state: RunState, task: TaskState) -> list[Command]:
    """The end of a task whose conditions do not hold; nothing for one that may begin."""
    for condition in task.spec.when:
        source = state.tasks[condition.task]
        output = task_output(source) if source.status is TaskStatus.SUCCEEDED else None
        told: dict[str, Any] = {"need": condition.task, "path": condition.path}
        if reference_in(output) is not None:
            message = (
                f"its condition looks into the result of {condition.task!r}, which is so large that it was "
                "put away; look at something smaller"
            )
            return [_failed(task, message, told)]
        if not condition.holds(_at(output, condition.path)):
            return [_skipped(task, condition, told)]
    return []


def goes_on_without(task: TaskState) -> bool:
    """Whether those that need it begin although it was skipped."""
    skipped = task.status is TaskStatus.SKIPPED and task.error_code == WHEN
    return skipped and task.spec.otherwise == "continue"


def left_out(tasks: Mapping[str, TaskState]) -> set[str]:
    """The tasks that were skipped for a condition, and those skipped for want of nothing else: none of them
    is missing from the answer."""
    found: set[str] = set()
    for name, task in _in_order(tasks):
        if task.status is not TaskStatus.SKIPPED:
            continue
        lost = [need for need in task.spec.needs if tasks[need].status is not TaskStatus.SUCCEEDED]
        if task.error_code == WHEN or (lost and all(need in found for need in lost)):
            found.add(name)
    return found


def _in_order(tasks: Mapping[str, TaskState]) -> Iterator[tuple[str, TaskState]]:
    """Each after what it needs. Without a task that was skipped for a condition there is nothing to look
    for, which is nearly always."""
    if not any(task.error_code == WHEN for task in tasks.values()):
        return
    left = {name: len(set(task.spec.needs)) for name, task in tasks.items()}
    dependents: dict[str, list[str]] = {name: [] for name in tasks}
    for name, task in tasks.items():
        for need in set(task.spec.needs):
            dependents[need].append(name)
    ready = [name for name, count in left.items() if not count]
    while ready:
        name = ready.pop()
        yield name, tasks[name]
        for other in dependents[name]:
            left[other] -= 1
            if not left[other]:
                ready.append(other)


def condition_faults(task: PlanTask) -> Iterator[Fault]:
    me = f"task {task.id!r}"
    if task.otherwise not in OTHERWISE:
        text = f"{me} has otherwise {task.otherwise!r}; use skip or continue"
        yield fault(text, "otherwise", task=task.id, value=task.otherwise)
    for condition in task.when:
        if condition.task not in task.needs:
            text = f"a condition of {me} looks at task {condition.task!r}, which is not among its needs"
            yield fault(text, "when_needs", task=task.id, need=condition.task)
        if condition.test not in TESTS:
            known = ", ".join(TESTS)
            text = f"a condition of {me} has the test {condition.test!r}; use one of {known}"
            yield fault(text, "when_test", task=task.id, value=condition.test, known=known)
        elif not _fits(condition):
            text = f"a condition of {me} cannot compare with that value: {_WANTS[condition.test]}"
            yield fault(text, f"when_{_KINDS[condition.test]}", task=task.id)


_WANTS = {
    "one_of": "one_of takes a list",
    "above": "above takes a number",
    "below": "below takes a number",
    "exists": "exists takes true or false",
}
_KINDS = {"one_of": "list", "above": "number", "below": "number", "exists": "boolean"}


def _fits(condition: Condition) -> bool:
    match condition.test:
        case "one_of":
            return isinstance(condition.value, list | tuple)
        case "above" | "below":
            return is_number(condition.value)
        case "exists":
            return isinstance(condition.value, bool)
        case _:
            return True


def _at(output: Any, path: str) -> Any:
    """None where there is nothing: a path may lead through lists by number."""
    at = output
    for name in filter(None, path.split(".")):
        if isinstance(at, dict):
            at = cast("dict[str, Any]", at).get(name)
        elif isinstance(at, list) and name.isdecimal() and int(name) < len(cast("list[Any]", at)):
            at = cast("list[Any]", at)[int(name)]
        else:
            return None
    return at


def _skipped(task: TaskState, condition: Condition, told: dict[str, Any]) -> Record:
    where = f"{condition.task}.{condition.path}".rstrip(".")
    return Record(
        event=ev.TaskSkipped(
            task_id=task.spec.id,
            reason=f"its condition does not hold: {where} {condition.test} {condition.value!r}",
            reason_code=WHEN,
            values={**told, "where": where, "test": condition.test},
        )
    )


def _failed(task: TaskState, message: str, told: dict[str, Any]) -> Record:
    return Record(
        event=ev.TaskFailed(task_id=task.spec.id, code=TOO_LARGE, message=message, values=dict(told))
    )
