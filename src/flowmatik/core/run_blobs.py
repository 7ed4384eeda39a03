"""What runs put away because it was too large for their rows, for those who may read these runs."""

from flowmatik.contracts.blobs import checked_sha256, no_blob
from flowmatik.core.services import EngineServices


class StoredRunBlobs:
    """Implements `RunBlobs`."""

    def __init__(self, services: EngineServices) -> None:
        self._services = services

    async def read(self, workspace_id: str, run_id: str, sha256: str) -> bytes:
        await self._services.seen_from(workspace_id).head(workspace_id, run_id)
        if checked_sha256(sha256) not in await self._services.journal.blobs_of(run_id):
            raise no_blob(workspace_id, sha256)  # another run's is nobody's business here
        return await self._services.blobs.get(workspace_id, sha256)
