"""decide for a gate: what it looked at passes, or is done again with what it said, so many times at most."""

from typing import Any, cast

from flowmatik.contracts.agents import LoopDone
from flowmatik.contracts.plans import RepeatSpec
from flowmatik.core import events as ev
from flowmatik.core.brain.commands import Command, Record
from flowmatik.core.brain.endings import retry_or_fail, task_failed
from flowmatik.core.brain.plan_patterns import between
from flowmatik.core.brain.prompts import finding_of, task_output
from flowmatik.core.state import RunState, TaskState
from flowmatik.kernel import canonical

LONGEST = 4000  # characters of what is told about the round before


def judged(state: RunState, task: TaskState, spec: RepeatSpec, done: LoopDone) -> list[Command]:
    verdict = _verdict(done.output)
    passed = verdict.get(spec.until)
    if not isinstance(passed, bool):
        message = f"the verdict must be JSON with {spec.until!r}: true or false"
        return retry_or_fail(state, task, "task.repeat.verdict", message)
    if task.passed_gate:
        return [Record(event=ev.TaskSucceeded(task_id=task.spec.id))]
    if passed or (task.round >= spec.rounds and spec.on_exhausted == "accept"):
        return [Record(event=ev.GatePassed(task_id=task.spec.id, accepted=not passed))]
    if task.round >= spec.rounds:
        message = f"after {spec.rounds} rounds {spec.until!r} is still not true"
        values = {"rounds": spec.rounds, "until": spec.until, "task": spec.task}
        return [task_failed(task, "task.repeat.rounds", message, values)]
    specs = {name: one.spec for name, one in state.tasks.items()}
    return [
        Record(
            event=ev.RoundRepeated(
                task_id=task.spec.id,
                again=between(specs, spec.task, task.spec.id),
                round=task.round + 1,
                notes=_notes(state.tasks[spec.task], verdict),
            )
        )
    ]


def passes_for(state: RunState, task: TaskState) -> TaskState:
    """What a gate lets pass, in its place."""
    spec = task.spec.repeat
    return passes_for(state, state.tasks[spec.task]) if spec is not None else task


def _verdict(output: Any) -> dict[str, Any]:
    if isinstance(output, str):
        try:
            output = canonical.loads(output)
        except ValueError:
            return {}
    return cast("dict[str, Any]", output) if isinstance(output, dict) else {}


def _notes(task: TaskState, verdict: dict[str, Any]) -> tuple[str, ...]:
    finding = finding_of(task)
    given: Any = finding["text"] if finding is not None else task_output(task)
    text = given if isinstance(given, str) else canonical.dumps(given)
    return (f"it was: {text[:LONGEST]}", f"the reviewer said: {canonical.dumps(verdict)[:LONGEST]}")
