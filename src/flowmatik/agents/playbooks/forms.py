"""What playbooks need of whoever knows the forms of tasks, and what keeps a plan from running."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from flowmatik.contracts.plans import PlanTask


@dataclass(frozen=True, slots=True, kw_only=True)
class FormFault:
    """A field of a task that cannot be read; `path` leads from the task to it."""

    path: tuple[int | str, ...]
    text: str
    code: str
    values: dict[str, object] = field(default_factory=lambda: {})


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFault:
    """What keeps a plan from running: of the `task` with that id ("" is the whole), at `place` in it."""

    task: str
    place: str
    text: str
    code: str
    values: dict[str, object] = field(default_factory=lambda: {})


class TaskForms(Protocol):
    def read(self, raw: Mapping[str, Any]) -> PlanTask | Sequence[FormFault]:
        """The task, or what of it cannot be read."""
        ...

    async def faults(self, workspace_id: str, tasks: tuple[PlanTask, ...]) -> Sequence[TaskFault]:
        """What keeps them from running with the agents and tools that the workspace has."""
        ...
