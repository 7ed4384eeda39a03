"""Text of models while it is being written: to be shown, never a fact."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What a model call has written on: `text` follows `at` characters of this call. `gap`: some of what is
    before `at` was lost on its way here."""

    call_id: str
    task_id: str
    at: int
    text: str
    gap: bool = False


class RunDeltas(Protocol):
    """Of the model calls whose text may become the answer, the text alone: no arguments of tools, no plans,
    nothing of structured output but its member `text`. It is what the model says before anybody has checked
    it. The event that ends a call has the whole of it; what was shown before is dropped then."""

    def watch(self, workspace_id: str, run_id: str) -> AbstractAsyncContextManager[AsyncIterator[Delta]]:
        """From the moment on that the block is entered, for ever; it does not say whether there is such a
        run in the workspace: there are no deltas of others. Whoever is slow loses the oldest (`gap`), and
        holds up nobody. Never raises for what is away: there are no deltas then."""
        ...
