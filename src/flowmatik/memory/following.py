"""Bringing an index outside up to date with the store."""

from typing import cast

from flowmatik.contracts.database import Database
from flowmatik.contracts.indexes import IndexChange, IndexPort

_AT_ONCE = 200


async def changes_after(
    database: Database, workspace_id: str, position: int, limit: int = _AT_ONCE
) -> list[IndexChange]:
    """In order. Positions are given under the workspace's lock, so that none appears later below one that was
    seen."""
    rows = await database.fetch(
        "SELECT position, document, change FROM memory_outbox WHERE workspace_id = $1 AND position > $2"
        " ORDER BY position LIMIT $3",
        *(workspace_id, position, limit),
    )
    return [
        IndexChange(
            position=int(row[0]),
            document=str(row[1]),
            change="deleted" if cast("str", row[2]) == "deleted" else "stored",
        )
        for row in rows
    ]


async def follow(database: Database, workspace_id: str, index: IndexPort) -> int:
    """Until nothing is left; how many changes were applied."""
    done = 0
    while changes := await changes_after(database, workspace_id, await index.position(workspace_id)):
        await index.apply(workspace_id, changes)
        done += len(changes)
    return done
