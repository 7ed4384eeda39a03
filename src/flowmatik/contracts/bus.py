"""The event bus as operators see it: what a subscriber refused, and how to hand it over again."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An event that a subscriber's handler refused, `attempts` times in all; `error` is what it said the
    last time."""

    subscriber: str
    run_id: str
    workspace_id: str
    seq: int
    error: str
    attempts: int
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterPage:
    """`next`: opaque cursor, "" on the last page."""

    items: tuple[DeadLetter, ...]
    next: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redriven:
    """`handled`: how many events the subscriber took; `left`: what it refused (again). `asked`: the
    subscriber is at work in another process, or in none now, which does it as soon as it can; `left` is then
    what there is to do."""

    handled: int
    left: tuple[DeadLetter, ...] = ()
    asked: bool = False


class DeadLetters(Protocol):
    """Every method is for one workspace; a run of another one is NotFound (`not_found.run`)."""

    async def list(self, workspace_id: str, *, cursor: str = "", limit: int = 50) -> DeadLetterPage:
        """Oldest first."""
        ...

    async def redrive(self, workspace_id: str, subscriber: str, run_id: str) -> Redriven:
        """Hand to the subscriber what it refused of the run, then what waited behind it. NotFound where
        there is no such letter (`not_found.dead_letter`). Where another process has the subscriber, it is
        only asked for, durably."""
        ...
