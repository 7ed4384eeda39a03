"""Reads of many runs in one round trip.

Callers that wait for runs ask for head rows and events at the same moments, for runs end together. A round
trip costs far more than what it brings, and four times as much where a workspace must be set for it. What is
asked for while others' reads are under way goes with the next: nothing waits for company.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from flowmatik.contracts.database import Row
from flowmatik.core.journal.batching import GroupCommit
from flowmatik.core.journal.records import StoredEvent
from flowmatik.core.journal.sql_journal import stored_events

LANES = 2
MOST_HEADS = 256
MOST_PAGES = 16  # each may have a thousand events

Fetch = Callable[..., Awaitable[Sequence[Row]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    run_id: str
    after: int
    limit: int


class GatheredReads:
    """`fetch` answers named statements. A read sees all that was committed before it was asked for."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._heads = GroupCommit(self._read_heads, lanes=LANES, max_batch=MOST_HEADS)
        self._pages = GroupCommit(self._read_pages, lanes=LANES, max_batch=MOST_PAGES)

    async def head(self, run_id: str) -> Sequence[Row]:
        """Its row, or none."""
        return await self._heads.write(_Head(run_id=run_id))

    async def page(self, run_id: str, after: int, limit: int) -> list[StoredEvent]:
        return await self._pages.write(_Page(run_id=run_id, after=after, limit=limit))

    async def _read_heads(self, asked: Sequence[_Head]) -> list[Sequence[Row]]:
        if len(asked) == 1:
            return [await self._fetch("head", asked[0].run_id)]
        rows = {row[0]: row for row in await self._fetch("heads", [one.run_id for one in asked])}
        return [[rows[one.run_id]] if one.run_id in rows else [] for one in asked]

    async def _read_pages(self, asked: Sequence[_Page]) -> list[list[StoredEvent]]:
        if len(asked) == 1:
            [one] = asked
            return [stored_events(await self._fetch("read", one.run_id, one.after, one.limit))]
        runs, after = [one.run_id for one in asked], [str(one.after) for one in asked]
        rows = await self._fetch("read_many", runs, after, [str(one.limit) for one in asked])
        pages = {row[0]: _page_of(row) for row in rows}
        return [pages.get(one.run_id, []) for one in asked]


def _page_of(row: Row) -> list[StoredEvent]:
    _, seqs, *others = row
    return stored_events(list(zip(map(int, seqs), *others, strict=True))) if seqs is not None else []
