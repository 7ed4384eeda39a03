"""Snapshots in memory."""

from collections.abc import Mapping

from flowmatik.core.journal.memory_runs import Run
from flowmatik.core.journal.records import Snapshot


class MemorySnapshots:
    """The methods of the port `Snapshots` over the runs of a journal in memory."""

    def __init__(self, runs: Mapping[str, Run]) -> None:
        self._all = runs
        self._snapshots: dict[str, Snapshot] = {}

    def _snapshot_of(self, run: Run, fold_version: str) -> Snapshot | None:
        found = self._snapshots.get(run.run_id)
        return found if found and found.fold_version == fold_version else None

    async def snapshot(self, run_id: str, fold_version: str) -> Snapshot | None:
        run = self._all.get(run_id)
        return self._snapshot_of(run, fold_version) if run else None

    async def save_snapshot(self, run_id: str, snapshot: Snapshot) -> None:
        run, old = self._all.get(run_id), self._snapshots.get(run_id)
        if run is None or run.ended_at or len(run.events) < snapshot.seq:
            return
        if old is None or old.seq < snapshot.seq or old.fold_version != snapshot.fold_version:
            self._snapshots[run_id] = snapshot

    async def drop_snapshot(self, run_id: str) -> None:
        self._snapshots.pop(run_id, None)

    async def drop_snapshots_of_ended(self, limit: int) -> int:
        ended = sorted(run_id for run_id in self._snapshots if self._all[run_id].ended_at)[:limit]
        for run_id in ended:
            del self._snapshots[run_id]
        return len(ended)
