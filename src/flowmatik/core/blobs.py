"""Blobs in memory, for engines whose journal is there too."""

from collections.abc import AsyncIterator

from flowmatik.contracts.blobs import (
    BlobRef,
    checked_content,
    checked_place,
    checked_workspace,
    no_blob,
    ref_of,
)


class InMemoryBlobs:
    """Implements `BlobStore`; nothing survives the process."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], bytes] = {}

    async def put(self, workspace_id: str, data: bytes, *, media_type: str) -> BlobRef:
        ref = ref_of(data, media_type)
        self._kept[checked_workspace(workspace_id), ref.sha256] = bytes(data)
        return ref

    async def get(self, workspace_id: str, sha256: str) -> bytes:
        data = self._kept.get(checked_place(workspace_id, sha256))
        if data is None:
            raise no_blob(workspace_id, sha256)
        return checked_content(workspace_id, sha256, data)

    async def exists(self, workspace_id: str, sha256: str) -> bool:
        return checked_place(workspace_id, sha256) in self._kept

    async def delete(self, workspace_id: str, sha256: str) -> None:
        self._kept.pop(checked_place(workspace_id, sha256), None)

    async def list(self, workspace_id: str) -> AsyncIterator[str]:
        place = checked_workspace(workspace_id)
        for workspace, sha256 in [*self._kept]:
            if workspace == place:
                yield sha256

    async def check(self) -> None:
        """Memory is always there."""

    async def close(self) -> None:
        """Nothing to let go of."""
