"""What a journal promises to whoever ends a run against its owner."""

from typing import Protocol

from flowmatik.core.journal.records import Claim


class Seizing(Protocol):
    async def seize(self, run_id: str, owner: str) -> Claim | None:
        """As `claim`, but also from a live owner, whose next append is fenced off. None when the run has
        ended. Raises NotFound."""
        ...
