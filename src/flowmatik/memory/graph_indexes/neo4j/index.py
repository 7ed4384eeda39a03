"""The projection: how documents become nodes, and what is asked of them."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from flowmatik.contracts.graph_indexes import LINKING, GraphCounts, GraphDocument, GraphLink
from flowmatik.contracts.indexes import Filter, places
from flowmatik.memory.graph_indexes.neo4j import statements
from flowmatik.memory.graph_indexes.neo4j.server import ID, Server
from flowmatik.memory.index_faults import unfit

_AT_ONCE = 1000  # rows of one statement
_LEAST = (5, 19)  # the first version with the Query API

Rows = list[dict[str, Any]]


class Neo4jGraph:
    """As `GraphIndex` promises."""

    id = ID

    def __init__(self, server: Server) -> None:
        self._server = server
        self._made = False

    async def position(self, workspace_id: str) -> int:
        found = await self._server.read(statements.POSITION, workspace=workspace_id)
        return int(found[0]["position"]) if found else 0

    async def advance(self, workspace_id: str, position: int) -> None:
        await self._server.write(statements.ADVANCE, workspace=workspace_id, position=position)

    async def store(self, workspace_id: str, documents: Sequence[GraphDocument]) -> None:
        await self._make()
        for statement, rows in _sent(documents):
            for first in range(0, len(rows), _AT_ONCE):
                await self._server.write(
                    statement, workspace=workspace_id, rows=rows[first : first + _AT_ONCE]
                )

    async def delete(self, workspace_id: str, documents: Sequence[str]) -> None:
        await self._make()
        for one in documents:  # a document at a time: a statement is held in memory until it is done
            for statement in (statements.UNRELATE, statements.UNALIAS, statements.DELETE):
                await self._server.write(statement, workspace=workspace_id, documents=[one])

    async def links(
        self, workspace_id: str, entities: Sequence[str], limit: int, where: Filter
    ) -> list[GraphLink]:
        found = await self._server.read(
            statements.LINKS,
            workspace=workspace_id,
            entities=list(dict.fromkeys(_id(key) for key in entities)),
            kinds=list(LINKING),
            limit=limit,
            **_filter(where),
        )
        return [
            GraphLink(
                origin=str(row["origin"]),
                entity=str(row["entity"]),
                passages=int(row["passages"]),
                chunk=str(row["chunk"]),
            )
            for row in found
        ]

    async def documents(self, workspace_id: str, *, after: str = "", limit: int = 1000) -> list[str]:
        found = await self._server.read(
            statements.LIST_DOCUMENTS, workspace=workspace_id, after=after, limit=limit
        )
        return [str(row["id"]) for row in found]

    async def entities(self, workspace_id: str, *, after: str = "", limit: int = 1000) -> list[str]:
        found = await self._server.read(
            statements.LIST_ENTITIES, workspace=workspace_id, after=after, limit=limit
        )
        return [str(row["key"]) for row in found]

    async def counts(self, workspace_id: str) -> GraphCounts:
        found: dict[str, int] = {}
        for name, statement in statements.COUNTS.items():
            (row,) = await self._server.read(statement, workspace=workspace_id)
            found[name] = int(row["count"])
        return GraphCounts(**found)

    async def drop(self, workspace_id: str) -> None:
        for statement in statements.DROP:
            while True:
                (row,) = await self._server.write(statement, workspace=workspace_id, limit=_AT_ONCE)
                if not row["gone"]:
                    break

    async def purge(self) -> bool:
        """What is left in the server's files, transaction logs and backups is in its own hands."""
        return False

    async def health(self) -> str:
        version = await self._server.version()
        numbers = version.split(".")
        if not (numbers[0].isdecimal() and (int(numbers[0]), _number(numbers[1:])) >= _LEAST):
            raise unfit(ID, f"Neo4j {version or '?'}", "Neo4j 5.19 or later")
        await self._server.read(statements.POSITION, workspace="")
        return version

    async def close(self) -> None:
        await self._server.close()

    async def _make(self) -> None:
        """Constraints before the first row: without them `MERGE` of two writers at once makes two nodes."""
        if not self._made:
            for statement in statements.SCHEMA:
                await self._server.write(statement)
            self._made = True


def _number(parts: Sequence[str]) -> int:
    return int(parts[0]) if parts and parts[0].isdecimal() else 0


def _id(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _filter(where: Filter) -> dict[str, Any]:
    """None for what is not asked."""
    return {
        "sources": [one.rstrip("/") for one in where.sources] or None,
        "principals": None if where.principals is None else sorted(where.principals),
        "tags": list(where.tags) or None,
        "from": where.dated_from or None,
        "until": where.until or None,
    }


def _sent(documents: Sequence[GraphDocument]) -> Iterator[tuple[str, Rows]]:
    """Statements with their rows, in an order in which each finds what it joins."""
    passages = [(document, passage) for document in documents for passage in document.passages]
    yield statements.DOCUMENTS, [_about(document) for document in documents]
    yield statements.PASSAGES, [{"document": one.id, "chunk": passage.chunk} for one, passage in passages]
    yield (
        statements.MENTIONS,
        [
            {
                "chunk": passage.chunk,
                "id": _id(said.entity),
                "key": said.entity,
                "kind": said.kind,
                "count": said.count,
            }
            for _, passage in passages
            for said in passage.mentions
        ],
    )
    yield (
        statements.RELATIONS,
        [
            {
                "document": document.id,
                "chunk": passage.chunk,
                "subject": _id(said.subject),
                "relation": said.relation,
                "object": _id(said.object),
                "weight": said.weight,
            }
            for document, passage in passages
            for said in passage.relations
        ],
    )
    yield (
        statements.ALIASES,
        [
            {"document": document.id, "chunk": passage.chunk, "alias": _id(alias), "entity": _id(entity)}
            for document, passage in passages
            for alias, entity in passage.aliases
        ],
    )


def _about(document: GraphDocument) -> dict[str, Any]:
    return {
        "id": document.id,
        "source": document.source,
        "places": list(places(document.source)),
        "acl": sorted(set(document.acl)),
        "tags": sorted(set(document.tags)),
        "dated": document.dated,
        "place": document.place,
    }
