"""What agents of a run do together."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteCounted:
    """`groups`: the tasks whose answers agree, the largest group first. `agreed` is the task whose answer
    holds; "" when too few agree."""

    task_id: str
    groups: tuple[tuple[str, ...], ...]
    agreed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteJudged:
    """The judge chose the answer of the task `choice`."""

    task_id: str
    choice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRepeated:
    """A gate sent back: the tasks `again` begin anew, for the round `round` (from 1 on), with `notes`."""

    task_id: str
    again: tuple[str, ...]
    round: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePassed:
    """`accepted`: though it never said so, for the rounds were used up."""

    task_id: str
    accepted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskHandedOver:
    """From its agent to another one, who goes on with all that was said."""

    task_id: str
    tool_call_id: str
    agent: str
    model: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardWritten:
    task_id: str
    tool_call_id: str
    key: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRead:
    """`key` "" is all notes."""

    task_id: str
    tool_call_id: str
    key: str = ""
