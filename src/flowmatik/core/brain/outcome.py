"""How a run ends when its tasks have: with the answer of those that the plan leads to, or by what failed."""

from flowmatik.contracts.runs import TaskStatus
from flowmatik.core import events as ev
from flowmatik.core.brain.answers import answer_of, joined, together
from flowmatik.core.brain.conditions import left_out
from flowmatik.core.brain.prompts import finding_of
from flowmatik.core.state import RunState, TaskState

ENDS = 4  # the decision version from which the answer is that of the plan's ends, not of its last task


def outcome(state: RunState, now: str) -> ev.Event:
    """How the run ends whose tasks have all ended."""
    if state.created.decision_version >= ENDS:
        return _outcome_of_ends(state, now)
    tasks = list(state.tasks.values())
    last = tasks[-1]
    good = [task for task in tasks if task.status is TaskStatus.SUCCEEDED]
    if not good:
        first = next((t for t in tasks if t.status is TaskStatus.FAILED), last)
        return _failed_by(first, now)
    if last.status is TaskStatus.SUCCEEDED:
        return ev.RunSucceeded(at=now, answer=answer_of(last), verified=last.checks)
    if last.spec.skill == "writing":  # the writer failed: its material stands verified all the same
        answer = joined([task for task in good if finding_of(task) is not None])
        checks = tuple(check for task in good for check in task.checks)
        return ev.RunSucceeded(at=now, answer=answer, verified=checks)
    return _failed_by(last, now)


def _outcome_of_ends(state: RunState, now: str) -> ev.Event:
    """The answer is what nobody else needed: what the writer wrote, wherever the plan lists it. Of several
    ends all count, for each was asked for."""
    gone = left_out(state.tasks)
    tasks = [task for name, task in state.tasks.items() if name not in gone] or list(state.tasks.values())
    ends = [task for task in tasks if gone.issuperset(state.dependents[task.spec.id])]
    good = [task for task in tasks if task.status is TaskStatus.SUCCEEDED]
    lost = [task for task in ends if task.status is not TaskStatus.SUCCEEDED]
    if not good:
        return _failed_by(next((t for t in tasks if t.status is TaskStatus.FAILED), ends[0]), now)
    if failed := next((task for task in lost if task.spec.skill != "writing"), None):
        return _failed_by(_cause(state, failed), now)
    wanted = {task.spec.id for task in ends}
    for writer in lost:  # its material stands verified all the same
        wanted |= _led_to(state, writer)
    parts = [t for t in good if t.spec.id in wanted and (t in ends or finding_of(t) is not None)]
    if not parts:
        return _failed_by(lost[0], now)
    checks = tuple(check for task in parts for check in task.checks)
    return ev.RunSucceeded(at=now, answer=together(parts), verified=checks)


def _cause(state: RunState, lost: TaskState) -> TaskState:
    """What failed, of a task that was only skipped for it."""
    if lost.status is TaskStatus.FAILED:
        return lost
    before = _led_to(state, lost)
    tasks = (task for name, task in state.tasks.items() if name in before)
    return next((task for task in tasks if task.status is TaskStatus.FAILED), lost)


def _led_to(state: RunState, task: TaskState) -> set[str]:
    """The ids of all that it needs, and of what these need."""
    found: set[str] = set()
    left = [*task.spec.needs]
    while left:
        need = left.pop()
        if need not in found:
            found.add(need)
            left.extend(state.tasks[need].spec.needs)
    return found


def _failed_by(task: TaskState, now: str) -> ev.RunFailed:
    code, values = task.error_code or "run.failed", dict(task.error_values)
    return ev.RunFailed(at=now, code=code, message=task.error, values=values)
