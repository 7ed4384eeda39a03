"""Numbers for passages: whole numbers that a workspace gives out once each, in blocks."""

from flowmatik.contracts.database import Database

BLOCK = 512


class Numbers:
    """One for each writer. What it has reserved and not used when it ends is lost, which harms nobody."""

    def __init__(self) -> None:
        self._left: dict[str, range] = {}

    async def take(self, database: Database, workspace_id: str, count: int) -> int:
        """The first of `count` numbers in a row."""
        left = self._left.get(workspace_id, range(0))
        if len(left) < count:
            left = await self._reserve(database, workspace_id, max(count, BLOCK))
        self._left[workspace_id] = left[count:]
        return left.start

    async def _reserve(self, database: Database, workspace_id: str, count: int) -> range:
        rows = await database.fetch(
            "INSERT INTO memory_workspaces (workspace_id, next_chunk) VALUES ($1, 1 + $2)"
            " ON CONFLICT (workspace_id) DO UPDATE SET next_chunk = memory_workspaces.next_chunk + $2"
            " RETURNING next_chunk",
            *(workspace_id, count),
        )
        end = int(rows[0][0])
        return range(end - count, end)
