"""The skill that writes: one line appended to a file in the home's outbox, exactly once.

The far side of this `once` tool is a local file, and it enforces the key: every line carries the
call's idempotency key in a journal file beside it, so that a call can be asked about afterwards.
"""

import asyncio
import fcntl
import os
from pathlib import Path
from typing import IO, Annotated, Any

from pydantic import Field

from flowmatik.agents.skills.box import Skill, skill
from flowmatik.contracts.tools import Effect, Reconciled, ToolContext
from flowmatik.kernel.errors import ToolInputInvalid


def file_skills(outbox: Path) -> list[Skill]:
    async def file_append(
        context: ToolContext,
        path: Annotated[str, Field(min_length=1, max_length=200, description="file name in the outbox")],
        line: Annotated[str, Field(max_length=10_000, description="one line of text")],
    ) -> dict[str, Any]:
        """Append one line to a text file in the outbox folder, where people find it."""
        target = place(outbox, path)
        if "\n" in line or "\r" in line:
            raise ToolInputInvalid("file_append: line: it must be a single line; call once for each line")
        await asyncio.to_thread(_append, target, line, context.idempotency_key)
        return {"path": path, "appended": True}

    async def ask(arguments: dict[str, Any], context: ToolContext) -> Reconciled:
        target = place(outbox, str(arguments.get("path", "")))
        if await asyncio.to_thread(_written, target, context.idempotency_key):
            return Reconciled(state="found", result={"path": arguments["path"], "appended": True})
        return Reconciled(state="void")  # the file is local and locked while written: it never will be

    return [skill(file_append, effect=Effect.ONCE, timeout=5.0, reconcile=ask)]


def place(outbox: Path, path: str) -> Path:
    """The file inside the outbox. Raises ToolInputInvalid for a way out of it."""
    target = (outbox / path).resolve()
    if not target.is_relative_to(outbox.resolve()) or target == outbox.resolve():
        raise ToolInputInvalid(f"file_append: path: {path!r} leads out of the outbox; name a file in it")
    return target


def _keys(target: Path) -> Path:
    return target.with_name(f".{target.name}.keys")


def _append(target: Path, line: str, key: str) -> None:
    """The key goes down before the line, with the size that the file had: a key whose line never
    followed is thus known, and taken back."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with _keys(target).open("a+b") as keys:
        fcntl.flock(keys, fcntl.LOCK_EX)
        if key in _settled_keys(keys, target):
            return
        keys.write(f"{key} {_size(target)}\n".encode())
        keys.flush()
        os.fsync(keys.fileno())
        with target.open("ab") as file:
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _settled_keys(keys: IO[bytes], target: Path) -> set[str]:
    """The keys whose lines are in the file; a last one without its line is dropped."""
    keys.seek(0)
    rows = keys.read().decode().splitlines()
    if rows and _size(target) <= int(rows[-1].split(" ")[1]):
        rows.pop()
        keys.truncate(sum(len(row) + 1 for row in rows))
    return {row.split(" ")[0] for row in rows}


def _size(target: Path) -> int:
    return target.stat().st_size if target.exists() else 0


def _written(target: Path, key: str) -> bool:
    if not _keys(target).exists():
        return False
    with _keys(target).open("r+b") as keys:
        fcntl.flock(keys, fcntl.LOCK_EX)
        return key in _settled_keys(keys, target)
