"""Choosing the full text index, feeding it from the system of record, and comparing the two."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from flowmatik.contracts.database import Database
from flowmatik.contracts.indexes import IndexChange
from flowmatik.contracts.text_indexes import TextIndex, TextRow, TextSearch
from flowmatik.kernel.plugins import PluginRegistry
from flowmatik.memory.bulk import listed

DEFAULT = "postings"
_AT_ONCE = 500  # passages handed over in one call


def text_index_registry() -> PluginRegistry:
    return PluginRegistry(Path(__file__).parent / "text_indexes", "flowmatik.memory.text_indexes")


def load_text_index(plugin_id: str = DEFAULT, settings: Any = None) -> TextSearch:
    """Raises NotFound for an unknown plugin, ConfigurationError for settings that it cannot run with."""
    return cast("TextSearch", text_index_registry().build(plugin_id, settings))


class TextFeed:
    """An index as a follower of memory's changes (`IndexPort`). A change may be applied again after a crash,
    which does no harm: what is written is the document's newest state."""

    def __init__(self, database: Database, index: TextIndex) -> None:
        self._database = database
        self._index = index

    async def position(self, workspace_id: str) -> int:
        return await self._index.position(workspace_id)

    async def apply(self, workspace_id: str, changes: Sequence[IndexChange]) -> None:
        """New passages come before old ones go, so that a document is found all the time."""
        documents = list(dict.fromkeys(one.document for one in changes))
        kept: list[str] = []
        for document in documents:
            rows = await rows_of(self._database, workspace_id, document)
            kept += [row.chunk for row in rows]
            for at in range(0, len(rows), _AT_ONCE):
                await self._index.upsert(workspace_id, rows[at : at + _AT_ONCE])
        await self._index.delete_documents(workspace_id, documents, kept)
        if changes:
            await self._index.settle(workspace_id, changes[-1].position)

    async def reconcile(self, workspace_id: str) -> tuple[int, int]:
        """Compare passage by passage and mend: how many were missing, how many too many. Lasts as long as
        reading all ids of both."""
        there = set[str]()
        while page := await self._index.ids(workspace_id, max(there, default="")):
            there.update(page)
        found = await self._database.fetch(
            "SELECT id, document FROM memory_chunks WHERE workspace_id = $1", workspace_id
        )
        missing = {str(row[0]): str(row[1]) for row in found if row[0] not in there}
        surplus = sorted(there - {str(row[0]) for row in found})
        if surplus:
            await self._index.delete(workspace_id, surplus)
        for document in sorted(set(missing.values())):
            rows = await rows_of(self._database, workspace_id, document)
            await self._index.upsert(workspace_id, rows)
        return len(missing), len(surplus)


async def rows_of(database: Database, workspace_id: str, document: str) -> list[TextRow]:
    """A document's passages as they are now, none when it is gone."""
    labels = await database.fetch(
        "SELECT source, tags, dated FROM memory_documents WHERE workspace_id = $1 AND id = $2",
        *(workspace_id, document),
    )
    if not labels:
        return []
    acl = await database.fetch(
        "SELECT principal FROM memory_acl WHERE workspace_id = $1 AND document = $2 ORDER BY principal",
        *(workspace_id, document),
    )
    chunks = await database.fetch(
        "SELECT number, id, language FROM memory_chunks WHERE workspace_id = $1 AND document = $2"
        " ORDER BY number",
        *(workspace_id, document),
    )
    terms = await _terms(database, workspace_id, [int(row[0]) for row in chunks])
    source, tags, dated = labels[0]
    return [
        TextRow(
            chunk=str(chunk),
            document=document,
            source=str(source),
            terms=tuple(terms.get(int(number), ())),
            language=str(language),
            acl=tuple(str(row[0]) for row in acl),
            tags=tuple(json.loads(tags)),
            dated=str(dated),
        )
        for number, chunk, language in chunks
    ]


async def _terms(database: Database, workspace_id: str, numbers: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    sql = (
        "SELECT chunk, term, frequency FROM memory_postings WHERE workspace_id = $1 AND chunk IN (:list)"
        " ORDER BY chunk, term"
    )
    for statement, values in listed(sql, numbers, 2):
        for chunk, term, often in await database.fetch(statement, workspace_id, *values):
            found.setdefault(int(chunk), []).extend([str(term)] * int(often))
    return found
