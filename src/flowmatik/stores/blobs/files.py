"""Blobs as files, `<root>/<workspace>/ab/abcdef…`, of which there is either all or nothing: a blob is
written beside its place, synced, moved there, and so is the folder."""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

from flowmatik.contracts.blobs import (
    BlobRef,
    checked_content,
    checked_place,
    checked_sha256,
    checked_workspace,
    no_blob,
    ref_of,
)
from flowmatik.kernel.disk import disk_fault
from flowmatik.kernel.errors import InvalidInput, Unavailable

T = TypeVar("T")
PART = ".part-"  # how the names of files begin that are being written


class FileBlobs:
    """Implements `BlobStore`. Folders have mode 0700, files 0600."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, workspace_id: str, data: bytes, *, media_type: str) -> BlobRef:
        ref = ref_of(data, media_type)
        place = self._place(workspace_id, ref.sha256)
        await self._in_thread(lambda: _write(self._root, place, data))
        return ref

    async def get(self, workspace_id: str, sha256: str) -> bytes:
        place = self._place(workspace_id, sha256)
        data = await self._in_thread(lambda: place.read_bytes() if place.exists() else None)
        if data is None:
            raise no_blob(workspace_id, sha256)
        return await asyncio.to_thread(checked_content, workspace_id, sha256, data)

    async def exists(self, workspace_id: str, sha256: str) -> bool:
        return await self._in_thread(self._place(workspace_id, sha256).exists)

    async def delete(self, workspace_id: str, sha256: str) -> None:
        place = self._place(workspace_id, sha256)
        await self._in_thread(lambda: _delete(place))

    async def list(self, workspace_id: str) -> AsyncIterator[str]:
        folder = self._root / checked_workspace(workspace_id)
        for part in await self._in_thread(lambda: sorted(folder.glob("[0-9a-f][0-9a-f]"))):
            for name in await self._in_thread(lambda part=part: sorted(os.listdir(part))):
                with contextlib.suppress(InvalidInput):  # a part that a crash left
                    yield checked_sha256(name)

    async def check(self) -> None:
        def work() -> None:
            _make_folder(self._root)
            with tempfile.TemporaryFile(dir=self._root) as file:
                file.write(b"ok")

        await self._in_thread(work)

    async def close(self) -> None:
        """Every file is closed after its use."""

    def _place(self, workspace_id: str, sha256: str) -> Path:
        workspace, name = checked_place(workspace_id, sha256)
        return self._root / workspace / name[:2] / name

    async def _in_thread(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            raise disk_fault(error, self._root) or _unusable(self._root, error) from error


def _write(root: Path, place: Path, data: bytes) -> None:
    """What is there under the same hash is the same, unless it is damaged: that is written anew."""
    if place.exists() and place.read_bytes() == data:
        return
    for folder in (root, place.parent.parent, place.parent):
        _make_folder(folder)
    handle, part = tempfile.mkstemp(prefix=f"{PART}{place.name}-", dir=place.parent)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, place)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise
    _sync(place.parent)


def _delete(place: Path) -> None:
    """With the parts of it that a crash left. Durable: a blob that is said to be gone does not come back."""
    found = [place, *place.parent.glob(f"{PART}{place.name}-*")] if place.parent.exists() else []
    for file in found:
        file.unlink(missing_ok=True)
    if found:
        _sync(place.parent)


def _make_folder(folder: Path) -> None:
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unusable(root: Path, error: OSError) -> Unavailable:
    said = os.strerror(error.errno) if error.errno else type(error).__name__
    return Unavailable(
        f"the blobs in {str(root)!r} cannot be used: {said}; check the folder and its rights",
        code="unavailable.blobs",
        context={"place": str(root), "said": said},
    )
