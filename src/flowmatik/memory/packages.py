"""Office files are ZIP archives of XML: what is looked at before anything of one is unpacked."""

import io
import zipfile
import zlib

from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.parsing import Source

_OLE = b"\xd0\xcf\x11\xe0"
_MOST_ENTRIES = 20_000
_PROLOGUE = 64 * 1024  # bytes at a part's beginning in which a document type can be declared
_BIG = 1 << 20


def check_package(source: Source) -> None:
    """Raises DocumentError: `document.encrypted`, `.unreadable` (no archive), `.too_large` for one that says
    that it unpacks beyond the limits (reading stops at the size that was said, so one that lies is cut off
    there), `.entities` for XML that declares a document type, which Office Open XML forbids (ECMA-376-2,
    8.1.4) and bombs need."""
    if source.data.startswith(_OLE):
        raise DocumentError(
            f"{source.name}: the document is encrypted, or of an old format of before 2007; save it in the "
            "present format without a password",
            code="document.encrypted",
        )
    try:
        with zipfile.ZipFile(io.BytesIO(source.data)) as archive:
            entries = archive.infolist()
            _check_entries(source, entries)
            for entry in entries:
                if entry.filename.lower().endswith((".xml", ".rels")):
                    source.check_time()
                    _check_prologue(source, archive, entry)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, OSError, EOFError, NotImplementedError,
            zlib.error) as error:  # fmt: skip
        raise unreadable(source, str(error)) from error


def _check_entries(source: Source, entries: list[zipfile.ZipInfo]) -> None:
    if any(entry.flag_bits & 1 for entry in entries):
        raise DocumentError(
            f"{source.name}: the document is encrypted; save a copy without a password",
            code="document.encrypted",
        )
    unpacked = sum(entry.file_size for entry in entries)
    limits = source.limits
    worst = max((e.file_size / max(1, e.compress_size) for e in entries if e.file_size > _BIG), default=0)
    if unpacked > limits.max_unpacked_bytes or worst > limits.max_ratio or len(entries) > _MOST_ENTRIES:
        raise DocumentError(
            f"{source.name}: unpacks to {unpacked} bytes ({worst:.0f} times its size), above the limit of "
            f"{limits.max_unpacked_bytes} bytes or {limits.max_ratio} times; split the document",
            code="document.too_large",
            context={"unpacked": unpacked, "ratio": round(worst)},
        )


def _check_prologue(source: Source, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    with archive.open(entry) as part:
        begin = part.read(_PROLOGUE).replace(b"\x00", b"")  # UTF-16 too
    if b"<!DOCTYPE" in begin or b"<!ENTITY" in begin:
        raise DocumentError(
            f"{source.name}: its part {entry.filename} declares entities, as an XML bomb does; open the "
            "document and save it again",
            code="document.entities",
            context={"part": entry.filename},
        )


def unreadable(source: Source, why: str) -> DocumentError:
    return DocumentError(
        f"{source.name}: cannot read the document: {why}; open it and save it again",
        code="document.unreadable",
        context={"why": why},
    )
