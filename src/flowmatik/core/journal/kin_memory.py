"""Runs within runs, in memory."""

from abc import ABC, abstractmethod
from collections.abc import Collection

from flowmatik.core.journal.kin_port import LiveChild
from flowmatik.core.journal.memory_runs import Run

TO_PARENT, TO_NOBODY = 1, 2


class MemoryKin(ABC):
    """Children of parents, by what the journal in memory keeps of runs."""

    _runs: dict[str, Run]
    _live: dict[str, Run]

    @abstractmethod
    def _post(self, run: Run, input_id: str, kind: str, payload: str) -> bool:
        """Put an input in the inbox of `run`; False when it was there."""

    async def born(self, run_ids: Collection[str]) -> set[str]:
        return {run_id for run_id in run_ids if run_id in self._runs}

    async def report(self, run_id: str, input_id: str, payload: str) -> str:
        child = self._runs.get(run_id)
        if child is None or not child.parent or not child.ended_at or child.reported:
            return ""
        parent = self._runs.get(child.parent)
        if parent is None or parent.ended_at or parent.workspace_id != child.workspace_id:
            child.reported = TO_NOBODY
            return ""
        child.reported = TO_PARENT
        return parent.run_id if self._post(parent, input_id, "subrun", payload) else ""

    async def unreported(self, limit: int) -> list[str]:
        runs = (run for run in self._runs.values() if run.parent and run.ended_at and not run.reported)
        return sorted(run.run_id for run in runs)[:limit]

    async def live_children(self, parent: str, limit: int) -> list[str]:
        return sorted(run.run_id for run in self._live.values() if run.parent == parent)[:limit]

    async def kin(self, *, after: str, limit: int) -> list[LiveChild]:
        ids = sorted(run.run_id for run in self._live.values() if run.parent and run.run_id > after)
        return [LiveChild(run_id=run_id, orphan=self._is_orphan(run_id)) for run_id in ids[:limit]]

    def _is_orphan(self, run_id: str) -> bool:
        parent = self._runs.get(self._runs[run_id].parent)
        return parent is None or bool(parent.ended_at)
