"""Full text over memory's own postings: written with the passages in one transaction, so that it is never
behind and there is nothing to follow. Rarity and lengths are reckoned among the passages that the filter
leaves: what may not be seen counts in no score."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from flowmatik.contracts.database import Database
from flowmatik.contracts.indexes import Filter
from flowmatik.contracts.text_indexes import Asked, TextHit
from flowmatik.memory.bm25 import Postings, ranked
from flowmatik.memory.bulk import listed
from flowmatik.memory.conditions import over_documents, plain
from flowmatik.memory.index_faults import lacking

_JOINED = (
    "memory_chunks c JOIN memory_documents d ON d.workspace_id = c.workspace_id AND d.id = c.document"
    " WHERE c.workspace_id = $1"
)


def build(settings: Any) -> "PostingsSearch":
    """`settings`: `database`, memory's own."""
    given = cast("Mapping[str, Any]", settings or {})
    if "database" not in given:
        raise lacking("postings", "database")
    return PostingsSearch(given["database"])


class PostingsSearch:
    """As `TextSearch` promises."""

    id = "postings"

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(self, workspace_id: str, asked: Asked, limit: int, where: Filter) -> list[TextHit]:
        database = self._database.within(workspace_id)
        condition, values = over_documents(database.dialect, where, 2)
        sql = "".join(("SELECT count(*), sum(c.terms) FROM ", _JOINED, condition))
        ((count, length),) = await database.fetch(sql, workspace_id, *values)
        if not count:
            return []
        words = [await self._word(database, workspace_id, one, (condition, values)) for one in asked]
        return ranked(words, int(count), int(length), limit)

    async def _word(
        self, database: Database, workspace_id: str, terms: Sequence[str], where: tuple[str, tuple[Any, ...]]
    ) -> Postings:
        condition, values = where
        sql = "".join((
            "SELECT c.id, c.terms, max(p.frequency) FROM memory_postings p JOIN memory_chunks c"
            " ON c.workspace_id = p.workspace_id AND c.number = p.chunk JOIN memory_documents d"
            " ON d.workspace_id = c.workspace_id AND d.id = c.document WHERE p.workspace_id = $1",
            condition,
            " AND p.term IN (:list) GROUP BY c.id, c.terms",
        ))  # fmt: skip
        found: dict[str, tuple[int, int]] = {}
        for statement, listed_terms in listed(sql, terms, 2 + len(values)):
            rows = await database.fetch(statement, workspace_id, *values, *listed_terms)
            found.update({str(row[0]): (int(row[1]), int(row[2])) for row in rows})
        return found

    async def ids(self, workspace_id: str, after: str = "", limit: int = 1000) -> list[str]:
        database = self._database.within(workspace_id)
        by = plain(database.dialect, "id")
        which = ("SELECT id FROM memory_chunks WHERE workspace_id = $1 AND", by, "> $2")
        sql = " ".join((*which, "ORDER BY", by, "LIMIT $3"))
        return [str(row[0]) for row in await database.fetch(sql, workspace_id, after, limit)]

    async def count(self, workspace_id: str) -> int:
        database = self._database.within(workspace_id)
        sql = "SELECT count(*) FROM memory_chunks WHERE workspace_id = $1"
        return int((await database.fetch(sql, workspace_id))[0][0])

    async def health(self) -> None:
        await self._database.fetch("SELECT 1")

    async def close(self) -> None:
        """The database is its owner's."""
