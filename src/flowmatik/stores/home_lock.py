"""One engine process per home: an OS lock that a crash releases by itself."""

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import Any, cast

from flowmatik.kernel.disk import disk_fault
from flowmatik.kernel.errors import ConfigurationError

# File systems on which flock and SQLite's WAL do not hold between machines.
MOUNTS = Path("/proc/mounts")
_NETWORK = frozenset({
    "nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "ncpfs", "afs", "9p", "ceph", "glusterfs",
    "lustre", "gpfs", "beegfs", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone",
    "davfs", "fuse.davfs2",
})  # fmt: skip


def file_system_of(path: Path, mounts: str | None = None) -> str:
    """The type of the file system that `path` is on; "" where /proc/mounts does not tell."""
    if mounts is None:
        try:
            mounts = MOUNTS.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
    place = path.resolve()
    best, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        point = Path(fields[1].replace("\\040", " "))
        if (place == point or point in place.parents) and len(point.parts) >= best:
            best, kind = len(point.parts), fields[2]
    return kind


class HomeLock:
    """The lock `<home>/.flowmatik/engine.lock`; its content says who holds it and where to reach it."""

    def __init__(self, home: Path | str) -> None:
        self._path = Path(home) / ".flowmatik" / "engine.lock"
        self._file: int | None = None

    def acquire(self) -> bool:
        """True when this process now is (or already was) the home's engine, False when another is.
        ConfigurationError on a network file system, Unavailable when the disk takes nothing more."""
        if self._file is not None:
            return True
        try:
            return self._acquire()
        except OSError as error:
            raise disk_fault(error, self._path) or error from error

    def _acquire(self) -> bool:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        kind = file_system_of(self._path.parent)
        if kind in _NETWORK:
            raise ConfigurationError(
                f"the home {str(self._path.parent.parent)!r} is on a network file system ({kind}), where "
                "neither locks nor SQLite are safe; choose a local folder, or PostgreSQL",
                code="config.network_home",
                context={"home": str(self._path.parent.parent), "kind": kind},
            )
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        except BaseException:
            os.close(file)
            raise
        try:
            _write(file, "")
        except BaseException:
            os.close(file)
            raise
        self._file = file
        return True

    def publish(self, url: str) -> None:
        """Say at which local address the engine answers. Only the holder may."""
        if self._file is None:
            raise ConfigurationError(
                f"{str(self._path)!r} is not held by this process; acquire it first",
                code="config.not_held",
                context={"path": str(self._path)},
            )
        _write(self._file, url)

    def holder(self) -> dict[str, Any] | None:
        """{"pid", "url"} of the process that holds the lock, None when nobody does. `url` is ""
        until it is published."""
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            if self._file is None and self._is_free(file):
                return None
            text = os.pread(file, 4096, 0).decode("utf-8", "replace")
        finally:
            os.close(file)
        with contextlib.suppress(ValueError):
            content = json.loads(text)
            if isinstance(content, dict):
                return cast("dict[str, Any]", content)
        return {"pid": 0, "url": ""}  # held, but not written yet

    def release(self) -> None:
        """Idempotent. The file stays, empty; removing it would let two processes lock two files."""
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None

    @staticmethod
    def _is_free(file: int) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        fcntl.flock(file, fcntl.LOCK_UN)
        return True


def _write(file: int, url: str) -> None:
    content = json.dumps({"pid": os.getpid(), "url": url}).encode()
    os.pwrite(file, content.ljust(4096), 0)
    os.fsync(file)
