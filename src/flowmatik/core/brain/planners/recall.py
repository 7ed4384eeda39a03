"""What planners ask of memory before they plan: passages and tables that the goal may be about."""

from typing import Any

from flowmatik.core import events as ev
from flowmatik.core.brain.commands import Command, Record, StartCall
from flowmatik.core.brain.gates import STORES
from flowmatik.core.brain.planners.port import Asks
from flowmatik.core.state import RunState

_TOOLS = {"recall": "memory_search", "recall_tables": "tables_describe"}


def recalled(state: RunState, now: str) -> Asks | None:
    """None once everything is there. A store that is away ends the run: not found is another answer."""
    asks = _asks(state)
    if asks or not _TOOLS.keys() <= state.recall.keys() | _absent(state):
        return Asks(commands=tuple(asks))
    if state.away is not None and state.created.decision_version >= STORES:
        away = state.away
        return Asks(commands=(run_failed(now, away.code, away.message, dict(away.values)),))
    return None


def _absent(state: RunState) -> set[str]:
    return {purpose for purpose, tool in _TOOLS.items() if tool not in state.created.tools}


def _asks(state: RunState) -> list[Command]:
    absent = _absent(state)
    if "recall" not in state.recall_asked | absent:
        arguments = {"query": state.created.goal[:2000], "limit": 8}
        return [StartCall(kind="tool", name="memory_search", purpose="recall", arguments=arguments)]
    if "recall_tables" not in state.recall_asked | absent:
        return [StartCall(kind="tool", name="tables_describe", purpose="recall_tables", arguments={})]
    return []


def run_failed(now: str, code: str, message: str, values: dict[str, Any]) -> Record:
    return Record(event=ev.RunFailed(at=now, code=code, message=message, values=values))
