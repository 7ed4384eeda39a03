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
    """Ask a model (`name` is the model id), call a tool, or have the engine do a part of a map (`kind`
    "engine")."""

    kind: str
    name: str
    purpose: str
    task_id: str = ""
    arguments: dict[str, Any] | None = None
    tool_call_id: str = ""
    effect: Effect = Effect.READ


@dataclass(frozen=True, slots=True, kw_only=True)
class StartSubRun:
    """Begin a run within the run; `item` is the place of a map's item. With `tool_call_id` the agent
    `caller` of the task asks for it: `agent` is to reach `goal`, with tools up to `effect`."""

    task_id: str
    item: int | None = None
    budget_micros: int | None = None
    deadline_seconds: float | None = None
    tool_call_id: str = ""
    caller: str = ""
    agent: str = ""
    goal: str = ""
    effect: Effect = Effect.READ


@dataclass(frozen=True, slots=True, kw_only=True)
class StartWait:
    """`event` lacks its due time, which the runtime adds: `until`, or `seconds` from now on; without
    either it is never due."""

    event: ev.WaitBegun
    seconds: float | None = None
    until: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskPeople:
    """`event` lacks its times, which the runtime adds."""

    event: ev.ApprovalRequested


Command = Record | StartCall | StartWait | AskPeople | StartSubRun
