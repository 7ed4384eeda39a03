"""What runs put away because it was too large for their rows, for those who may read these runs."""

from flowmatik.core.services import EngineServices


class StoredRunBlobs:
    """Implements `RunBlobs`."""

    def __init__(self, services: EngineServices) -> None:
        self._services = services

    async def read(self, workspace_id: str, run_id: str, sha256: str) -> bytes:
        await self._services.seen_from(workspace_id).head(workspace_id, run_id)
        return await self._services.blobs.get(workspace_id, sha256)
