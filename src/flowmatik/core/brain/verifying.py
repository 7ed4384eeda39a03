"""decide for a task whose result is there: guardrails, what is checked, and what follows from the checks."""

from dataclasses import replace
from typing import Any, cast

from flowmatik.contracts.agents import LoopDone
from flowmatik.contracts.criteria import CitationsSupport, Criterion
from flowmatik.contracts.runs import Check
from flowmatik.core import events as ev
from flowmatik.core.brain import guarded, local_planner
from flowmatik.core.brain.arithmetic import calculates
from flowmatik.core.brain.checking import checked
from flowmatik.core.brain.commands import Command, Record, StartCall
from flowmatik.core.brain.endings import replanned, retry_or_fail
from flowmatik.core.brain.gates import BRAIN
from flowmatik.core.brain.judging import criteria_of, judges_of, model_of, verdict_of
from flowmatik.core.brain.prompts import finding_of
from flowmatik.core.state import RunState, TaskState

JUDGE = "judge"  # the purpose of a judge's call
FIGURES = "figures"  # of a finding, by its quotes alone; support looks at the whole passages


def verify(state: RunState, task: TaskState, done: LoopDone) -> list[Command]:
    """What is checked before the result of an agent counts."""
    if state.created.decision_version >= BRAIN:
        return _verify(state, task, done)
    return _ask_citations(state, task, done.output) or [Record(event=ev.TaskSucceeded(task_id=task.spec.id))]


def judge(state: RunState, task: TaskState) -> list[Command]:
    if state.created.decision_version >= BRAIN and task.loop is not None:
        done = task.loop.done
        if isinstance(done, LoopDone):
            return _verify(state, task, done)
    if task.passed is None:
        checks = _located(task)
        passed = bool((task.verification or {}).get("passed"))
        return [Record(event=ev.TaskVerified(task_id=task.spec.id, passed=passed, checks=checks))]
    return _follows(state, task)


def _verify(state: RunState, task: TaskState, done: LoopDone) -> list[Command]:
    if task.passed is not None:
        return _follows(state, task)
    if task.agent is not None and task.agent.guardrails:
        instead = guarded.output(state, task, task.agent, done.output)
        if instead is not None:
            return instead
    criteria = [one for _, one in criteria_of(state, task)]
    if task.verification is None:
        asked = _ask_citations(state, task, done.output if task.unfixed is None else task.unfixed, criteria)
        if asked:
            return asked
        if not criteria:
            return [Record(event=ev.TaskSucceeded(task_id=task.spec.id))]
    return _verdict(state, task, criteria)


def _ask_citations(
    state: RunState, task: TaskState, output: Any, criteria: list[Criterion] | None = None
) -> list[Command]:
    """Nothing when there are none to check, or nobody to do it. `output` is the agent's own: what guardrails
    have hidden in quotes stands in no source."""
    wanted = bool(task.spec.criteria) or any(isinstance(one, CitationsSupport) for one in criteria or ())
    if finding_of(task) is None or "citations_check" not in state.created.tools or not wanted:
        return []
    return [
        StartCall(
            kind="tool",
            name="citations_check",
            purpose="verify",
            task_id=task.spec.id,
            arguments={"finding": output},
        )
    ]


def _located(task: TaskState) -> tuple[Check, ...]:
    """As the verifier's tool says them."""
    verdict = cast("dict[str, Any]", task.verification or {})
    return tuple(cast("Check", ev.check_of(c)) for c in verdict.get("checks", []))


def _verdict(state: RunState, task: TaskState, criteria: list[Criterion]) -> list[Command]:
    """Everything that is to be said of the result, in one event; judges come last, for what they cost."""
    checks = list(_located(task))
    support = next((one for one in criteria if isinstance(one, CitationsSupport)), None)
    if support is not None:
        checks = [one for one in checks if one.criterion != FIGURES]
        checks = [replace(one, optional=support.optional and one.criterion != "schema") for one in checks]
    elif task.verification is not None and not task.verification.get("passed") and _good(checks):
        checks.append(Check(criterion="verifier", passed=False, detail="the verifier did not pass it"))
    found = checked(state, task, criteria)
    checks += found.checks
    if _good(checks):
        for number, one in judges_of(state, task):
            judged = task.judged.get(number)
            if judged is None:
                name = model_of(task, one)
                return [
                    StartCall(
                        kind="model", name=name, purpose=JUDGE, task_id=task.spec.id, tool_call_id=number
                    )
                ]
            if judged.open:
                return []
            checks.append(verdict_of(task, one, judged))
    event = ev.TaskVerified(
        task_id=task.spec.id, passed=_good(checks), checks=tuple(checks), output=found.output
    )
    return [Record(event=event)]


def _good(checks: list[Check]) -> bool:
    return all(one.passed or one.optional for one in checks)


def _follows(state: RunState, task: TaskState) -> list[Command]:
    """What comes of a task that was verified."""
    if not task.passed:
        missed = (c for c in task.checks if not c.passed and not c.optional)
        failed = "; ".join(f"{c.criterion}: {c.detail}" for c in missed)
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
