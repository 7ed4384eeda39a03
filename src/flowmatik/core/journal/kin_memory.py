"""Runs within runs, in memory."""

from abc import ABC, abstractmethod
from collections.abc import Collection

from flowmatik.core.journal.kin_port import ADDED, TO_NOBODY, TOLD, LiveChild
from flowmatik.core.journal.memory_runs import Run


class MemoryKin(ABC):
    """Children of parents, by what the journal in memory keeps of runs."""

    _runs: dict[str, Run]
    _live: dict[str, Run]

    @abstractmethod
    def _post(self, run: Run, input_id: str, kind: str, payload: str) -> bool:
        """Put an input in the inbox of `run`; False when it was there."""

    async def born(self, run_ids: Collection[str]) -> set[str]:
        return {run_id for run_id in run_ids if run_id in self._runs}

    async def report(self, run_id: str, input_id: str, payload: str, *, cost_micros: int) -> str:
        child = self._runs.get(run_id)
        if child is None or not self._reportable(child) or child.cost_micros != cost_micros:
            return ""
        parent = self._runs.get(child.parent)
        if parent is None or parent.workspace_id != child.workspace_id:
            child.reported = TO_NOBODY
            return ""
        if parent.ended_at:
            child.reported = ADDED
            parent.cost_micros += child.cost_micros
            parent.unpriced |= child.unpriced
            return ""
        child.reported = TOLD
        return parent.run_id if self._post(parent, input_id, "subrun", payload) else ""

    def _reportable(self, run: Run) -> bool:
        ended = run.parent and run.ended_at and not run.reported
        return bool(ended) and all(one.reported for one in self._runs.values() if one.parent == run.run_id)

    async def unreported(self, limit: int) -> list[str]:
        left = [run for run in self._runs.values() if run.parent and run.ended_at and not run.reported]
        return sorted(run.run_id for run in left if self._reportable(run))[:limit]

    async def live_children(self, parent: str, limit: int) -> list[str]:
        return sorted(run.run_id for run in self._live.values() if run.parent == parent)[:limit]

    async def kin(self, *, after: str, limit: int) -> list[LiveChild]:
        ids = sorted(run.run_id for run in self._live.values() if run.parent and run.run_id > after)
        return [LiveChild(run_id=run_id, orphan=self._is_orphan(run_id)) for run_id in ids[:limit]]

    def _is_orphan(self, run_id: str) -> bool:
        parent = self._runs.get(self._runs[run_id].parent)
        return parent is None or bool(parent.ended_at)
