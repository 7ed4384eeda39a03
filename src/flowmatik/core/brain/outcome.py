"""How a run ends when its tasks have: with the answer of those that the plan leads to, or by what failed."""

from typing import Any, cast

from flowmatik.contracts.answers import MissingPart
from flowmatik.contracts.runs import TaskStatus
from flowmatik.core import events as ev
from flowmatik.core.brain.adapting import adapts
from flowmatik.core.brain.answers import answer_of, joined, together
from flowmatik.core.brain.conditions import left_out
from flowmatik.core.brain.conversation import unheard
from flowmatik.core.brain.gaps import with_gaps
from flowmatik.core.brain.gates import BRAIN
from flowmatik.core.brain.patterns.rounds import passes_for
from flowmatik.core.brain.prompts import finding_of
from flowmatik.core.state import RunState, TaskState

LOOPS = ("adapt.loop", "adapt.stale", "adapt.many")
ENDS = 4  # the decision version from which the answer is that of the plan's ends, not of its last task


def outcome(state: RunState, now: str) -> ev.Event:
    """How the run ends whose tasks have all ended."""
    if state.created.decision_version >= BRAIN:
        return _outcome_of_plan(state, now)
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


def known_so_far(state: RunState, now: str) -> ev.RunSucceeded | None:
    """The answer of a run that stops for want of money or time, if a part of what its plan leads to is there;
    it says what is missing. None for a run that is cancelled, and where something would have to be undone."""
    if not adapts(state) or state.cancel is not None or state.undoing is not None or state.acted:
        return None
    ends, good, _ = _parted(state)
    parts = _parts(state, ends, good)
    if not _has_answer(parts):
        return None
    if state.deadline_passed:
        code, text = "run.deadline", "the deadline passed"
        values: dict[str, Any] = {"deadline": state.created.deadline_at}
    else:
        refused = cast("ev.CallRefused", state.refused)
        code, text, values = refused.code, refused.message, dict(refused.values)
    missing = tuple(
        MissingPart(task_id=t.spec.id, objective=_objective(state, t), code=code, text=text, values=values)
        for t in _without_result(state, ends)
    )
    return _succeeded(state, now, parts, missing)


def _outcome_of_plan(state: RunState, now: str) -> ev.Event:
    """As of the ends; of a plan that may change, what has no result is said, if anything else has one."""
    ends, good, lost = _parted(state)
    if not good:
        first = next((t for t in _counting(state) if t.status is TaskStatus.FAILED), ends[0])
        return _given_up(state, first, now)
    failed = next((task for task in lost if task.spec.skill != "writing"), None)
    parts = _parts(state, ends, good)
    if failed is not None and not (adapts(state) and not state.acted and _has_answer(parts)):
        return _given_up(state, _cause(state, failed), now)
    if not parts:
        return _given_up(state, lost[0], now)
    missing: tuple[MissingPart, ...] = ()
    if adapts(state):
        missing = tuple(_missing(state, task) for task in _without_result(state, ends))
    return _succeeded(state, now, parts, missing)


def _counting(state: RunState) -> list[TaskState]:
    """Without those in whose place others stand."""
    return [task for name, task in state.tasks.items() if name not in state.adapting.superseded]


def _parted(state: RunState) -> tuple[list[TaskState], list[TaskState], list[TaskState]]:
    """The plan's ends, the tasks that succeeded, and the ends that did not."""
    gone = left_out(state.tasks)
    tasks = [task for task in _counting(state) if task.spec.id not in gone] or _counting(state)
    ends = [task for task in tasks if gone.issuperset(state.dependents[task.spec.id])]
    good = [task for task in tasks if task.status is TaskStatus.SUCCEEDED]
    return ends, good, [task for task in ends if task.status is not TaskStatus.SUCCEEDED]


def _parts(state: RunState, ends: list[TaskState], good: list[TaskState]) -> list[TaskState]:
    """What the answer is put together from; the material of a writer that failed stands verified."""
    wanted = {task.spec.id for task in ends}
    for writer in (t for t in ends if t.spec.skill == "writing" and t.status is not TaskStatus.SUCCEEDED):
        wanted |= _led_to(state, writer)
    found = [t for t in good if t.spec.id in wanted and (t in ends or t.agent or finding_of(t) is not None)]
    passed = {one.spec.id: one for one in (passes_for(state, task) for task in found)}
    return list(passed.values())


def _has_answer(parts: list[TaskState]) -> bool:
    return any(answer_of(task).found for task in parts)


def _without_result(state: RunState, ends: list[TaskState]) -> list[TaskState]:
    """Of all that the ends rest on: what came to no result though its needs did. A vote needs not all."""
    found: set[str] = set()
    left = [*ends]
    while left:
        task = left.pop()
        good = task.status is TaskStatus.SUCCEEDED
        if good and task.spec.vote is not None:
            continue
        below = [state.tasks[need] for need in task.spec.needs]
        whole = all(one.status is TaskStatus.SUCCEEDED for one in below)
        if not good and whole and task.spec.skill != "writing":
            found.add(task.spec.id)
        left += below
    return [task for task in _counting(state) if task.spec.id in found]


def _missing(state: RunState, task: TaskState) -> MissingPart:
    return MissingPart(
        task_id=task.spec.id,
        objective=_objective(state, task),
        code=task.error_code or "run.failed",
        text=task.error,
        values=dict(task.error_values),
    )


def _objective(state: RunState, task: TaskState) -> str:
    """As the plan had it first, whatever stands in its place by now."""
    first = state.adapting.origin.get(task.spec.id, task.spec.id)
    return state.planned[first].objective or task.spec.tool or task.spec.id


def _succeeded(
    state: RunState, now: str, parts: list[TaskState], missing: tuple[MissingPart, ...]
) -> ev.RunSucceeded:
    checks = tuple(check for task in parts for check in task.checks)
    answer = with_gaps(together(parts), missing, state.created)
    return ev.RunSucceeded(at=now, answer=answer, verified=checks, unheard=unheard(state))


def _given_up(state: RunState, task: TaskState, now: str) -> ev.RunFailed:
    """By what failed; of a part that was tried in vain again and again, that it was."""
    why = state.adapting.settled.get(task.spec.id, "")
    if why not in LOOPS:
        return _failed_by(task, now)
    first = state.adapting.origin.get(task.spec.id, task.spec.id)
    fault = {"code": task.error_code, "text": task.error, "values": task.error_values}
    return ev.RunFailed(
        at=now,
        code="run.loop",
        message=f"task {first!r} failed again, whatever was tried instead: {task.error}",
        values={"task": first, "fault": fault},
    )


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
