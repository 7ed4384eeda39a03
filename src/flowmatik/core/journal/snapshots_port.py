"""What a store keeps so that a long history need not be read whole: one snapshot a run, of its last owner."""

from typing import Protocol

from flowmatik.core.journal.records import Snapshot


class SnapshotReads(Protocol):
    async def snapshot(self, run_id: str, fold_version: str) -> Snapshot | None:
        """The run's, if it is of that version of the fold."""
        ...


class Snapshots(SnapshotReads, Protocol):
    """A cache: losing it loses nothing."""

    async def save_snapshot(self, run_id: str, snapshot: Snapshot) -> None:
        """In place of an older one, or one of another version of the fold. Nothing happens for a run that has
        ended, or whose head is not as far."""
        ...

    async def drop_snapshot(self, run_id: str) -> None: ...

    async def drop_snapshots_of_ended(self, limit: int) -> int:
        """Those that an owner left behind in its last moment; how many there were."""
        ...
