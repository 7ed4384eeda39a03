"""A folder: its files are read in place, as `flowmatik memory ingest` reads them.

The cursor is the folder's device and inode. An empty folder that is not the one of last time is a disk that
is not there, and not one of which everything was deleted.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from flowmatik.contracts.sources import Content, Entry, Item, Listed, SourceSetup, Unlisted
from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.places import real_path
from flowmatik.memory.scan import Scan, scan
from flowmatik.memory.source_settings import Given, lost


def build(given: SourceSetup) -> "FolderReader":
    settings = Given("folder", given.settings)
    path = Path(settings.text("path"))
    settings.finish()
    if not path.is_absolute():
        raise settings.wrong("path", "an absolute path is needed")
    return FolderReader(path)


class FolderReader:
    """Implements `SourceReader`."""

    content_versions = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self.in_place: Path | None = real_path(path)
        self._identity = ""

    async def list(self, cursor: str) -> AsyncIterator[Item]:
        before = await asyncio.to_thread(self._looked)
        found = await asyncio.to_thread(scan, [self._path])
        after = await asyncio.to_thread(self._looked)
        if before != after or found.missing:
            raise lost(str(self._path), "it was replaced while it was read")
        if not found.found and cursor not in ("", after):
            raise lost(str(self._path), "it is empty, and not the folder that it was")
        self._identity = after
        for item in _items(found):
            yield item

    def listed(self) -> Listed:
        return Listed(complete=True, cursor=self._identity)

    async def read(self, entry: Entry, known: str, most: int) -> Content | None:
        raise DocumentError(f"{entry.path}: files are read in place", code="document.unreadable")

    async def close(self) -> None:
        """Nothing is open."""

    def _looked(self) -> str:
        try:
            status = self._path.stat()
            if not self._path.is_dir():
                raise lost(str(self._path), "it is no folder")
            return f"{status.st_dev}:{status.st_ino}"
        except OSError as error:
            raise lost(str(self._path), error.strerror or type(error).__name__) from error


def _items(found: Scan) -> list[Item]:
    files: list[Item] = [
        Entry(path=one.relative, version=f"{one.size}:{one.mtime_ns}", size=one.size, file=one.path)
        for one in found.found
    ]
    refused: list[Item] = [
        Unlisted(
            path=one.relative, code=one.code, reason=one.reason, values={"why": one.why} if one.why else {}
        )
        for one in found.refused
    ]
    return [*files, *refused]
