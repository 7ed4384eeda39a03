"""Which tasks wait for which: after some were reset, or the plan has changed."""

from flowmatik.contracts.runs import TaskStatus
from flowmatik.core.state import RunState

ENDED = (TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.SKIPPED)


def order(state: RunState) -> None:
    ended = {name for name, task in state.tasks.items() if task.status in ENDED}
    state.blocked = {
        name: sum(need not in ended for need in set(task.spec.needs)) for name, task in state.tasks.items()
    }
    state.live = {
        name: task for name, task in state.tasks.items() if name not in ended and not state.blocked[name]
    }


def wire(state: RunState) -> None:
    """Anew from what each task needs."""
    state.dependents = {task_id: [] for task_id in state.tasks}
    for task_id, task in state.tasks.items():
        for need in sorted(set(task.spec.needs)):
            state.dependents[need].append(task_id)
    order(state)
