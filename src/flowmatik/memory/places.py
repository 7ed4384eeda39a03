"""Which files memory may read, and which are its own to remove."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

Identity = tuple[int, int]  # device and inode


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """`private`: files and folders that are never read, under whatever name somebody leads there.
    `uploads`: the folder of what was sent here, and `copies` that of what was fetched from sources; they may
    lie in a private one; their files have no other owner and go when they are rejected or their document is
    removed."""

    private: tuple[Path, ...] = ()
    uploads: Path | None = None
    copies: Path | None = None

    def resolved(self) -> "Places":
        """Blocking. The same without links, as the two questions below need it."""
        uploads = None if self.uploads is None else real_path(self.uploads)
        copies = None if self.copies is None else real_path(self.copies)
        return Places(private=tuple(map(real_path, self.private)), uploads=uploads, copies=copies)

    def is_private(self, path: Path) -> bool:
        return not self.is_upload(path) and any(is_within(path, place) for place in self.private)

    def forbids(self, path: Path) -> bool:
        """Blocking. Whether the path, links followed, or a file that it is another name of is private."""
        own, real = self.resolved(), real_path(path)
        return own.is_private(real) or identity_of(real) in own.identities()

    def is_upload(self, path: Path) -> bool:
        own = (self.uploads, self.copies)
        return any(folder is not None and is_within(path, folder) for folder in own)

    def identities(self) -> frozenset[Identity]:
        """Blocking. The private files as the disk knows them, by whatever name: hard links look like any
        other file."""
        return frozenset(
            identity
            for place in self.private
            for path in _files(place)
            if not self.is_upload(path) and (identity := identity_of(path)) is not None
        )

    def discard(self, path: Path) -> None:
        """Blocking. Remove the file, if it is an upload; one that is gone already is no matter."""
        if self.resolved().is_upload(real_path(path)):
            path.unlink(missing_ok=True)


def identity_of(path: Path) -> Identity | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _files(place: Path) -> Iterator[Path]:
    if not place.is_dir():
        yield place
    for folder, _, names in os.walk(place):
        yield from (Path(folder, name) for name in names)


def is_within(path: Path, scope: Path) -> bool:
    return path == scope or path.is_relative_to(scope)


def real_path(path: Path) -> Path:
    return Path(os.path.realpath(path))
