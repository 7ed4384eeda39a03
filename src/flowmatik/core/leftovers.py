"""Blobs of runs that are no more: what a deletion left in the journal's list is deleted from the blob store,
however often that is away, and whoever dies meanwhile."""

import logging

from flowmatik.contracts.blobs import BlobStore
from flowmatik.core.engine.housekeeping import Chore
from flowmatik.core.journal.blobs_port import LeftBlob
from flowmatik.core.journal.port import Journal
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Unavailable

log = logging.getLogger(__name__)
EVERY_SECONDS = 5.0
STRAYS_EVERY_SECONDS = 3600.0
BATCH = 100
TAKEN_SECONDS = 180.0  # nobody else touches a blob for so long once it was taken to be deleted
BEGUN_SECONDS = 60.0  # no deletion begins later; what is under way then may take as long as the store lets it


class Leftovers:
    """Any number of processes may do this at once."""

    def __init__(self, journal: Journal, blobs: BlobStore, clock: Clock) -> None:
        self._journal = journal
        self._blobs = blobs
        self._clock = clock
        self._away = False  # said already

    async def sweep(self) -> None:
        """Ends when nothing is left, or the blob store is away: what was taken is tried again later."""
        while await self._batch() == BATCH:
            pass

    async def _batch(self) -> int:
        """How many were deleted."""
        begun = self._clock.monotonic()
        taken = await self._journal.take_left(BATCH, ttl_seconds=TAKEN_SECONDS)
        gone: list[LeftBlob] = []
        try:
            for one in taken:
                if self._clock.monotonic() - begun > BEGUN_SECONDS:
                    break
                await self._blobs.delete(one.workspace_id, one.sha256)
                gone.append(one)
        except Unavailable as error:
            if not self._away:  # once an outage
                log.warning("blobs of deleted runs go later", extra={"error": error.message})
            self._away = True
        finally:
            if gone:
                await self._journal.forget_left(gone)
        if gone:
            self._away = False
            size = sum(one.bytes for one in gone)
            log.info("blobs of deleted runs are gone", extra={"blobs": len(gone), "bytes": size})
        return len(gone)

    async def disown(self) -> None:
        if count := await self._journal.disown_strays():
            log.info("blobs of runs that never came to be are left", extra={"references": count})


def leftover_chores(leftovers: Leftovers) -> tuple[Chore, ...]:
    return (
        Chore(name="leftovers", every=EVERY_SECONDS, work=leftovers.sweep),
        Chore(name="strays", every=STRAYS_EVERY_SECONDS, work=leftovers.disown),
    )
