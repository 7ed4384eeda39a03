"""Bringing a projection of the graph up to date with memory's store, and finding out whether it is."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flowmatik.contracts.database import Database, Row
from flowmatik.contracts.graph_indexes import (
    GraphCounts,
    GraphDocument,
    GraphIndex,
    GraphMention,
    GraphPassage,
    GraphRelation,
)
from flowmatik.contracts.indexes import IndexChange
from flowmatik.memory.bulk import listed
from flowmatik.memory.following import follow
from flowmatik.memory.graph_indexes.choosing import load_graph_index
from flowmatik.memory.linking import PLACE, told_outside

_AT_ONCE = 20  # documents read and sent together
_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What the store has, and the projection; `behind`: changes that it has not had yet."""

    stored: GraphCounts
    projected: GraphCounts
    behind: int

    @property
    def agrees(self) -> bool:
        return self.stored == self.projected and not self.behind


class GraphFollower:
    """An `IndexPort`. The place is written after what it stands for: whoever dies between sends a few changes
    twice, which changes nothing. A document that is stored anew is not there for the moment between its
    removal and its return."""

    def __init__(self, database: Database, index: GraphIndex) -> None:
        self._database = database
        self._index = index

    async def position(self, workspace_id: str) -> int:
        return await self._index.position(workspace_id)

    async def apply(self, workspace_id: str, changes: Sequence[IndexChange]) -> None:
        documents = list(dict.fromkeys(one.document for one in changes))
        await self._index.delete(workspace_id, documents)
        stored = [one.document for one in changes if one.change == "stored"]
        for first in range(0, len(stored), _AT_ONCE):
            part = stored[first : first + _AT_ONCE]
            await self._index.store(workspace_id, await documents_of(self._database, workspace_id, part))
        if changes:
            await self._index.advance(workspace_id, changes[-1].position)


async def catch_up(database: Database, workspace_id: str, index: GraphIndex) -> int:
    """How many changes were applied. Raises as the index does; what is left then waits in the outbox."""
    return await follow(database, workspace_id, GraphFollower(database, index))


async def rebuild(database: Database, workspace_id: str, index: GraphIndex) -> Compared:
    """All of it anew."""
    await index.drop(workspace_id)
    await catch_up(database, workspace_id, index)
    return await compare(database, workspace_id, index)


async def reconcile(database: Database, workspace_id: str, index: GraphIndex) -> Compared:
    """Everything sent again, and what the store does not know taken out, while the projection is asked."""
    after = ""
    while page := await index.documents(workspace_id, after=after, limit=_PAGE):
        known: set[str] = set()
        for sql, values in listed(
            "SELECT id FROM memory_documents WHERE workspace_id = $1 AND id IN (:list)", page, 2
        ):
            known.update(str(row[0]) for row in await database.fetch(sql, workspace_id, *values))
        if strays := [one for one in page if one not in known]:
            await index.delete(workspace_id, strays)
        after = page[-1]
    await index.advance(workspace_id, 0)
    await catch_up(database, workspace_id, index)
    return await compare(database, workspace_id, index)


async def compare(database: Database, workspace_id: str, index: GraphIndex) -> Compared:
    behind = await database.fetch(
        "SELECT count(*) FROM memory_outbox WHERE workspace_id = $1 AND position > $2",
        *(workspace_id, await index.position(workspace_id)),
    )
    stored = await load_graph_index(settings={"database": database}).counts(workspace_id)
    projected = await index.counts(workspace_id)
    return Compared(stored=stored, projected=projected, behind=int(behind[0][0]))


async def documents_of(
    database: Database, workspace_id: str, documents: Sequence[str]
) -> list[GraphDocument]:
    """As they are now, those that are there."""
    read = _Read(database=database, workspace_id=workspace_id)
    about = await read.rows(
        "SELECT id, source, tags, dated, path FROM memory_documents"
        " WHERE workspace_id = $1 AND id IN (:list)",
        documents,
    )
    acl = _grouped(
        await read.rows(
            "SELECT document, principal FROM memory_acl WHERE workspace_id = $1 AND document IN (:list)"
            " ORDER BY principal",
            documents,
        )
    )
    passages = await _passages(read, documents)
    return [
        GraphDocument(
            id=str(name),
            source=str(source),
            passages=tuple(passages.get(str(name), ())),
            acl=tuple(str(one[0]) for one in acl.get(name, ())),
            tags=tuple(json.loads(tags)),
            dated=str(dated),
            place=told_outside(f"{PLACE}{path}"),
        )
        for name, source, tags, dated, path in about
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    database: Database
    workspace_id: str

    async def rows(self, sql: str, values: Sequence[object]) -> list[Row]:
        found: list[Row] = []
        for statement, params in listed(sql, values, 2):
            found += await self.database.fetch(statement, self.workspace_id, *params)
        return found


async def _passages(read: _Read, documents: Sequence[str]) -> dict[str, list[GraphPassage]]:
    """By their document."""
    chunks = await read.rows(
        "SELECT number, id, document FROM memory_chunks WHERE workspace_id = $1 AND document IN (:list)"
        " ORDER BY number",
        documents,
    )
    numbers = [int(row[0]) for row in chunks]
    mentions = _grouped(
        await read.rows(
            "SELECT chunk, entity, kind, count FROM memory_mentions WHERE workspace_id = $1"
            " AND chunk IN (:list) ORDER BY chunk, entity, kind",
            numbers,
        )
    )
    aliases = _grouped(
        await read.rows(
            "SELECT chunk, alias, entity FROM memory_aliases WHERE workspace_id = $1 AND chunk IN (:list)"
            " ORDER BY chunk, alias, entity",
            numbers,
        )
    )
    relations = _grouped(
        await read.rows(
            "SELECT chunk, subject, relation, object, weight FROM memory_relations WHERE workspace_id = $1"
            " AND chunk IN (:list) ORDER BY chunk, subject, relation, object",
            numbers,
        )
    )
    found: dict[str, list[GraphPassage]] = {}
    for number, chunk, document in chunks:
        passage = GraphPassage(
            chunk=str(chunk),
            mentions=tuple(
                GraphMention(entity=told_outside(str(entity)), kind=str(kind), count=int(count))
                for entity, kind, count in mentions.get(number, ())
            ),
            aliases=tuple((str(alias), str(entity)) for alias, entity in aliases.get(number, ())),
            relations=tuple(
                GraphRelation(
                    subject=str(one),
                    relation=str(how),
                    object=told_outside(str(other)),
                    weight=float(weight),
                )
                for one, how, other, weight in relations.get(number, ())
            ),
        )
        found.setdefault(str(document), []).append(passage)
    return found


def _grouped(rows: Sequence[Row]) -> dict[Any, list[Row]]:
    """By what stands first in each row."""
    found: dict[Any, list[Row]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(tuple(row)[1:])
    return found
