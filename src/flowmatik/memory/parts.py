"""Files inside files, as `mail.eml/terms.pdf`: documents of their own, whose lives hang on the outer one's.
Their paths lie below the outer file's, so that none of them is ever a file on disk."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from flowmatik.contracts.database import Database, Statement
from flowmatik.contracts.memory import DocumentLabels, Notice
from flowmatik.memory import reading
from flowmatik.memory.prepare import Prepared
from flowmatik.memory.records import Known, Stamp
from flowmatik.memory.writing import labelled, restamped


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


def has_vectors(prepared: Prepared) -> bool:
    """It, or a part of it."""
    return any(one.record.embedder for one in (prepared, *parts_of(prepared)))


def unembedded(known: Mapping[str, Known]) -> frozenset[str]:
    """Of what is known by its path, the files with a part that lacks vectors."""
    lacking = (Path(path) for path, one in known.items() if one.embedded < one.chunks)
    return frozenset(str(outer) for path in lacking for outer in path.parents if str(outer) in known)


def is_there(path: Path, present: set[str]) -> bool:
    """Whether the file, or the one that it is a part of, is among `present`."""
    return str(path) in present or any(str(outer) in present for outer in path.parents)


def is_part(path: str) -> bool:
    """Blocking. Whether the file that `path` lies in is there: then nothing was moved away from it."""
    there = next((outer for outer in Path(path).parents if os.path.lexists(outer)), None)
    return there is not None and there.is_file()


async def moved_below(
    database: Database, workspace_id: str, before: tuple[str, str], now: tuple[str, str]
) -> list[Statement]:
    """`before` and `now` are path and source of the outer file: its parts go with it."""
    statements: list[Statement] = []
    for one in await below(database, workspace_id, before[0]):
        stamp = Stamp(
            path=now[0] + one.stamp.path.removeprefix(before[0]),
            content_hash=one.stamp.content_hash,
            size=one.stamp.size,
            mtime_ns=0,
        )
        source = now[1] + one.source.removeprefix(before[1])
        statements += restamped(workspace_id, one.id, source, stamp)
    return statements


async def below(database: Database, workspace_id: str, path: str) -> list[Known]:
    """The parts of the file at `path`."""
    return await reading.documents_below(database, workspace_id, path)


async def with_parts(database: Database, workspace_id: str, documents: Sequence[Known]) -> list[Known]:
    """Them and all that lies in their files, by source name."""
    found = {one.id: one for one in documents}
    for one in documents:
        found |= {each.id: each for each in await below(database, workspace_id, one.stamp.path)}
    return sorted(found.values(), key=lambda known: known.source)


async def whole(database: Database, workspace_id: str, documents: Sequence[Known]) -> list[Known]:
    """Them, the files that they lie in and all that lies in those, by source name: who forgets an attachment
    forgets the letter that has it."""
    outer = {str(path) for one in documents for path in Path(one.stamp.path).parents}
    around = await reading.documents_at(database, workspace_id, sorted(outer))
    return await with_parts(database, workspace_id, [*documents, *around])


async def labelled_whole(
    database: Database, workspace_id: str, known: Known, labels: DocumentLabels | None
) -> list[Statement]:
    """The document and its parts with exactly these labels: whoever may not see a letter sees nothing of what
    is attached to it."""
    if labels is None:
        return []
    documents = await with_parts(database, workspace_id, [known])
    return [statement for one in documents for statement in labelled(workspace_id, one.id, labels)]
