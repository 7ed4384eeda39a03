"""Files of a skill folder, read within bounds: nothing outside of it, nothing large."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from flowmatik.kernel.errors import NotFound, ToolInputInvalid

MAX_FILES = 500
MAX_TEXT_BYTES = 256_000
MAX_FOLDER_BYTES = 10_000_000


def files_of(folder: Path) -> list[str]:
    """Names of its files, below it, sorted; without hidden ones, compiled ones, and links."""
    found = sorted(path.relative_to(folder).as_posix() for path in _walk(folder))
    return found[:MAX_FILES]


def _walk(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder, followlinks=False):
        folders[:] = [one for one in folders if not one.startswith((".", "__pycache__"))]
        for name in names:
            path = Path(place) / name
            if not name.startswith(".") and stat.S_ISREG(path.lstat().st_mode):
                yield path


def read_text(folder: Path, path: str) -> str:
    """Raises ToolInputInvalid for a way out of the folder and for what is no short text, NotFound for what
    is not there."""
    data = read_bytes(folder, path, most=MAX_TEXT_BYTES)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_text(path) from error
    if "\0" in text:
        raise _not_text(path)
    return text


def read_bytes(folder: Path, path: str, *, most: int) -> bytes:
    """No part of `path` may be a link: what it leads to can change between the look and the reading."""
    parts = path.split("/")
    if not path or any(part in ("", ".", "..") or part.startswith(".") or "\0" in part for part in parts):
        raise ToolInputInvalid(
            f"path: {path[:120]!r} leads out of the skill; name a file in it",
            code="tool.skill.outside",
            context={"path": path[:120]},
        )
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for n, part in enumerate(parts):
            last = n == len(parts) - 1
            flags = os.O_RDONLY | os.O_NOFOLLOW | (os.O_NONBLOCK if last else os.O_DIRECTORY)
            inner = os.open(part, flags, dir_fd=handle)
            os.close(handle)
            handle = inner
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise _nothing(path)
        if about.st_size > most:
            raise ToolInputInvalid(
                f"path: {path!r} is larger than {most} bytes; split it",
                code="tool.skill.large",
                context={"path": path, "limit": most},
            )
        with os.fdopen(os.dup(handle), "rb") as file:
            return file.read(most)
    except OSError as error:
        raise _nothing(path) from error
    finally:
        os.close(handle)


def _not_text(path: str) -> ToolInputInvalid:
    return ToolInputInvalid(
        f"path: {path!r} is no text; only text can be read",
        code="tool.skill.binary",
        context={"path": path},
    )


def _nothing(path: str) -> NotFound:
    return NotFound(
        f"the skill has no file {path[:120]!r}", code="not_found.skill_file", context={"path": path[:120]}
    )
