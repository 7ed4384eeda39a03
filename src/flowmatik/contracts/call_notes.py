"""What is noted of one model call on its way, for whoever made it: how long its provider was waited for, and
which deployment was asked last."""

from contextvars import ContextVar
from dataclasses import dataclass, field
from time import perf_counter
from types import TracebackType


@dataclass(slots=True, kw_only=True)
class CallNotes:
    """`waited`: seconds. Of waits within each other the outermost counts."""

    waited: float = 0.0
    deployment: str = ""
    depth: int = field(default=0, repr=False)


_NOTES: ContextVar[CallNotes | None] = ContextVar("call_notes", default=None)


def take_notes() -> CallNotes:
    """For the rest of this task, and of those that it starts."""
    notes = CallNotes()
    _NOTES.set(notes)
    return notes


def note_deployment(deployment: str) -> None:
    if (notes := _NOTES.get()) is not None:
        notes.deployment = deployment


class ProviderWait:
    """A context: what passes in it is the provider's time, with that of its client library."""

    __slots__ = ("_notes", "_since")

    def __enter__(self) -> None:
        self._notes = _NOTES.get()
        self._since = perf_counter()
        if self._notes is not None:
            self._notes.depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if (notes := self._notes) is not None:
            notes.depth -= 1
            if not notes.depth:
                notes.waited += perf_counter() - self._since
