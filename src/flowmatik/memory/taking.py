"""What goes from hand to hand while files are taken in: the run, a file as it was read, what is stored."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from flowmatik.contracts.database import Database, Statement
from flowmatik.contracts.memory import DocumentLabels, Embedder, Notice
from flowmatik.kernel.errors import Conflict
from flowmatik.memory import kept_out, reading
from flowmatik.memory.comparing import understood
from flowmatik.memory.derived import NOTHING_SUPPLIED, Supplied
from flowmatik.memory.places import is_within
from flowmatik.memory.prepare import Prepared
from flowmatik.memory.records import Known, Stamp
from flowmatik.memory.vectors import Vectors
from flowmatik.memory.writing import SourceRow

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One ingest of one workspace."""

    workspace_id: str
    database: Database
    embedder: Embedder | None
    vectors: Vectors
    labels: DocumentLabels | None
    sources: tuple[SourceRow, ...] = ()
    supplied: Supplied = NOTHING_SUPPLIED
    behind: frozenset[str] = frozenset()  # the paths of files with a part that lacks vectors
    handed_over: frozenset[Path] = frozenset()  # the files that somebody named, and not a folder of theirs

    @property
    def embedder_id(self) -> str:
        return self.embedder.id if self.embedder else ""

    def source_of(self, path: Path) -> SourceRow:
        return next(one for one in self.sources if is_within(path, Path(one.location)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A file that has something new, and what memory had of it then: `known` at its path, `origin` the
    document that it is a new version of, `same` when that has the same content and title."""

    run: Run
    format_id: str
    data: bytes
    name: str
    stamp: Stamp
    known: Known | None
    origin: Known | None
    same: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ToStore:
    seen: Seen
    prepared: Prepared
    notices: tuple[Notice, ...]


async def unless_changed(seen: Seen) -> None:
    """Raises Conflict when memory has something else of it by now."""
    run = seen.run
    paths = {seen.stamp.path: seen.known}
    if seen.origin is not None:
        paths[seen.origin.stamp.path] = seen.origin
    for path, before in paths.items():
        if await reading.known_at(run.database, run.workspace_id, run.embedder_id, path) != before:
            raise Conflict(f"{seen.name}: it was changed here meanwhile; try again", code="conflict.exists")


def welcome(run: Run, stamp: Stamp) -> Statement:
    """What was forgotten is let in when it was handed over, and otherwise not even by who read it before."""
    says = kept_out.let_in if Path(stamp.path) in run.handed_over else kept_out.still_welcome
    return says(run.workspace_id, stamp)


def is_current(run: Run, known: Known) -> bool:
    whole = known.embedded == known.chunks and known.stamp.path not in run.behind
    return (run.embedder is None or whole) and understood(known)


@asynccontextmanager
async def side_by_side(
    calls: Iterable[Callable[[], Coroutine[Any, Any, T]]], most: int
) -> AsyncGenerator[Iterator[asyncio.Task[T]]]:
    """Their tasks in the order given, begun no more than `most` ahead of the one that is asked for; those
    that nobody asks for any more are cancelled."""
    under_way: deque[asyncio.Task[T]] = deque()

    def in_order() -> Iterator[asyncio.Task[T]]:
        for call in calls:
            under_way.append(asyncio.create_task(call()))
            if len(under_way) == most:
                yield under_way[0]
                under_way.popleft()
        while under_way:
            yield under_way[0]
            under_way.popleft()

    try:
        yield in_order()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
