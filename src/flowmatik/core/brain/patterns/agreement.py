"""When two answers say the same."""

import unicodedata
from typing import Any, cast

from flowmatik.core.brain.prompts import finding_of, task_output
from flowmatik.core.state import TaskState
from flowmatik.kernel import canonical

ENDS = " \t\r\n.,;:!?¡¿\"'`*“”«»()[]"
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


def normal(value: Any) -> str:
    """Without case, spaces, or punctuation at the ends; of JSON in all of its words."""
    if isinstance(value, str):
        try:
            read = canonical.loads(value)
        except ValueError:
            return _words(value)
        return _words(read) if isinstance(read, str) else canonical.dumps(_plain(read))
    return canonical.dumps(_plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return _words(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(one) for one in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in cast("dict[str, Any]", value).items()}
    return value


def _words(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.split()).strip(ENDS)
