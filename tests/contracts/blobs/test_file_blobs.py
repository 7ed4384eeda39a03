"""Blobs as files: nobody else reads them, and there is never half of one."""

import hashlib
import os
import resource
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flowmatik.kernel.errors import Unavailable
from flowmatik.stores.blobs.files import PART, FileBlobs

DATA = b"x" * 1000
SHA = hashlib.sha256(DATA).hexdigest()


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def test_only_the_owner_reads_blobs(tmp_path: Path) -> None:
    root = tmp_path / "blobs"
    await FileBlobs(root).put("default", DATA, media_type="text/plain")
    place = root / "default" / SHA[:2] / SHA
    assert mode(place) == 0o600
    assert [mode(folder) for folder in (root, root / "default", place.parent)] == [0o700] * 3


@contextmanager
def files_no_larger_than(limit: int) -> Generator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_write_that_is_cut_off_leaves_no_blob(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path / "blobs")
    await blobs.check()
    with files_no_larger_than(500), pytest.raises(Unavailable) as said:
        await blobs.put("default", DATA, media_type="text/plain")
    assert said.value.code == "unavailable.disk"
    assert not await blobs.exists("default", SHA)
    assert [name for _, _, names in os.walk(tmp_path) for name in names] == []


async def test_what_a_crash_left_half_written_is_no_blob(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path)
    await blobs.put("default", DATA, media_type="text/plain")
    (tmp_path / "default" / SHA[:2] / f"{PART}xyz").write_bytes(b"half")
    assert [one async for one in blobs.list("default")] == [SHA]


async def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("a file where the folder belongs")
    with pytest.raises(Unavailable, match="blobs") as said:
        await FileBlobs(tmp_path / "blobs").check()
    assert said.value.code == "unavailable.blobs"
