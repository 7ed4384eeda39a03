"""Versions that nobody can forget to raise: digests of the source files that something is computed by."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

DIGITS = 16


def files_of(places: Iterable[Path]) -> list[Path]:
    """The Python files at these places, folders with all that is in them, in one order."""
    found = {file for place in places for file in (place.rglob("*.py") if place.is_dir() else (place,))}
    return sorted(found)


def digest_of(root: Path, places: Iterable[str]) -> str:
    """The first hex digits of the hash of the files at `places` below `root`; a comment counts too. OSError
    for a file that is not there."""
    digest = hashlib.sha256()
    for file in files_of(root / place for place in places):
        body = file.read_bytes()
        digest.update(f"{file.relative_to(root).as_posix()} {len(body)}\n".encode())
        digest.update(body)
    return digest.hexdigest()[:DIGITS]
