"""Indexes outside of memory's own store, as people see and mend them."""

from dataclasses import dataclass
from typing import Literal, Protocol

Leg = Literal["vectors", "text", "graph"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexState:
    """Of one index and one workspace. `index` is the plugin's id, `version` what its engine says of itself,
    "" when it says nothing; `stored` and `indexed`: passages that it should have, and has; `behind`:
    documents that have changed and have not reached it; `differs`: it has as many passages as it should, and
    not the same in them; `fault`: the code of why it cannot be used now, ""
    when it can, with `said` in English: then the numbers that it would have to tell are 0."""

    leg: Leg
    index: str
    version: str = ""
    stored: int = 0
    indexed: int = 0
    behind: int = 0
    differs: bool = False
    fault: str = ""
    said: str = ""

    @property
    def agrees(self) -> bool:
        return not (self.fault or self.behind or self.differs) and self.stored == self.indexed


class MemoryIndexes(Protocol):
    """Those that the settings name; none of them where search goes by memory's own store alone."""

    async def states(self, workspace_id: str) -> list[IndexState]:
        """Raises nothing that an index raises: it is in its state."""
        ...

    async def rebuild(self, workspace_id: str) -> list[IndexState]:
        """Everything sent to each of them again, and what the store does not know taken out, while they are
        searched. Raises Unavailable when an index is away, or somebody else brings it up to date just now
        (`unavailable.index.busy`)."""
        ...
