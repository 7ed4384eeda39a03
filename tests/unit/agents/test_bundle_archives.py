"""An archive may hold what it likes: only plain files with the names of agents are read, and none is
unpacked."""

import io
import tarfile

import pytest

from flowmatik.agents.channels.archive import unpacked
from flowmatik.contracts.bundles import MAX_BUNDLE_BYTES
from flowmatik.kernel.errors import InvalidInput

GOOD = "agents/reader@0123456789ab.yaml"


def tar_of(*entries: tarfile.TarInfo) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        for entry in entries:
            archive.addfile(entry, io.BytesIO(bytes(entry.size)))
    return whole.getvalue()


def file(name: str, size: int = 1) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry


def special(kind: bytes, name: str = GOOD) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, "/etc/passwd"
    return entry


@pytest.mark.parametrize(
    "name",
    [
        "../evil.yaml",
        "/etc/cron.d/evil",
        "agents/../../evil@0123456789ab.yaml",
        "agents/a/b@0123456789ab.yaml",
        "agents/reader@0123456789ab.yaml/..",
        "./manifest.json",
        "agents\\evil@0123456789ab.yaml",
        "agents/Reader@0123456789ab.yaml",
        "more.txt",
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="plain files of agents alone"):
        unpacked(tar_of(file("manifest.json"), file("manifest.sig"), file(name)))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_links_and_other_things_than_files_are_refused(kind: bytes) -> None:
    with pytest.raises(InvalidInput, match="plain files of agents alone"):
        unpacked(tar_of(file("manifest.json"), file("manifest.sig"), special(kind)))


def test_a_file_that_stands_twice_is_refused() -> None:
    with pytest.raises(InvalidInput, match="twice"):
        unpacked(tar_of(file("manifest.json"), file("manifest.sig"), file(GOOD), file(GOOD)))


def test_nothing_unsigned_is_read() -> None:
    with pytest.raises(InvalidInput, match=r"manifest\.sig is missing"):
        unpacked(tar_of(file("manifest.json"), file(GOOD)))


def test_a_bundle_without_bounds_is_refused_before_it_is_read() -> None:
    with pytest.raises(InvalidInput, match="bytes"):
        unpacked(bytes(MAX_BUNDLE_BYTES + 1))
    entry = file(GOOD, size=1)
    entry.size = 10 * MAX_BUNDLE_BYTES
    header = entry.tobuf(tarfile.USTAR_FORMAT)
    with pytest.raises(InvalidInput, match="cannot be used"):
        unpacked(tar_of(file("manifest.json"))[:1024] + header)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip", bytes(10_240), b"\x1f\x8b\x08" + bytes(500)])
def test_what_is_no_archive_of_ours_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput, match="cannot be used"):
        unpacked(content)
