"""How a task ends, or is tried another way."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.brain.cascades import escalates
from flowmatik.core.brain.commands import Command, Record
from flowmatik.core.state import RunState, TaskState

USED_UP = ("agent.turns", "agent.output.length", "agent.output.filtered")  # another try cannot help


def retry_or_fail(_: RunState, task: TaskState, code: str, message: str) -> list[Command]:
    used_up = code in USED_UP and not escalates(task)
    if task.replanned or used_up or task.spec.effect is not Effect.READ:
        return [task_failed(task, code, message)]
    return [replanned(task, task.spec.skill, message)]


def task_failed(task: TaskState, code: str, message: str, told: Mapping[str, object] | None = None) -> Record:
    """With everything that a text about it may want to name."""
    values: dict[str, Any] = {"skill": task.spec.skill, "tool": task.spec.tool, "model": task.model}
    if task.agent is not None:
        values |= {"agent": task.agent.name, "turns": task.agent.max_turns}
        if code == "agent.output.length":
            values["tokens"] = task.agent.max_output_tokens
    known = {name: value for name, value in values.items() if value} | dict(told or {})
    if code == task.error_code:
        known |= task.error_values
    return Record(event=ev.TaskFailed(task_id=task.spec.id, code=code, message=message, values=known))


def replanned(task: TaskState, skill: str, reason: str) -> Record:
    spec = task.spec
    replacement = replace(spec, skill=skill)
    return Record(event=ev.TaskReplanned(task_id=spec.id, replacement=replacement, reason=reason))
