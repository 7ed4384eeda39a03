"""Exports of other programs: archives that somebody puts into a place, the next one over the last.

`path` is an archive, or a folder whose newest archive is taken, with all its parts. As long as it is the
file of last time it is not even opened; a new one is listed by what its documents hash to.
"""

import asyncio
import hashlib
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flowmatik.contracts.sources import Content, Entry, Item, Listed, SourceSetup, Unlisted
from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.source_parts.archives import Archive, Member, unreadable
from flowmatik.memory.source_parts.made import Made, Spool
from flowmatik.memory.source_settings import Given, lost

_NUMBERED = re.compile(r"(?P<stem>.+)-(?P<number>\d{3})\.zip", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filed:
    """A document that is a file of the archive, as it is. `name` names its form for parsers, "" is `path`."""

    path: str
    member: Member
    acl: tuple[str, ...] | None = None
    metadata: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())
    dated: str = ""


Piece = Made | Filed | Unlisted
Unpack = Callable[[Archive], Iterator[Piece]]  # raises Unavailable when it is no export of its kind


class ExportReader:
    """Implements `SourceReader`. Of pieces that `unpack` gives with the same path the first one is taken."""

    content_versions = True
    in_place: Path | None = None

    def __init__(
        self, path: Path, unpack: Unpack, *, is_private: Callable[[Path], bool], nested: bool = False
    ) -> None:
        self._path = path
        self._unpack = unpack
        self._is_private = is_private
        self._nested = nested
        self._archive: Archive | None = None
        self._files: Sequence[Path] = ()
        self._filed: dict[str, Member] = {}
        self._entries: Sequence[Item] | None = None
        self._spool = Spool()
        self._lock = threading.Lock()
        self._listed = Listed(complete=False)

    async def list(self, cursor: str) -> AsyncIterator[Item]:
        now = await asyncio.to_thread(self._looked)
        if now == cursor:
            self._listed = Listed(complete=False, cursor=now)
            return
        entries = await asyncio.to_thread(self._opened)
        self._listed = Listed(complete=True, cursor=now)
        for entry in entries:
            yield entry

    def listed(self) -> Listed:
        return self._listed

    async def read(self, entry: Entry, known: str, most: int) -> Content | None:
        return await asyncio.to_thread(self._read, entry, most)

    async def close(self) -> None:
        await asyncio.to_thread(self._spool.close)
        if self._archive is not None:
            await asyncio.to_thread(self._archive.close)

    def _read(self, entry: Entry, most: int) -> Content:
        self._opened()  # of an export that was not listed, because it is that of last time
        member = self._filed.get(entry.path)
        if member is None or self._archive is None:
            return self._spool.read(entry.path, most)
        return Content(data=self._archive.read(member, most))

    def _looked(self) -> str:
        self._files = _newest(self._path)
        for one in self._files:
            if self._is_private(one):
                raise lost(str(self._path), "it is the installation's own, which is never read")
        status = [(one.name, one.stat()) for one in self._files]
        said = repr([(name, found.st_size, found.st_mtime_ns, found.st_ino) for name, found in status])
        return hashlib.sha256(said.encode()).hexdigest()

    def _opened(self) -> Sequence[Item]:
        with self._lock:
            if self._entries is None:
                self._files = self._files or _newest(self._path)
                self._archive = Archive(self._files, nested=self._nested)
                self._entries = tuple(self._taken(self._archive))
            return self._entries

    def _taken(self, archive: Archive) -> Iterator[Item]:
        taken: set[str] = set()
        told: list[DocumentError] = []
        for piece in self._unpack(archive):
            if isinstance(piece, Unlisted):
                yield piece
                continue
            if piece.path in taken:
                yield self._spool.add(Made(path=_unlike(piece.path, taken), fault=_twice(piece.path)))
                continue
            taken.add(piece.path)
            if isinstance(piece, Made) and piece.fault is not None:
                told.append(piece.fault)
            yield self._entry(archive, piece)
        for name, why in archive.refused.items():
            if why not in told:
                yield self._spool.add(Made(path=name, fault=why))

    def _entry(self, archive: Archive, piece: Made | Filed) -> Item:
        if isinstance(piece, Made):
            return self._spool.add(piece)
        try:
            version = archive.version(piece.member)
        except DocumentError as fault:
            return self._spool.add(Made(path=piece.path, fault=fault))
        self._filed[piece.path] = piece.member
        return Entry(
            path=piece.path,
            version=version,
            size=piece.member.size,
            acl=piece.acl,
            metadata=piece.metadata,
            dated=piece.dated,
        )


def build_export(kind: str, given: SourceSetup, unpack: Unpack, *, nested: bool = False) -> ExportReader:
    """For a kind whose only setting is the `path`."""
    settings = Given(kind, given.settings)
    path = Path(settings.text("path"))
    settings.finish()
    if not path.is_absolute():
        raise settings.wrong("path", "an absolute path is needed")
    return ExportReader(path, unpack, is_private=given.outside.is_private, nested=nested)


def _unlike(path: str, taken: set[str]) -> str:
    number = 2
    while f"{path} ({number})" in taken:
        number += 1
    taken.add(f"{path} ({number})")
    return f"{path} ({number})"


def _twice(path: str) -> DocumentError:
    """Whoever chooses the names of pages and files must not put one of his in the place of another."""
    return unreadable(path, "the export has two documents of this name")


def _newest(path: Path) -> Sequence[Path]:
    try:
        if path.is_file():
            return (path,)
        found = [one for one in path.iterdir() if one.suffix.lower() == ".zip" and one.is_file()]
        newest = max(found, key=lambda one: (one.stat().st_mtime_ns, one.name), default=None)
    except OSError as error:
        raise lost(str(path), error.strerror or type(error).__name__) from error
    if newest is None:
        raise lost(str(path), "there is no archive (.zip)")
    return _parts_of(newest, found, path)


def _parts_of(newest: Path, found: Sequence[Path], path: Path) -> Sequence[Path]:
    """`takeout-…-001.zip`, `-002.zip`: all, or none."""
    numbered = _NUMBERED.fullmatch(newest.name)
    if not numbered:
        return (newest,)
    parts: dict[int, Path] = {}
    for one in found:
        matched = _NUMBERED.fullmatch(one.name)
        if matched and matched["stem"] == numbered["stem"]:
            parts[int(matched["number"])] = one
    missing = set(range(1, max(parts) + 1)) - parts.keys()
    if missing:
        raise lost(str(path), f"part {min(missing):03d} of {numbered['stem']} is not there (yet)")
    return tuple(parts[number] for number in sorted(parts))
