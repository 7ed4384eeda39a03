"""Finding runs in the SQL stores: one statement, made of the conditions that a filter has, so that the store
can choose an index by them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from flowmatik.contracts.database import Row
from flowmatik.core.journal.records import RunHead
from flowmatik.core.journal.search_port import HeadFilter


class SqlSearch(ABC):
    """Implements `HeadSearch`."""

    _sql: Mapping[str, str]

    @abstractmethod
    async def _ask(self, sql: str, *params: Any) -> list[Row]:
        """The rows of a statement that only reads."""

    async def find_heads(
        self, workspace_id: str, wanted: HeadFilter, *, before: tuple[str, str] | None, limit: int
    ) -> list[RunHead]:
        first, *others = wanted.tags or ("",)
        params: list[Any] = [workspace_id, limit, first] if first else [workspace_id, limit]
        conditions = _conditions(wanted, before, params, "t" if first else "r")
        for tag in others:
            params.append(tag)
            conditions += " AND " + self._sql["also_tagged"].replace("{tag}", f"${len(params)}")
        sql = self._sql["find_tagged_heads" if first else "find_heads"]
        rows = await self._ask(sql.replace("{conditions}", conditions), *params)
        return [run_head(row) for row in rows]

    async def list_heads(
        self, workspace_id: str, *, status: str | None, before: tuple[str, str] | None, limit: int
    ) -> list[RunHead]:
        wanted = HeadFilter(statuses=(status,) if status else ())
        return await self.find_heads(workspace_id, wanted, before=before, limit=limit)


def _conditions(wanted: HeadFilter, before: tuple[str, str] | None, params: list[Any], ordered: str) -> str:
    """Adds to `params` what it refers to. `ordered` is the table whose index gives the order."""

    def place(value: Any) -> str:
        params.append(value)
        return f"${len(params)}"

    found: list[str] = []
    if wanted.agent:  # the second half is what the index of agents says of its rows
        found.append(f"r.agent = {place(wanted.agent)} AND r.agent <> ''")
    if wanted.statuses:
        found.append(f"r.status IN ({', '.join(map(place, wanted.statuses))})")
    if wanted.since:
        found.append(f"{ordered}.created_at >= {place(wanted.since)}")
    if wanted.until:
        found.append(f"{ordered}.created_at < {place(wanted.until)}")
    if wanted.parent:
        found.append(f"r.parent = {place(wanted.parent)} AND r.parent <> ''")
    if before:
        created_at, run_id = map(place, before)
        found.append(f"({ordered}.created_at, {ordered}.run_id) < ({created_at}, {run_id})")
    found += [f"r.goal_folded LIKE {place(f'% {word}%')}" for word in wanted.words]
    return " AND ".join(found) or "1 = 1"


def run_head(row: Row) -> RunHead:
    """A head from the columns in the order of the query `head`, and tags after them where they are read."""
    return RunHead(
        run_id=row[0],
        workspace_id=row[1],
        status=row[2],
        head_seq=row[3],
        epoch=row[4],
        owner=row[5],
        inbox_tail=row[6],
        inbox_seen=row[7],
        last_append_id=row[8],
        created_at=row[9],
        ended_at=row[10],
        goal=row[11],
        cost_micros=row[12],
        unpriced=bool(row[13]),
        agent=row[14],
        priority=row[15],
        parent=row[16],
        parent_wait=row[17],
        decision_version=row[18],
        tags=tuple(row[19].split()) if len(row) > 19 else (),
    )
