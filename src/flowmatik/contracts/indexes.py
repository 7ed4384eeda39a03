"""Indexes outside of memory's own store, which follow its changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexChange:
    """The last thing that happened to a document. `position` grows within a workspace; a document that is
    changed again moves to a later one, so that a follower sees its newest state once."""

    position: int
    document: str
    change: Literal["stored", "deleted"]


class IndexPort(Protocol):
    """An index that keeps its own place. Followed by one process at a time."""

    async def position(self, workspace_id: str) -> int:
        """Up to where it has applied changes, 0 for none."""
        ...

    async def apply(self, workspace_id: str, changes: Sequence[IndexChange]) -> None:
        """In their order, and with them, in one step of its own store, the position of the last one: so each
        is applied exactly once, whatever dies when. `stored` replaces all that it had of the document."""
        ...
