"""ZIP archives that somebody else made: looked at before anything in them is unpacked.

A member that is a bomb, a link, encrypted or damaged, or whose name leads elsewhere, is refused alone, with
its reason; an archive that is cut off, or whose members overlap (so that little unpacks to much), as a whole.
"""

import hashlib
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.source_parts.made import nameless, too_large
from flowmatik.memory.source_settings import lost

MOST_MEMBER = 200 * 1024 * 1024
MOST_ENTRIES = 500_000
MOST_UNPACKED = 100 * 1024 * 1024 * 1024
MOST_NESTED = 10 * 1024 * 1024 * 1024  # is unpacked to the disk
MOST_RATIO = 200
_BIG = 1024 * 1024  # what is smaller may be packed as tightly as it likes
_PART = 1024 * 1024
_HEADER = 30  # bytes before each file, APPNOTE 4.3.7
DAMAGED = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError,
    RuntimeError,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """`name` with slashes, relative, leading nowhere else; `size` unpacked, as the archive says."""

    name: str
    size: int
    archive: zipfile.ZipFile
    info: zipfile.ZipInfo


class Archive:
    """Blocking; members may be read in several threads. One export may come in several files. `nested`:
    archives at its top are parts of it, as some exports wrap themselves."""

    def __init__(self, paths: Sequence[Path], *, nested: bool = False) -> None:
        """Raises Unavailable."""
        self._open = ExitStack()
        self._found: dict[str, Member] = {}
        self._refused: dict[str, DocumentError] = {}
        self.place = paths[0].name
        try:
            for path in paths:
                self._add(path.name, path, nested=nested)
        except DAMAGED as error:
            self._open.close()
            raise lost(self.place, f"it is no whole archive: {_said(error)}") from error
        except BaseException:
            self._open.close()
            raise

    @property
    def members(self) -> Mapping[str, Member]:
        return self._found

    @property
    def refused(self) -> Mapping[str, DocumentError]:
        """By the name of the member."""
        return self._refused

    def close(self) -> None:
        self._open.close()

    def read(self, member: Member, most: int = MOST_MEMBER) -> bytes:
        """Raises DocumentError (`document.too_large`, `.unreadable`)."""
        if member.size > most:
            raise too_large(member.name, member.size, most)
        return b"".join(self._parts(member))

    def version(self, member: Member) -> str:
        """What its content hashes to; of one that nobody would take, the checksum that stands there."""
        if member.size > MOST_MEMBER:
            return f"crc32:{member.info.CRC:08x}:{member.size}"
        digest = hashlib.sha256()
        for part in self._parts(member):
            digest.update(part)
        return f"sha256:{digest.hexdigest()}"

    def _parts(self, member: Member) -> Iterator[bytes]:
        """Reading ends at the size that the archive says, and the checksum is compared."""
        try:
            with member.archive.open(member.info) as opened:
                while part := opened.read(_PART):
                    yield part
        except DAMAGED as error:
            raise unreadable(member.name, _said(error)) from error

    def _add(self, name: str, file: Path | IO[bytes], *, nested: bool) -> None:
        archive = self._open.enter_context(zipfile.ZipFile(file))
        entries = [one for one in archive.infolist() if not one.is_dir()]
        if len(entries) + len(self._found) > MOST_ENTRIES:
            raise lost(name, f"it has more than {MOST_ENTRIES} files; make it several")
        if sum(one.compress_size + _HEADER + len(one.orig_filename) for one in entries) > archive.start_dir:
            raise lost(name, "its files overlap, as in a bomb")
        if sum(one.file_size for one in entries) > MOST_UNPACKED:
            raise lost(name, f"it unpacks to more than {MOST_UNPACKED} bytes; make it several")
        for info in entries:
            clean = name_of(info)
            shown = clean or repr(info.filename[:200])
            if why := _fault(shown, info, clean):
                self._refuse(shown, why)
            elif nested and clean.lower().endswith(".zip") and "/" not in clean:
                self._inner(Member(name=clean, size=info.file_size, archive=archive, info=info))
            elif clean in self._found:
                self._refuse(clean, unreadable(clean, "the archive has two files of this name"))
            else:
                self._found[clean] = Member(name=clean, size=info.file_size, archive=archive, info=info)

    def _inner(self, member: Member) -> None:
        if member.size > MOST_NESTED:
            raise lost(self.place, f"its part {member.name} has more than {MOST_NESTED} bytes")
        file = self._open.enter_context(nameless())
        with member.archive.open(member.info) as opened:
            shutil.copyfileobj(opened, file, _PART)
        self._add(member.name, file, nested=False)

    def _refuse(self, name: str, why: DocumentError) -> None:
        unique, number = name, 1
        while unique in self._refused or unique in self._found:
            number += 1
            unique = f"{name} ({number})"
        self._refused[unique] = why


def name_of(info: zipfile.ZipInfo) -> str:
    """Without the mark for UTF-8 (APPNOTE 4.4.4) it may be so still. "" for one that leads elsewhere."""
    name = info.filename
    if not info.flag_bits & 0x800:
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            name = info.filename
    name = name.replace("\\", "/")
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or name.startswith("/") or parts[0][1:2] == ":" or not name.isprintable():
        return ""
    return "/".join(parts)


def unreadable(name: str, why: str) -> DocumentError:
    return DocumentError(
        f"{name}: it cannot be read: {why}; export it again",
        code="document.unreadable",
        context={"why": why},
    )


def _fault(shown: str, info: zipfile.ZipInfo, clean: str) -> DocumentError | None:
    if not clean:
        return DocumentError(f"{shown}: its name leads out of the archive", code="document.outside")
    if info.flag_bits & 1:
        return DocumentError(
            f"{shown}: it is encrypted; export it without a password", code="document.encrypted"
        )
    if stat.S_ISLNK(info.external_attr >> 16):
        return DocumentError(f"{shown}: it is a link, no file", code="document.irregular")
    if info.file_size > _BIG and info.file_size > MOST_RATIO * max(1, info.compress_size):
        return DocumentError(
            f"{shown}: it unpacks to {info.file_size} bytes, over {MOST_RATIO} times its size, as a bomb",
            code="document.too_large",
            context={"size": info.file_size, "limit": MOST_RATIO * info.compress_size},
        )
    return None


def _said(error: BaseException) -> str:
    """Without the path of the file."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)[:200] or type(error).__name__
