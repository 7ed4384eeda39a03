"""A damaged memory file is set aside, and what can be read of it takes its place, all at once."""

import asyncio
import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Unavailable
from flowmatik.kernel.sqlite import connect
from flowmatik.memory import hurt
from flowmatik.memory.checkup import look_at, looks_damaged
from flowmatik.memory.rebuild import rebuild
from flowmatik.memory.salvage import salvage
from flowmatik.memory.store import DAMAGED, MemoryFile

UNSAID = "unavailable.memory.unsaid"
_GLANCE = 0.3  # seconds
_FOREVER = 86_400.0  # seconds: the whole file is read
_BESIDE = ("-wal", "-shm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """`set_aside`: where the damaged file is now, "" when it was sound and nothing was done. `kept` documents
    are found as before; `lost` ones are taken in again by the next ingest of their folders: their names, "?"
    where not even that can be read."""

    set_aside: str = ""
    kept: int = 0
    lost: tuple[str, ...] = field(default=())


async def repair(path: Path, clock: Clock, *, all_said: bool = False) -> Repaired | None:
    """None when there is no memory. Nobody else may have it open. Raises what `look_at` raises of a file that
    is not damaged but cannot be used, and, with `all_said`, Unavailable (`unavailable.memory.unsaid`) for one
    of which something is lost that people have said and that does not come back by itself: who may see a
    file, joined entities, names, certificates. Whatever happens on the way, the old file is in its place or
    the new one is."""
    try:
        found = await look_at(path, "", seconds=_FOREVER)
        await asyncio.to_thread(hurt.unmark, path)
        return None if found is None else Repaired()
    except Unavailable as error:
        if error.code != DAMAGED:
            raise
    now = clock.now()
    new = path.with_name(f"{path.name}.new")
    await asyncio.to_thread(_remove, new)
    file = MemoryFile(new)
    try:
        await file.transaction([])  # makes the schema
        revision = int(now.timestamp() * 1000)
        salvaged = await asyncio.to_thread(salvage, path, new, least_revision=revision)
        if all_said and salvaged.unsaid:
            raise _unsaid(path, salvaged.unsaid)
        for workspace_id in await _workspaces(file):
            async for _ in rebuild(file, workspace_id):
                pass
    except BaseException:
        await file.close()
        await asyncio.to_thread(_remove, new)
        raise
    await file.close()
    aside = await asyncio.to_thread(_swapped, path, new, f"{now:%Y%m%dT%H%M%SZ}")
    await asyncio.to_thread(hurt.unmark, path)
    return Repaired(set_aside=str(aside), kept=salvaged.kept, lost=salvaged.lost)


async def repair_at_start(path: Path, clock: Clock) -> Repaired | None:
    """Where a short look, or somebody before, finds it damaged, and nothing is lost by it that people have
    said; None where there is nothing to do. Raises what `repair` does."""
    marked = await asyncio.to_thread(hurt.is_marked, path)
    if not marked and not await looks_damaged(path, seconds=_GLANCE):
        return None
    done = await repair(path, clock, all_said=True)
    return done if done is not None and done.set_aside else None


def _unsaid(path: Path, tables: Sequence[str]) -> Unavailable:
    names = ", ".join(tables)
    return Unavailable(
        f"the memory {path} is damaged and was not repaired by itself, because that would lose what people "
        f"have said ({names}), such as who may see a document; restore it from a backup, or run "
        "`flowmatik memory repair`, which goes on without that",
        code=UNSAID,
        retryable=False,
        context={"path": str(path), "tables": names},
    )


async def _workspaces(file: MemoryFile) -> Sequence[str]:
    rows = await file.fetch("SELECT workspace_id FROM memory_workspaces ORDER BY workspace_id")
    return [str(row[0]) for row in rows]


def _swapped(path: Path, new: Path, dated: str) -> Path:
    """The old file keeps its place until the new one takes it; the old one's log must not lie beside that."""
    with closing(connect(new)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode = DELETE")  # nothing of it is beside the file
    aside = path.with_name(f"{path.name}.damaged-{dated}")
    count = 1
    while aside.exists():
        count += 1
        aside = path.with_name(f"{path.name}.damaged-{dated}-{count}")
    os.link(path, aside)
    for ending in _BESIDE:
        beside = path.with_name(path.name + ending)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + ending))
    os.replace(new, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return aside


def _remove(new: Path) -> None:
    for one in (new, *(new.with_name(new.name + ending) for ending in _BESIDE)):
        one.unlink(missing_ok=True)
