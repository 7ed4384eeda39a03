"""Which runs were deleted, by what is left of them, for those who keep something that came from runs."""

from collections.abc import Sequence

from flowmatik.contracts.database import Database

_AT_ONCE = 200


class DeletedRuns:
    def __init__(self, everywhere: Database) -> None:
        self._database = everywhere

    async def count(self, workspace_id: str) -> int:
        """Of all times; it only grows."""
        sql = "SELECT count(*) FROM tombstones WHERE workspace_id = $1"
        return int((await self._database.within(workspace_id).fetch(sql, workspace_id))[0][0])

    async def among(self, workspace_id: str, run_ids: Sequence[str]) -> list[str]:
        """Those of `run_ids` that were deleted."""
        database, found = self._database.within(workspace_id), list[str]()
        for at in range(0, len(run_ids), _AT_ONCE):
            part = run_ids[at : at + _AT_ONCE]
            marks = ", ".join(f"${n + 2}" for n in range(len(part)))
            sql = " ".join((
                "SELECT run_id FROM tombstones WHERE workspace_id = $1 AND run_id IN", f"({marks})"
            ))  # fmt: skip
            found += [str(row[0]) for row in await database.fetch(sql, workspace_id, *part)]
        return found
