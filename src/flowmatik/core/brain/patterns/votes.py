"""decide for a task that counts what others say: their answer when enough agree, else a judge's choice."""

from typing import Any, cast

from flowmatik.contracts.agents import LoopDone
from flowmatik.contracts.plans import VoteSpec
from flowmatik.contracts.runs import TaskStatus
from flowmatik.core import events as ev
from flowmatik.core.brain.adapting import model_of
from flowmatik.core.brain.commands import Command, Record
from flowmatik.core.brain.endings import retry_or_fail, task_failed
from flowmatik.core.brain.patterns.agreement import said
from flowmatik.core.state import RunState, TaskState
from flowmatik.kernel import canonical


def count(state: RunState, task: TaskState, spec: VoteSpec) -> list[Command]:
    """Once those that it needs have ended."""
    if task.chosen:
        return [Record(event=ev.TaskSucceeded(task_id=task.spec.id))]
    if not task.counted:
        return [Record(event=_counted(state, task, spec))]
    judge = state.agent_named(spec.judge) if spec.judge else None
    if judge is None:
        groups = " | ".join(", ".join(group) for group in task.counted)
        message = f"the answers differ ({groups}), and no judge is named"
        return [task_failed(task, "task.vote.split", message, {"groups": groups})]
    reason = "the answers differ: the judge of the vote chooses"
    model = model_of(state, judge)
    return [Record(event=ev.TaskRouted(task_id=task.spec.id, agent=judge.ref(), model=model, reason=reason))]


def judged(state: RunState, task: TaskState, done: LoopDone) -> list[Command]:
    """What the judge said must be the name of one of those that were counted."""
    known = [name for group in task.counted for name in group]
    choice = _choice(done.output)
    if choice in known:
        return [Record(event=ev.VoteJudged(task_id=task.spec.id, choice=choice))]
    names = ", ".join(known)
    message = f'the judge must answer {{"choice": id}} with one of {names}, and said {choice[:100]!r}'
    return retry_or_fail(state, task, "task.vote.judge", message)


def _counted(state: RunState, task: TaskState, spec: VoteSpec) -> ev.VoteCounted:
    groups: dict[str, list[str]] = {}
    for need in dict.fromkeys(task.spec.needs):
        if state.tasks[need].status is TaskStatus.SUCCEEDED:
            groups.setdefault(said(state.tasks[need]), []).append(need)
    ordered = sorted(groups.values(), key=len, reverse=True)  # of equal ones the first in the plan
    most = spec.quorum or len(set(task.spec.needs)) // 2 + 1
    tied = len(ordered) > 1 and len(ordered[0]) == len(ordered[1])
    agreed = ordered[0][0] if len(ordered[0]) >= most and not tied else ""
    return ev.VoteCounted(task_id=task.spec.id, groups=tuple(map(tuple, ordered)), agreed=agreed)


def _choice(output: Any) -> str:
    if isinstance(output, str):
        try:
            read = canonical.loads(output)
        except ValueError:
            return output.strip().strip("\"'`.")
        output = read
    if isinstance(output, dict):
        return str(cast("dict[str, Any]", output).get("choice", ""))
    return output if isinstance(output, str) else canonical.dumps(output)
