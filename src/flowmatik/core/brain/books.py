"""With which model those that are asked in a task are compared, in the books of what was saved."""

from flowmatik.core.state import TaskState


def compared_with(task: TaskState) -> tuple[tuple[str, ...], str] | None:
    """The cheap models of the task, and the strong one with which they are compared: those of a cascade, or
    those among which the router chose, with the dearest of them."""
    agent, routed = task.agent, task.routed
    if agent is None:
        return None
    if agent.cascade is not None:
        return agent.cascade.models, agent.cascade.strong
    if routed is None or not routed.dearest or not agent.candidates or routed.agent != agent.ref():
        return None
    return tuple(one for one in routed.models if one != routed.dearest), routed.dearest
