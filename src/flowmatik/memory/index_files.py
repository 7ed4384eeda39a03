"""The file of an index of our own. All that is in it comes from memory: a damaged one is deleted, not kept,
since it may hold what was to be forgotten, and whoever follows memory fills the new one.

Other processes may have the old one open still. Each looks at every use whether its file is the one in place;
SQLite leaves the log of the new one alone when an old one is closed. A file is opened and deleted under a
lock of its folder, so that nobody joins a new file with the log of an old one."""

import fcntl
import logging
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol, runtime_checkable

from flowmatik.kernel.errors import Unavailable
from flowmatik.kernel.sqlite import is_damage
from flowmatik.memory.index_faults import away, damaged, renewed

Identity = tuple[int, int]
_HEADER = b"SQLite format 3\x00"
_log = logging.getLogger(__name__)


@runtime_checkable
class InFile(Protocol):
    """An index in a file of ours."""

    @property
    def path(self) -> Path: ...


class OwnFile:
    """`usual` is the name that it has where nobody chose one: what is no database at all is deleted only
    under that name, since another may be somebody's file, named by mistake."""

    def __init__(self, index: str, path: Path, *, usual: str) -> None:
        self.path = path
        self._index = index
        self._usual = usual

    @contextmanager
    def opening(self) -> Generator[Identity | None]:
        """Made, of mode 0600, when there is none. Raises OSError."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(self.path.parent):
            self.path.touch(mode=0o600)
            yield identity(self.path)

    def fault(self, error: Exception, found: Identity | None) -> Unavailable:
        """What to raise for `error`; `found` is the file that it is about, deleted when it is damaged."""
        if not is_damage(error):
            return away(self._index, f"{type(error).__name__}: {error}")
        if not self._is_ours():
            return damaged(self._index, str(self.path))
        try:
            with _alone(self.path.parent):
                if identity(self.path) == found:
                    for end in ("-wal", "-shm", ""):
                        with suppress(FileNotFoundError):
                            Path(f"{self.path}{end}").unlink()
                    said = {"index": self._index, "path": str(self.path)}
                    _log.warning("a damaged index was deleted and is filled again from memory", extra=said)
        except OSError:
            return damaged(self._index, str(self.path))
        return renewed(self._index, str(self.path))

    def _is_ours(self) -> bool:
        if self.path.name == self._usual:
            return True
        try:
            with self.path.open("rb") as file:
                return file.read(len(_HEADER)) == _HEADER
        except OSError:
            return False


def identity(path: Path) -> Identity | None:
    """None where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
