"""Under which key `RunState.advice` has what an adviser said."""


def key_of(purpose: str, task_id: str = "", number: str = "") -> str:
    """`number` tells several questions of a task apart."""
    return "/".join((purpose, task_id, number))
