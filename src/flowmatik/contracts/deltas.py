"""What is under way: text that models are writing, and how far tools are. To be shown, never a fact."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What a model call has written on: `text` follows `at` characters of this call. `gap`: some of what is
    before `at` was lost on its way here. `json`: the text is that of a JSON value, structured output that is
    not finished yet."""

    call_id: str
    task_id: str
    at: int
    text: str
    gap: bool = False
    json: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a tool's call is, by its own account: `done` of `total`, None where nobody knows."""

    call_id: str
    task_id: str
    tool: str
    done: float
    total: float | None = None
    message: str = ""


UnderWay = Delta | Progress


class RunDeltas(Protocol):
    """Of the model calls whose text may become the answer, the text alone: no arguments of tools, no plans;
    of structured output its member `text`, or all of it (`json`) where it has none. It is what the model
    says before anybody has checked it. The event that ends a call has the whole of it; what was shown before
    is dropped then. Of tools that say so, how far they are: the newest, not each."""

    def watch(self, workspace_id: str, run_id: str) -> AbstractAsyncContextManager[AsyncIterator[UnderWay]]:
        """From the moment on that the block is entered, for ever; it does not say whether there is such a
        run in the workspace: there are no deltas of others. Whoever is slow loses the oldest (`gap`), and
        holds up nobody. Never raises for what is away: there are no deltas then."""
        ...
