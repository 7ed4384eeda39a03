"""Moving a workspace to another embedder while it is searched."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.database import Database, Row
from flowmatik.contracts.memory import Embedder
from flowmatik.kernel.errors import InvalidInput
from flowmatik.memory.records import context_of
from flowmatik.memory.writing import touched, with_vectors

BATCH = 64
_OLD_AT_ONCE = 2000
_LACKING = (
    "SELECT c.number, c.document, c.heading, d.title, substr(d.text, CAST(c.start_at AS INTEGER) + 1,"
    " CAST(c.end_at - c.start_at AS INTEGER)) FROM memory_chunks c JOIN memory_documents d"
    " ON d.workspace_id = c.workspace_id AND d.id = c.document WHERE c.workspace_id = $1 AND c.number > $3"
    " AND NOT EXISTS (SELECT 1 FROM memory_vectors v WHERE v.workspace_id = c.workspace_id"
    " AND v.chunk = c.number AND v.embedder = $2) ORDER BY c.number LIMIT $4"
)
_SWITCH = (
    "UPDATE memory_workspaces SET embedder = $2, moving_to = '' WHERE workspace_id = $1 AND NOT EXISTS"
    " (SELECT 1 FROM memory_chunks c WHERE c.workspace_id = $1 AND NOT EXISTS (SELECT 1 FROM memory_vectors v"
    " WHERE v.workspace_id = c.workspace_id AND v.chunk = c.number AND v.embedder = $2))"
)


async def reembed(database: Database, workspace_id: str, embedder: Embedder) -> AsyncIterator[int]:
    """How many passages have been embedded so far, after each batch. What is stored meanwhile is embedded
    too; the switch happens in the transaction that finds nothing lacking. Stopped, it goes on where it was.
    Raises what the embedder raises."""
    await database.transaction([
        (
            "INSERT INTO memory_workspaces (workspace_id, moving_to) VALUES ($1, $2)"
            " ON CONFLICT (workspace_id) DO UPDATE SET moving_to = excluded.moving_to",
            (workspace_id, embedder.id),
        )
    ])  # fmt: skip
    done = 0
    while True:
        async for count in _fill(database, workspace_id, embedder):
            done += count
            yield done
        switched = await database.transaction(
            [
                touched(workspace_id),
                (_SWITCH, (workspace_id, embedder.id)),
            ]
        )
        if switched[1]:
            break
    await _drop_others(database, workspace_id, embedder.id)


async def _fill(database: Database, workspace_id: str, embedder: Embedder) -> AsyncIterator[int]:
    after = 0
    while page := await database.fetch(_LACKING, workspace_id, embedder.id, after, BATCH):
        rows = cast("npt.NDArray[np.float32]", await embedder.embed([_context(row) for row in page]))
        vectors = np.ascontiguousarray(rows, dtype="<f4")
        try:
            await database.transaction(_written(workspace_id, embedder.id, page, vectors))
        except InvalidInput:  # one of the passages has gone meanwhile
            for row, vector in zip(page, vectors, strict=True):
                await _one(database, workspace_id, embedder.id, row, vector)
        after = int(page[-1][0])
        yield len(page)


async def _one(
    database: Database, workspace_id: str, embedder_id: str, row: Row, vector: npt.NDArray[np.float32]
) -> None:
    there = await database.fetch(
        "SELECT 1 FROM memory_chunks WHERE workspace_id = $1 AND number = $2", workspace_id, row[0]
    )
    if there:
        await database.transaction(_written(workspace_id, embedder_id, [row], vector[np.newaxis]))


def _context(row: Row) -> str:
    _, _, heading, title, text = row
    return context_of(title, heading, text)


def _written(
    workspace_id: str, embedder_id: str, page: Sequence[Row], vectors: npt.NDArray[np.float32]
) -> list[tuple[str, tuple[Any, ...]]]:
    rows = [(int(row[0]), str(row[1]), vector.tobytes()) for row, vector in zip(page, vectors, strict=True)]
    return list(with_vectors(workspace_id, embedder_id, rows))


async def _drop_others(database: Database, workspace_id: str, embedder_id: str) -> None:
    """In parts, each soon done: nobody compares them any more."""
    while True:
        (gone,) = await database.transaction([
            (
                "DELETE FROM memory_vectors WHERE workspace_id = $1 AND embedder <> $2 AND chunk IN (SELECT"
                " v.chunk FROM memory_vectors v WHERE v.workspace_id = $1 AND v.embedder <> $2 LIMIT $3)",
                (workspace_id, embedder_id, _OLD_AT_ONCE),
            )
        ])  # fmt: skip
        if not gone:
            return
