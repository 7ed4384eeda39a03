"""Retention in memory."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from flowmatik.contracts.retention import Hold
from flowmatik.core.journal.bus import MemoryBus
from flowmatik.core.journal.kin_port import COUNTED
from flowmatik.core.journal.memory_approvals import MemoryApprovals
from flowmatik.core.journal.memory_blobs import MemoryBlobRows
from flowmatik.core.journal.memory_caps import MemoryCaps
from flowmatik.core.journal.memory_runs import Run
from flowmatik.core.journal.memory_snapshots import MemorySnapshots
from flowmatik.core.journal.port import no_run
from flowmatik.core.journal.records import Creation, Deletable, Tombstone
from flowmatik.core.journal.retention_port import KEY_DAYS
from flowmatik.core.journal.sql_retention import gone_run, key_of_deleted
from flowmatik.core.journal.times import text_of
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import NotFound


class MemoryRetention(MemorySnapshots, MemoryBlobRows):
    """The methods of the port `RetentionStore` over the runs of a journal in memory."""

    _clock: Clock
    _runs: dict[str, Run]
    _keys: dict[tuple[str, str], str]
    _timed: set[str]
    _bus: MemoryBus
    _money: MemoryCaps

    _approvals: MemoryApprovals

    def __init__(self, runs: dict[str, Run]) -> None:
        MemorySnapshots.__init__(self, runs)
        MemoryBlobRows.__init__(self)
        self._tombstones: dict[str, Tombstone] = {}
        self._deleted_keys: dict[tuple[str, str], str] = {}
        self._holds: dict[tuple[str, str], Hold] = {}
        self._days: dict[str, int] = {}

    def _missing(self, run_id: str, workspace_id: str | None = None) -> NotFound:
        found = self._tombstones.get(run_id)
        if found is not None and workspace_id in (None, found.workspace_id):
            return gone_run(run_id, found.deleted_at)
        return no_run(run_id, "" if workspace_id is None else f" in workspace {workspace_id!r}")

    def _refuse_deleted(self, creation: Creation) -> None:
        run_id = self._deleted_keys.get((creation.workspace_id, creation.idempotency_key))
        if creation.idempotency_key and run_id is not None:
            deleted_at = self._tombstones[run_id].deleted_at
            if deleted_at > text_of(self._clock.now() - timedelta(days=KEY_DAYS)):
                raise key_of_deleted(creation, run_id, deleted_at)

    async def tombstone(self, workspace_id: str, run_id: str) -> Tombstone | None:
        found = self._tombstones.get(run_id)
        return found if found and found.workspace_id == workspace_id else None

    async def holds(self, workspace_id: str) -> list[Hold]:
        return [hold for key, hold in sorted(self._holds.items()) if key[0] == workspace_id]

    async def hold(self, hold: Hold) -> bool:
        run = self._runs.get(hold.run_id)
        if hold.run_id and (run is None or run.workspace_id != hold.workspace_id):
            return False
        self._holds[hold.workspace_id, hold.run_id] = hold
        return True

    async def release(self, workspace_id: str, run_id: str) -> bool:
        return self._holds.pop((workspace_id, run_id), None) is not None

    async def retention_days(self, workspace_id: str) -> int | None:
        return self._days.get(workspace_id)

    async def set_retention_days(self, workspace_id: str, days: int | None) -> None:
        if days is None:
            self._days.pop(workspace_id, None)
        else:
            self._days[workspace_id] = days

    async def retention_overrides(self) -> dict[str, int]:
        return dict(self._days)

    async def in_the_way(self, workspace_id: str, run_id: str) -> list[str]:
        run = self._runs.get(run_id)
        if run is None or run.workspace_id != workspace_id:
            raise self._missing(run_id, workspace_id)
        return self._obstacles(run)

    def _obstacles(self, run: Run) -> list[str]:
        parent = self._runs.get(run.parent)
        others = self._runs.values()
        found = {
            "unfinished": not run.ended_at,
            "held": (run.workspace_id, run.run_id) in self._holds,
            "workspace_held": (run.workspace_id, "") in self._holds,
            "unsettled": run.run_id in self._money.holders(),
            "in_doubt": _doubted(run),
            "child": any(one.parent == run.run_id and not one.reported for one in others),
            "parent": parent is not None and not parent.ended_at,
            "untold": parent is not None and bool(parent.ended_at) and not run.reported,
            **self._bus.obstacles(run.run_id),
        }
        return sorted(kind for kind, there in found.items() if there)

    async def deletable(self, *, before: str, overrides: Mapping[str, str], limit: int) -> list[Deletable]:
        old = [
            run
            for run in self._runs.values()
            if run.ended_at and run.ended_at < overrides.get(run.workspace_id, before)
        ]
        old.sort(key=lambda run: (run.ended_at, run.run_id))
        free = [run for run in old if not self._obstacles(run)][:limit]
        return [Deletable(run_id=r.run_id, workspace_id=r.workspace_id, events=len(r.events)) for r in free]

    async def delete_runs(self, run_ids: Sequence[str]) -> list[str]:
        return [run_id for run_id in sorted(run_ids) if self._delete(run_id)]

    def _delete(self, run_id: str) -> bool:
        run = self._runs.get(run_id)
        held = run is not None and {(run.workspace_id, ""), (run.workspace_id, run_id)} & self._holds.keys()
        if run is None or not run.ended_at or held:
            return False
        del self._runs[run_id]
        for key, used in list(self._keys.items()):
            if used == run_id:
                del self._keys[key]
                self._deleted_keys[key] = run_id
        self._timed.discard(run_id)
        self._snapshots.pop(run_id, None)
        self._approvals.forget(run_id)
        self._bus.forget(run_id)
        self._money.forget(run_id)
        blobs, blob_bytes = self._leave(run_id)
        self._tombstones[run_id] = Tombstone(
            run_id=run_id,
            workspace_id=run.workspace_id,
            status=run.status,
            created_at=run.created_at,
            ended_at=run.ended_at,
            deleted_at=text_of(self._clock.now()),
            cost_micros=run.cost_micros,
            unpriced=run.unpriced,
            blobs=blobs,
            blob_bytes=blob_bytes,
            counted=run.reported in COUNTED,
        )
        return True

    async def scrub(self) -> None:
        """Memory has no disk."""

    async def forget_keys(self, before: str) -> None:
        for key, run_id in list(self._deleted_keys.items()):
            if self._tombstones[run_id].deleted_at <= before:
                del self._deleted_keys[key]

    def _spent_by_deleted(self, workspace_id: str, begun: str) -> int:
        mine = (one for one in self._tombstones.values() if one.workspace_id == workspace_id)
        return sum(one.cost_micros for one in mine if one.created_at >= begun and not one.counted)


def _doubted(run: Run) -> bool:
    """By the id of the call, which comes first in canonical JSON."""
    calls: set[str] = set()
    for event in run.events:
        call = event.payload.partition('",')[0]
        if event.type == "CallInDoubt":
            calls.add(call)
        elif event.type in ("CallSucceeded", "CallFailed"):
            calls.discard(call)
    return bool(calls)
