"""Finding the files: no link is followed out of the folder, nothing hidden is read."""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.places import Identity, Places, real_path

NOWHERE_PRIVATE = Places()
PRIVATE = "document.private"
_READINGS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A regular file: its absolute path, its name relative to the ingested root, the root, whose own name
    serves for telling two roots apart, and its device and inode."""

    path: Path
    relative: str
    root: Path
    size: int
    mtime_ns: int
    identity: Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    path: Path
    relative: str
    code: str
    reason: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """`scopes` are the absolute paths that were looked at: what is known below them and was not
    found is gone. `missing` are paths given that do not exist."""

    found: list[Found] = field(default_factory=list[Found])
    refused: list[Refused] = field(default_factory=list[Refused])
    scopes: list[Path] = field(default_factory=list[Path])
    missing: list[Path] = field(default_factory=list[Path])


def scan(paths: list[Path], places: Places = NOWHERE_PRIVATE) -> Scan:
    """Blocking. A path given by the user may itself be a link; links inside are never followed."""
    result, places = Scan(), places.resolved()
    own = places.identities()
    seen: set[Path] = set()
    for given in paths:
        root = real_path(given.expanduser())
        result.scopes.append(root)
        if places.is_private(root):
            result.refused.append(_private(root, root.name))
            continue
        try:
            status = root.stat()
        except FileNotFoundError:
            result.missing.append(root)
            continue
        except OSError as error:
            result.refused.append(_unreadable(root, root.name, error))
            continue
        entries = _walk(root, root) if stat.S_ISDIR(status.st_mode) else _file(root, root.name, root.parent)
        for entry in entries:
            if isinstance(entry, Refused):
                result.refused.append(entry)
            elif places.is_private(entry.path) or entry.identity in own:
                result.refused.append(_private(entry.path, entry.relative))
            elif entry.path not in seen:
                seen.add(entry.path)
                result.found.append(entry)
    return result


def _walk(folder: Path, root: Path) -> Iterator[Found | Refused]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield _unreadable(folder, _relative(folder, root), error)
        return
    for entry in entries:
        path = Path(entry.path)
        relative = _relative(path, root)
        if entry.name.startswith("."):
            continue
        if entry.is_symlink():
            yield _link(path, relative, root)
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(path, root)
        else:
            yield from _file(path, relative, root)


def _link(path: Path, relative: str, root: Path) -> Refused:
    target = Path(os.path.realpath(path))
    if not target.is_relative_to(root):
        reason = f"{relative}: a link that leads out of the folder is not followed; copy the file"
        return _refused(path, relative, "document.outside", reason)
    if not target.exists():
        reason = f"{relative}: a link that leads nowhere; mend or remove it"
        return _refused(path, relative, "document.dangling", reason)
    if any(part.startswith(".") for part in target.relative_to(root).parts):
        reason = f"{relative}: a link to a hidden file or folder, and neither is read; give it another name"
        return _refused(path, relative, "document.link_hidden", reason)
    reason = (
        f"{relative}: a link within the folder is not followed; what it leads to is read in its own place"
    )
    return _refused(path, relative, "document.link_inside", reason)


def _file(path: Path, relative: str, root: Path) -> Iterator[Found | Refused]:
    try:
        status = path.lstat()
    except OSError as error:
        yield _unreadable(path, relative, error)
        return
    if not stat.S_ISREG(status.st_mode):
        reason = f"{relative}: not a regular file; give a file or a folder"
        yield _refused(path, relative, "document.irregular", reason)
        return
    if _printable(str(path)) != str(path):
        reason = f"{relative}: the name is not valid UTF-8; rename the file"
        yield _refused(path, relative, "document.name", reason)
        return
    yield Found(
        path=path,
        relative=relative,
        root=root,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        identity=(status.st_dev, status.st_ino),
    )


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _refused(path: Path, relative: str, code: str, reason: str) -> Refused:
    return Refused(path=path, relative=_printable(relative), code=code, reason=_printable(reason))


def _private(path: Path, relative: str) -> Refused:
    reason = f"{relative}: this belongs to the installation itself and is never taken into memory"
    return _refused(path, relative, PRIVATE, reason)


def _unreadable(path: Path, relative: str, error: OSError) -> Refused:
    why = error.strerror or str(error)
    refused = _refused(path, relative, "document.unreadable", f"{relative}: {why}; check its rights")
    return replace(refused, why=why)


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def read(found: Found, *, keep: int, max_bytes: int) -> tuple[bytes, str, os.stat_result]:
    """Blocking. The first `keep` bytes, the SHA-256 of the whole file and its state, of one and
    the same file even if the path is swapped meanwhile. One that changes while it is read is read again,
    a few times; the state is that from before, so that the next sync looks at it once more. Raises
    DocumentError."""
    try:
        handle = os.open(found.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise DocumentError(
            f"{found.relative}: it was gone before it could be read; it is looked for again at the next sync",
            code="document.vanished",
            retryable=True,
        ) from error
    except OSError as error:
        raise _cannot_read(found, error) from error
    with os.fdopen(handle, "rb") as file:
        for reading in range(1, _READINGS + 1):
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                break
            try:
                head, digest = _read_once(found, file, keep, max_bytes)
            except OSError as error:
                raise _cannot_read(found, error) from error
            after = os.fstat(handle)
            as_before = (after.st_size, after.st_mtime_ns) == (status.st_size, status.st_mtime_ns)
            if as_before or reading == _READINGS:
                return head, digest, status
    raise DocumentError(f"{found.relative}: no longer a regular file", code="document.irregular")


def _read_once(found: Found, file: IO[bytes], keep: int, max_bytes: int) -> tuple[bytes, str]:
    digest, head, total = hashlib.sha256(), bytearray(), 0
    file.seek(0)
    while block := file.read(1 << 20):
        total += len(block)
        if total > max_bytes:
            raise too_large(found.relative, total, max_bytes)
        digest.update(block)
        if len(head) < keep:
            head += block[: keep - len(head)]
    return bytes(head), digest.hexdigest()


def digest_of(path: Path) -> str:
    """Blocking. As `read` gives it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def too_large(name: str, size: int, limit: int) -> DocumentError:
    return DocumentError(
        f"{name}: {size} bytes, above the limit of {limit}; split the file or raise the limit",
        code="document.too_large",
        context={"size": size, "limit": limit},
    )


def _cannot_read(found: Found, error: OSError) -> DocumentError:
    return DocumentError(
        f"{found.relative}: cannot be read: {error.strerror or error}; check its rights",
        code="document.unreadable",
        retryable=True,
        context={"why": error.strerror or str(error)},
    )
