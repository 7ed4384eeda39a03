"""decide for a task whose result is there: have it checked, and judge by the checks."""

from typing import Any, cast

from flowmatik.contracts.agents import LoopDone
from flowmatik.contracts.runs import Check
from flowmatik.core import events as ev
from flowmatik.core.brain import local_planner
from flowmatik.core.brain.arithmetic import calculates
from flowmatik.core.brain.commands import Command, Record, StartCall
from flowmatik.core.brain.endings import replanned, retry_or_fail
from flowmatik.core.brain.prompts import finding_of
from flowmatik.core.state import RunState, TaskState


def verify(state: RunState, task: TaskState, done: LoopDone) -> list[Command]:
    """What is checked before the result of an agent counts."""
    if finding_of(task) is not None and "citations_check" in state.created.tools and task.spec.criteria:
        return [
            StartCall(
                kind="tool",
                name="citations_check",
                purpose="verify",
                task_id=task.spec.id,
                arguments={"finding": done.output},
            )
        ]
    return [Record(event=ev.TaskSucceeded(task_id=task.spec.id))]


def judge(state: RunState, task: TaskState) -> list[Command]:
    verdict = cast("dict[str, Any]", task.verification)
    if task.passed is None:
        checks = tuple(cast("Check", ev.check_of(c)) for c in verdict.get("checks", []))
        event = ev.TaskVerified(task_id=task.spec.id, passed=bool(verdict.get("passed")), checks=checks)
        return [Record(event=event)]
    if not task.passed:
        failed = "; ".join(f"{c.criterion}: {c.detail}" for c in task.checks if not c.passed)
        return retry_or_fail(state, task, "verify.failed", failed or "verification failed")
    finding = finding_of(task)
    elsewhere = _other_skill(state, task)
    if finding is not None and not finding["found"] and elsewhere and not task.replanned:
        return [replanned(task, elsewhere, f"nothing was found with {task.spec.skill}: {finding['text']}")]
    return [Record(event=ev.TaskSucceeded(task_id=task.spec.id))]


def _other_skill(state: RunState, task: TaskState) -> str:
    skills = {skill for agent in state.created.agents for skill in agent.skills}
    if task.spec.skill != "tables" or "documents" not in skills:
        return ""
    calculation = calculates(state) and local_planner.is_calculation(task.spec.objective)
    return "" if calculation else "documents"  # no document knows better
