"""Files inside files, as `mail.eml/terms.pdf`: documents of their own, whose lives hang on the outer one's.
Their paths lie below the outer file's, so that none of them is ever a file on disk."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from flowmatik.contracts.memory import Notice
from flowmatik.kernel.sqlite import Connection
from flowmatik.memory import records
from flowmatik.memory.prepare import Prepared
from flowmatik.memory.store import Store
from flowmatik.memory.vectors import Vectors


def parts_of(prepared: Prepared) -> Iterator[Prepared]:
    """All of them, those within parts too."""
    for part in prepared.parts:
        yield part
        yield from parts_of(part)


def left_out(prepared: Prepared) -> tuple[Notice, ...]:
    """A notice for each part that was not taken."""
    whole = (prepared, *parts_of(prepared))
    return tuple(
        Notice(
            code="document.part",
            text=f"{one.name} was left out: {one.reason}",
            values={"part": one.name, "code": one.code},
        )
        for each in whole
        for one in each.refused
    )


def is_there(path: Path, present: set[str]) -> bool:
    """Whether the file, or the one that it is a part of, is among `present`."""
    return str(path) in present or any(str(outer) in present for outer in path.parents)


def is_part(path: str) -> bool:
    """Blocking. Whether the file that `path` lies in is there: then nothing was moved away from it."""
    there = next((outer for outer in Path(path).parents if os.path.lexists(outer)), None)
    return there is not None and there.is_file()


async def keep(store: Store, workspace_id: str, prepared: Prepared, vectors: Vectors) -> int:
    """The parts as they are now, and none that were before. How many passages they have."""
    await store.write(drop_below, workspace_id, prepared.record.stamp.path)
    passages = 0
    for part in parts_of(prepared):
        record, _ = await vectors.add(part.record, part.contexts)
        await store.write(records.replace_document, workspace_id, record)
        passages += len(record.chunks)
    return passages


def drop_below(connection: Connection, workspace_id: str, path: str) -> None:
    """The parts of the file at `path`."""
    for one in _below(connection, workspace_id, path):
        records.delete_document(connection, workspace_id, one.id)


def move_below(
    connection: Connection, workspace_id: str, before: tuple[str, str], now: tuple[str, str]
) -> None:
    """`before` and `now` are path and source of the outer file: its parts go with it."""
    for one in _below(connection, workspace_id, before[0]):
        stamp = records.Stamp(
            path=now[0] + one.stamp.path.removeprefix(before[0]),
            content_hash=one.stamp.content_hash,
            size=one.stamp.size,
            mtime_ns=0,
        )
        source = now[1] + one.source.removeprefix(before[1])
        records.restamp(connection, workspace_id, one.id, source, stamp)


def _below(connection: Connection, workspace_id: str, path: str) -> Sequence[records.Known]:
    known = records.documents_of(connection, workspace_id, f"{path}/")
    return [one for one in known if one.stamp.path.startswith(f"{path}/")]
