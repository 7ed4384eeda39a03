"""The graph as memory's own tables have it: written with the passages in one transaction, so that it is never
behind and there is nothing to follow."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from flowmatik.contracts.database import Database
from flowmatik.contracts.graph_indexes import LINKING, GraphCounts, GraphLink
from flowmatik.contracts.indexes import Filter
from flowmatik.memory.bulk import listed
from flowmatik.memory.conditions import over_documents, plain
from flowmatik.memory.index_faults import lacking

ID = "sql"
_KINDS = ", ".join(f"'{kind}'" for kind in LINKING)
_JOINED = (
    "FROM memory_mentions m JOIN memory_mentions n ON n.workspace_id = m.workspace_id AND n.chunk = m.chunk"
    " AND n.entity <> m.entity JOIN memory_chunks c ON c.workspace_id = m.workspace_id"
    " AND c.number = m.chunk JOIN memory_documents d ON d.workspace_id = c.workspace_id"
    " AND d.id = c.document WHERE m.workspace_id = $1"
)
_COUNTS = (
    "SELECT (SELECT count(*) FROM memory_documents WHERE workspace_id = $1),"
    " (SELECT count(*) FROM memory_chunks WHERE workspace_id = $1),"
    " (SELECT count(*) FROM memory_entities WHERE workspace_id = $1),"
    " (SELECT count(*) FROM memory_mentions WHERE workspace_id = $1),"
    " (SELECT count(*) FROM memory_relations WHERE workspace_id = $1),"
    " (SELECT count(*) FROM memory_aliases WHERE workspace_id = $1)"
)


def build(settings: Any) -> "SqlGraph":
    """`settings`: `database`, memory's own."""
    given = cast("Mapping[str, Any]", settings or {})
    if "database" not in given:
        raise lacking(ID, "database")
    return SqlGraph(given["database"])


class SqlGraph:
    """As `GraphSearch` promises, on either store."""

    id = ID

    def __init__(self, database: Database) -> None:
        self._database = database

    async def links(
        self, workspace_id: str, entities: Sequence[str], limit: int, where: Filter
    ) -> list[GraphLink]:
        database = self._database.within(workspace_id)
        condition, values = over_documents(database.dialect, where, 2)
        sql = " ".join((
            "SELECT m.entity, n.entity, count(DISTINCT m.chunk),",
            f"min({plain(database.dialect, 'c.id')})",
            _JOINED,
            f"AND m.kind IN ({_KINDS}) AND n.kind IN ({_KINDS})",
            condition,
            "AND m.entity IN (:list) GROUP BY m.entity, n.entity ORDER BY count(DISTINCT m.chunk) DESC,",
            f"{plain(database.dialect, 'n.entity')}, {plain(database.dialect, 'm.entity')}",
            "LIMIT",
            str(int(limit)),
        ))  # fmt: skip
        found: list[GraphLink] = []
        for statement, keys in listed(sql, list(dict.fromkeys(entities)), 2 + len(values)):
            rows = await database.fetch(statement, workspace_id, *values, *keys)
            found += [
                GraphLink(origin=str(origin), entity=str(entity), passages=int(count), chunk=str(chunk))
                for origin, entity, count, chunk in rows
            ]
        return sorted(found, key=lambda one: (-one.passages, one.entity, one.origin))[:limit]

    async def counts(self, workspace_id: str) -> GraphCounts:
        ((documents, passages, entities, mentions, relations, aliases),) = await self._database.within(
            workspace_id
        ).fetch(_COUNTS, workspace_id)
        return GraphCounts(
            documents=int(documents),
            passages=int(passages),
            entities=int(entities),
            mentions=int(mentions),
            relations=int(relations),
            aliases=int(aliases),
        )

    async def health(self) -> str:
        await self._database.fetch("SELECT 1")
        return self._database.dialect

    async def close(self) -> None:
        """The database is its owner's."""
