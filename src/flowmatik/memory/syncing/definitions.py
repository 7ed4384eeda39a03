"""What is set up of sources stays when somebody is forgotten, and is named; what their syncs said goes."""

import asyncio
import json
from collections.abc import Sequence

from flowmatik.contracts.database import Database, Row
from flowmatik.contracts.memory_care import NAMED_AT_MOST, Meant, Naming
from flowmatik.memory.bulk import listed
from flowmatik.memory.syncing.copies import Copies
from flowmatik.memory.syncing.forgetting import is_asked_for, is_naming, texts_in

_DEFINITIONS = (
    "SELECT id, name, settings, acl, tags FROM source_definitions WHERE workspace_id = $1 ORDER BY id"
)
_SYNCS = (
    "SELECT y.id, y.source_id, d.name, d.settings, y.reason, y.details FROM source_syncs y"
    " JOIN source_definitions d ON d.workspace_id = y.workspace_id AND d.id = y.source_id"
    " WHERE y.workspace_id = $1"
)


class SourceDefinitions:
    """Implements `KeepsOutside`: who set a source up removes it."""

    def __init__(self, database: Database, copies: Copies) -> None:
        self._database = database
        self._copies = copies

    async def naming(self, workspace_id: str, meant: Meant) -> Naming:
        rows = await self._database.within(workspace_id).fetch(_DEFINITIONS, workspace_id)
        ids = await asyncio.to_thread(self._those, workspace_id, rows, meant)
        return Naming(kind="sources", count=len(ids), ids=tuple(ids[:NAMED_AT_MOST]))

    def _those(self, workspace_id: str, rows: Sequence[Row], meant: Meant) -> list[str]:
        """Blocking."""
        names = is_naming(meant)
        return [
            str(source_id)
            for source_id, name, settings, acl, tags in rows
            if is_asked_for(meant, self._copies.root(workspace_id, source_id), (source_id, name, settings))
            or any(map(names, (name, *(one for text in (settings, acl, tags) for one in _texts(text)))))
        ]


class SyncReports:
    """Implements `AlsoForgets`: what syncs of a source said, or those that name somebody. One that goes on
    ends without a word, unless it is asked for meanwhile."""

    name = "source_syncs"

    def __init__(self, database: Database, copies: Copies) -> None:
        self._database = database
        self._copies = copies

    async def named(self, workspace_id: str, meant: Meant) -> int:
        return len(await self._meant(workspace_id, meant))

    going = named

    async def forget(self, workspace_id: str, meant: Meant) -> int:
        found = await self._meant(workspace_id, meant)
        sql = "DELETE FROM source_syncs WHERE workspace_id = $1 AND id IN (:list)"
        statements = [(one, (workspace_id, *values)) for one, values in listed(sql, found, 2)]
        if found:
            await self._database.within(workspace_id).transaction(statements)
        return len(found)

    async def _meant(self, workspace_id: str, meant: Meant) -> list[str]:
        rows = await self._database.within(workspace_id).fetch(_SYNCS, workspace_id)
        return await asyncio.to_thread(self._those, workspace_id, rows, meant)

    def _those(self, workspace_id: str, rows: Sequence[Row], meant: Meant) -> list[str]:
        """Blocking."""
        names = is_naming(meant)
        return [
            str(sync_id)
            for sync_id, source_id, name, settings, reason, details in rows
            if is_asked_for(meant, self._copies.root(workspace_id, source_id), (source_id, name, settings))
            or any(names(one) or _has(one, meant.places) for one in (reason, *_texts(details)))
        ]


def _texts(text: str) -> tuple[str, ...]:
    return tuple(texts_in(json.loads(text)))


def _has(text: str, places: Sequence[str]) -> bool:
    return any(place in text for place in places)
