"""What a store does for retention: holds, the deletion of whole runs, and what is left of them."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from flowmatik.contracts.retention import Hold
from flowmatik.core.journal.records import Deletable, Tombstone

KEY_DAYS = 7  # for so long after its deletion the idempotency key of a run makes no other one


class RetentionReads(Protocol):
    async def tombstone(self, workspace_id: str, run_id: str) -> Tombstone | None: ...

    async def holds(self, workspace_id: str) -> list[Hold]:
        """That of the workspace itself first, then by run."""
        ...

    async def retention_days(self, workspace_id: str) -> int | None:
        """None: as the installation says."""
        ...


class RetentionStore(RetentionReads, Protocol):
    async def in_the_way(self, workspace_id: str, run_id: str) -> list[str]:
        """What keeps the run from being deleted, in words for programs: unfinished, held, workspace_held,
        unsettled, unrelayed, subscriber, dead_letters, in_doubt, child, parent."""
        ...

    async def hold(self, hold: Hold) -> bool:
        """In place of an earlier one. False when there is no such run in the workspace."""
        ...

    async def release(self, workspace_id: str, run_id: str) -> bool:
        """False when there was no hold."""
        ...

    async def set_retention_days(self, workspace_id: str, days: int | None) -> None: ...

    async def retention_overrides(self) -> dict[str, int]:
        """The days of every workspace that has its own."""
        ...

    async def deletable(self, *, before: str, overrides: Mapping[str, str], limit: int) -> list[Deletable]:
        """Runs with nothing in their way that ended before `before`, or before the time that `overrides`
        names for their workspace; "" is for never. The oldest first."""
        ...

    async def delete_runs(self, run_ids: Sequence[str]) -> list[str]:
        """All that there is of these runs, each of which has been found to have nothing in its way; a
        tombstone stays, and their blobs are left for others to delete (`BlobLedger`). Left out: what is held
        by now, or locked by somebody."""
        ...

    async def forget_keys(self, before: str) -> None:
        """The idempotency keys of runs deleted before that time may be used again."""
        ...

    async def scrub(self) -> None:
        """What was deleted is gone from the disk, as far as the store can see to that: a write-ahead log
        keeps old pages until they are written over. Nothing happens when nothing was deleted since."""
        ...
