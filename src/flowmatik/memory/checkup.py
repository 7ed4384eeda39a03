"""A look at the memory file from outside, for whoever asks whether it can be used.

It changes nothing and leaves nothing behind, whether or not somebody is at work on the file.
"""

import asyncio
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from flowmatik.kernel.errors import Unavailable
from flowmatik.kernel.sqlite import Connection, connect_aside, is_damage, sqlite3
from flowmatik.memory.store import DAMAGED, damaged, refuse_newer, unusable

SECONDS = 5.0  # of reading the file for faults; a large one is then sound as far as it was read
_STEPS = 20_000  # of SQLite's machine between two looks at the clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Over all workspaces. `not_embedded` documents have passages without a vector of the embedder asked
    for, 0 without an embedder; `read_whole`: the time was enough for the whole file."""

    schema: int
    documents: int
    passages: int
    not_embedded: int
    read_whole: bool


async def look_at(path: Path, embedder_id: str, *, seconds: float = SECONDS) -> Condition | None:
    """None when nothing was ever taken in. Raises Unavailable for a memory that does not answer or is
    damaged, ConfigurationError for one that a newer Flowmatik made."""
    return await asyncio.to_thread(_look, path, embedder_id, seconds)


async def looks_damaged(path: Path, *, seconds: float) -> bool:
    """As far as that time goes. Nobody else has the file open. Whatever else keeps it from being used is for
    whoever uses it to say."""
    return await asyncio.to_thread(_looks_damaged, path, seconds)


def _looks_damaged(path: Path, seconds: float) -> bool:
    if not path.exists():
        return False
    try:
        with closing(connect_aside(path, alone=_is_alone(path))) as connection:
            _is_sound(connection, path, seconds)
    except (sqlite3.Error, OSError) as error:
        return is_damage(error)
    except Unavailable as error:
        return error.code == DAMAGED
    return False


def _look(path: Path, embedder_id: str, seconds: float) -> Condition | None:
    if not path.exists():
        return None
    alone = _is_alone(path)
    try:
        return _examined(path, embedder_id, seconds, alone=alone)
    except Unavailable as error:
        if error.code == DAMAGED and alone and not _is_alone(path):  # somebody began to write meanwhile
            return _examined(path, embedder_id, seconds, alone=False)
        raise


def _is_alone(path: Path) -> bool:
    """Whoever has a file in WAL mode open keeps a -wal beside it; in another mode only its locks tell."""
    try:
        with path.open("rb") as file:
            in_wal_mode = file.read(20)[18:] == b"\x02\x02"
    except OSError as error:
        raise unusable(path, error) from error
    return in_wal_mode and not path.with_name(f"{path.name}-wal").exists()


def _examined(path: Path, embedder_id: str, seconds: float, *, alone: bool) -> Condition | None:
    try:
        with closing(connect_aside(path, alone=alone)) as connection:
            schema = refuse_newer(connection, path)
            if not schema:
                return None
            documents, passages, without = _counts(connection, schema, embedder_id)
            return Condition(
                schema=schema,
                documents=documents,
                passages=passages,
                not_embedded=without,
                read_whole=_is_sound(connection, path, seconds),
            )
    except (sqlite3.Error, OSError) as error:
        raise unusable(path, error) from error


_COUNTS = (
    "SELECT (SELECT count(*) FROM memory_documents), (SELECT count(*) FROM memory_chunks),"
    " (SELECT count(*) FROM memory_documents d WHERE ?1 <> '' AND d.chunks >"
    " (SELECT count(*) FROM memory_vectors v"
    " WHERE v.workspace_id = d.workspace_id AND v.document = d.id AND v.embedder = ?1))"
)
_COUNTS_1 = (  # as version 1 had it, which the next start brings up to date
    "SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM chunks), (SELECT count(*) FROM"
    " documents d WHERE ?1 <> '' AND d.embedder <> ?1 AND EXISTS (SELECT 1 FROM chunks c WHERE"
    " c.document_id = d.id))"
)


def _counts(connection: Connection, schema: int, embedder_id: str) -> tuple[int, int, int]:
    row = connection.execute(_COUNTS_1 if schema == 1 else _COUNTS, (embedder_id,)).fetchone()
    return int(row[0]), int(row[1]), int(row[2])


def _is_sound(connection: Connection, path: Path, seconds: float) -> bool:
    """Whether the whole file was read without a fault; False when the time was up before its end."""
    deadline = time.monotonic() + seconds
    connection.set_progress_handler(lambda: int(time.monotonic() > deadline), _STEPS)
    try:
        (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return False
        raise
    if said != "ok":
        raise damaged(path, str(said))
    return True
