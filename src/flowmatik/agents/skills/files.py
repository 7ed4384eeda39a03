"""The skill that writes: one line appended to a file in the home's outbox, exactly once.

The far side of this `once` tool is a local file, and it enforces the key. A hidden file beside it
holds the idempotency keys: `key size` goes down before the line, with the size that the text file
had, and `key done` after it. A last key that is not done is settled under the lock by looking
behind that size: a whole line is there, or what was torn is cut off and the key taken back.
"""

import asyncio
import contextlib
import fcntl
import os
import threading
from pathlib import Path
from typing import IO, Annotated, Any

from pydantic import Field

from flowmatik.agents.skills.box import Skill, skill
from flowmatik.contracts.tools import Effect, Reconciled, ToolContext
from flowmatik.kernel.errors import ToolError, ToolInputInvalid

_DONE = "done"


def file_skills(outbox: Path) -> list[Skill]:
    async def file_append(
        context: ToolContext,
        path: Annotated[str, Field(min_length=1, max_length=200, description="file name in the outbox")],
        line: Annotated[str, Field(max_length=10_000, description="one line of text")],
    ) -> dict[str, Any]:
        """Append one line to a text file in the outbox folder, where people find it."""
        target = place(outbox, path)
        if "\n" in line or "\r" in line:
            raise ToolInputInvalid(
                "file_append: line: it must be a single line; call once for each line", code="tool.file.line"
            )
        given_up = threading.Event()
        try:
            await asyncio.to_thread(_append, target, line, context.idempotency_key, given_up)
        except asyncio.CancelledError:
            given_up.set()  # what has not begun to write never will; what has holds the lock
            raise
        return {"path": path, "appended": True}

    async def ask(arguments: dict[str, Any], context: ToolContext) -> Reconciled:
        target = place(outbox, str(arguments.get("path", "")))
        if await asyncio.to_thread(_written, target, context.idempotency_key):
            return Reconciled(state="found", result={"path": arguments["path"], "appended": True})
        return Reconciled(state="void")  # the file is local and locked while written: it never will be

    return [skill(file_append, effect=Effect.ONCE, timeout=5.0, reconcile=ask)]


def place(outbox: Path, path: str) -> Path:
    """The file inside the outbox. Raises ToolInputInvalid for a way out of it, and for hidden files,
    which hold the keys."""
    root = outbox.resolve()
    try:
        target = (root / path).resolve()
        usable = target.is_relative_to(root) and target != root and not target.is_dir()
    except (OSError, ValueError) as error:  # too long, or with a NUL
        raise ToolInputInvalid(
            f"file_append: path: {path[:80]!r} is no file name; use another",
            code="tool.file.name",
            context={"path": path[:80]},
        ) from error
    if not usable:
        raise ToolInputInvalid(
            f"file_append: path: {path!r} leads out of the outbox; name a file in it",
            code="tool.file.outside",
            context={"path": path},
        )
    if any(part.startswith(".") for part in target.relative_to(root).parts):
        raise ToolInputInvalid(
            f"file_append: path: {path!r} is hidden; the outbox takes plain names only",
            code="tool.file.hidden",
            context={"path": path},
        )
    return target


def _keys(target: Path) -> Path:
    return target.with_name(f".{target.name}.keys")


def _append(target: Path, line: str, key: str, given_up: threading.Event) -> None:
    """Raises ToolError when the line could not be written; nothing of it is left then."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _keys(target).open("a+b") as keys:
            fcntl.flock(keys, fcntl.LOCK_EX)
            done = _settled_keys(keys, target)
            if key in done or given_up.is_set():
                return
            before = _size(target)
            _put(keys, f"{key} {before}\n")
            with target.open("ab") as file:
                _write_line(file, line, before)
            with contextlib.suppress(OSError):  # the line is there; the next writer settles the key
                _put(keys, f"{key} {_DONE}\n")
                if not done:
                    _sync_folder(target.parent)
    except OSError as error:
        raise ToolError(
            f"file_append: {target.name!r} cannot be written: {error.strerror}",
            code="tool.file.unwritable",
            context={"path": target.name, "said": error.strerror or str(error)},
        ) from error


def _write_line(file: IO[bytes], line: str, before: int) -> None:
    """The whole line, on disk; a disk that fills up half-way gets its half back."""
    try:
        file.write(line.encode("utf-8", "replace") + b"\n")
        file.flush()
        os.fsync(file.fileno())
    except OSError:
        os.ftruncate(file.fileno(), before)
        raise


def _put(keys: IO[bytes], row: str) -> None:
    keys.write(row.encode())
    keys.flush()
    os.fsync(keys.fileno())


def _sync_folder(folder: Path) -> None:
    """New names last only once their folder is on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _settled_keys(keys: IO[bytes], target: Path) -> set[str]:
    """The keys whose lines are in the file, with what the last writer left open settled first."""
    keys.seek(0)
    text = keys.read().decode()
    whole = text[: text.rfind("\n") + 1]
    rows = [row.split(" ") for row in whole.splitlines()]
    if len(whole) < len(text):  # a row that was torn by a crash stands for nothing
        keys.truncate(len(whole.encode()))
    if rows and rows[-1][1] != _DONE:
        key, before = rows[-1][0], int(rows[-1][1])
        if _line_follows(target, before):
            _put(keys, f"{key} {_DONE}\n")
        else:
            keys.truncate(sum(len(" ".join(row)) + 1 for row in rows[:-1]))
            rows.pop()
    return {row[0] for row in rows}


def _line_follows(target: Path, before: int) -> bool:
    """Whether a whole line stands behind `before`; a part of one is cut off."""
    if _size(target) <= before:
        return False
    with target.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) == b"\n":
            return True
        file.truncate(before)
    return False


def _size(target: Path) -> int:
    return target.stat().st_size if target.exists() else 0


def _written(target: Path, key: str) -> bool:
    if not _keys(target).exists():
        return False
    with _keys(target).open("a+b") as keys:
        fcntl.flock(keys, fcntl.LOCK_EX)
        return key in _settled_keys(keys, target)
