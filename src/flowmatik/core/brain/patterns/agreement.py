"""When two answers say the same."""

from typing import Any, cast

from flowmatik.core.brain.prompts import finding_of, task_output
from flowmatik.core.brain.wording import normal
from flowmatik.core.state import TaskState

NOTHING = "nothing was found"


def said(task: TaskState) -> str:
    """What the task says, so that the same is equal: of a finding its text without marks of citations."""
    finding = finding_of(task)
    if finding is None:
        return normal(task_output(task))
    if not finding["found"]:
        return NOTHING
    text = str(finding["text"])
    for row in cast("list[Any]", finding["citations"] or []):
        if isinstance(row, dict):
            text = text.replace(f"[{cast('dict[str, Any]', row).get('n')}]", "")
    return normal(text)
