"""What `decide` says."""

from dataclasses import dataclass
from typing import Any

from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev

RANK = {Effect.READ: 0, Effect.IDEMPOTENT: 1, Effect.ONCE: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A decision that is an event in itself."""

    event: ev.Event


@dataclass(frozen=True, slots=True, kw_only=True)
class StartCall:
    """Ask a model (`name` is the model id) or call a tool."""

    kind: str
    name: str
    purpose: str
    task_id: str = ""
    arguments: dict[str, Any] | None = None
    tool_call_id: str = ""
    effect: Effect = Effect.READ


Command = Record | StartCall
