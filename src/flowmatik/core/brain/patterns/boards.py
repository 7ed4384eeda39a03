"""decide for notes that tasks share: what a run keeps of them is bounded."""

from typing import Any

from flowmatik.contracts.agents import CallTool
from flowmatik.contracts.team_tools import BOARD_READ
from flowmatik.core import events as ev
from flowmatik.core.state import RunState, TaskState
from flowmatik.kernel import canonical

MOST_NOTES = 100
LONGEST_KEY = 100
LONGEST_NOTE = 8000  # characters of JSON
LARGEST = 64_000  # of all notes; reading them goes into prompts


def noted(state: RunState, task: TaskState, call: CallTool) -> ev.Event | str:
    """The decision, or what the agent is told instead."""
    task_id, arguments = task.spec.id, call.arguments
    key: Any = arguments.get("key", "")
    if not isinstance(key, str) or len(key) > LONGEST_KEY:
        return f"key must be text of at most {LONGEST_KEY} characters"
    if call.name == BOARD_READ:
        if key and key not in state.board:
            known = ", ".join(state.board) or "none"
            return f"there is no note {key!r}; there is {known}"
        return ev.BoardRead(task_id=task_id, tool_call_id=call.tool_call_id, key=key)
    if not key.strip() or "value" not in arguments:
        return "give the key and the value of the note"
    size = len(canonical.dumps(arguments["value"]))
    held = state.board.get(key)
    replaced = 0 if held is None else len(canonical.dumps(held.value))
    if held is None and len(state.board) >= MOST_NOTES:
        return f"the board has {MOST_NOTES} notes; write over one of them"
    if size > LONGEST_NOTE or _size(state) - replaced + size > LARGEST:
        most = f"at most {LONGEST_NOTE:,} characters fit, and {LARGEST:,} on the whole board"
        return f"the note has {size:,} characters of JSON; {most}"
    return ev.BoardWritten(task_id=task_id, tool_call_id=call.tool_call_id, key=key, value=arguments["value"])


def _size(state: RunState) -> int:
    return sum(len(key) + len(canonical.dumps(note.value)) for key, note in state.board.items())
