"""What models are shown of a run's pictures: pure functions of its state. Writers get what others found, and
models that are known to see none are told that there are some."""

from dataclasses import asdict, replace
from typing import Any

from flowmatik.contracts.images import ImageMessage
from flowmatik.contracts.models import Message
from flowmatik.core.state import RunState, TaskState

WRITING = "writing"


def with_pictures(
    state: RunState, task: TaskState, model: str, messages: tuple[Message, ...]
) -> tuple[Message, ...]:
    """They go with the first thing that the person says, in each turn anew."""
    pictures = state.created.pictures
    if not pictures or task.spec.skill == WRITING:
        return messages
    at = next((n for n, one in enumerate(messages) if one.role == "user"), None)
    if at is None:
        return messages
    said = messages[at]
    if model in state.created.blind:
        told = replace(said, content=f"{said.content}\n\n{_unseen(len(pictures))}")
    else:
        told = ImageMessage(role="user", content=said.content, images=tuple(one.image for one in pictures))
    return (*messages[:at], told, *messages[at + 1 :])


def _unseen(count: int) -> str:
    return (
        f"Pictures were given with the goal ({count}), which you cannot see. Do not guess what they show; "
        "if the task depends on it, say so."
    )


def listed(state: RunState) -> list[dict[str, Any]]:
    """For whoever plans, and need not see them."""
    return [
        {key: value for key, value in asdict(one).items() if key in ("media_type", "width", "height")}
        for one in state.created.pictures
    ]


def unseen_by(state: RunState) -> tuple[str, ...]:
    """The tasks that have gone to a model which sees no pictures."""
    if not state.created.pictures:
        return ()
    return tuple(
        name
        for name, task in state.tasks.items()
        if task.model in state.created.blind and task.agent is not None and task.spec.skill != WRITING
    )
