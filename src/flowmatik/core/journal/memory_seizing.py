"""How the journal in memory lets a run be taken from a live owner."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from flowmatik.core.journal.memory_runs import Run
from flowmatik.core.journal.records import Claim, NewEvent


class MemorySeizing(ABC):
    @abstractmethod
    def _run(self, run_id: str) -> Run: ...

    @abstractmethod
    def _claim(self, run: Run, owner: str, before: Sequence[NewEvent] = ()) -> Claim: ...

    async def seize(self, run_id: str, owner: str) -> Claim | None:
        run = self._run(run_id)
        return None if run.ended_at else self._claim(run, owner)
