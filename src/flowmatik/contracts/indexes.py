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


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a search may find; applied inside the engine, before its limit. All fields hold together; an empty
    one asks nothing. `sources`: names of documents, or of folders that they lie in, one of which suffices.
    `principals`: on whose behalf it is asked, who see what is everybody's and what names one of them; None is
    the workspace's own system work, which sees all. `tags`: one of them suffices. `dated_from` and
    `dated_until`: ISO dates or times, both included (a date until its end); what has no date is not found
    then."""

    sources: tuple[str, ...] = ()
    principals: frozenset[str] | None = None
    tags: tuple[str, ...] = ()
    dated_from: str = ""
    dated_until: str = ""

    @property
    def until(self) -> str:
        """The last text that a date within `dated_until` may be: "2024-05" and "2024-05-31" include all that
        begins so."""
        return f"{self.dated_until}\uffff" if self.dated_until else ""


EVERYTHING = Filter()


def places(source: str) -> tuple[str, ...]:
    """The document's name and the folders that it lies in: what `Filter.sources` is compared with."""
    parts = source.split("/")
    return tuple("/".join(parts[: n + 1]) for n in range(len(parts)) if parts[n])
