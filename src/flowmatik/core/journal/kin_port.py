"""What the journal keeps of runs within runs: a child's row names its parent, and whether that was told
how the child ended."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

TOLD, ADDED, TO_NOBODY = 1, 2, 3  # what became of the cost of a child that has ended
COUNTED = (TOLD, ADDED)  # it is in its parent's


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveChild:
    """`orphan`: its parent has ended, or is not there any more."""

    run_id: str
    orphan: bool


class KinJournal(Protocol):
    async def born(self, run_ids: Collection[str]) -> set[str]:
        """Which of these runs there are."""
        ...

    async def report(self, run_id: str, input_id: str, payload: str, *, cost_micros: int) -> str:
        """In one transaction: the ended child counts as reported, and this input of kind "subrun" is in the
        inbox of its parent, which becomes ready if it is parked; to a parent that has ended the child's cost
        is added instead. The parent's id when it was told, else "". A child is left as it is before it and
        all its own children have ended and were reported, and when it has cost something else by now."""
        ...

    async def unreported(self, limit: int) -> list[str]:
        """Ended runs whose parents were not told, and whose own children were all reported."""
        ...

    async def live_children(self, parent: str, limit: int) -> list[str]:
        """The parent's children that have not ended."""
        ...

    async def kin(self, *, after: str, limit: int) -> list[LiveChild]:
        """A page of all children that have not ended, in the order of their ids, after the last one seen."""
        ...
