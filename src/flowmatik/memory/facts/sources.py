"""Telling facts that what they rest on has gone, whichever way it went.

Nobody has to remember to tell: whoever keeps sources says how far it has changed, and where that is not
what it was the last time, the supports in it are looked up. That is written down after the facts were told,
so that a process that dies in between does it once more.
"""

import logging
from collections.abc import Collection, Sequence
from typing import Protocol

from flowmatik.contracts.database import Database
from flowmatik.contracts.facts import FactErasure, FactKeeping, SupportKind
from flowmatik.kernel.errors import FlowmatikError
from flowmatik.memory.bulk import listed
from flowmatik.memory.facts import statements as sql
from flowmatik.memory.facts.store import FactStore
from flowmatik.memory.loading import revision_of

log = logging.getLogger(__name__)
EVERY_SECONDS = 30.0
_IDS = {"document": "doc_", "chunk": "chk_", "run": "run_"}  # a ref of another form names something elsewhere
_THERE = {
    "document": "SELECT id, id FROM memory_documents WHERE workspace_id = $1 AND id IN (:list)",
    "chunk": "SELECT id, document FROM memory_chunks WHERE workspace_id = $1 AND id IN (:list)",
}


class Sources(Protocol):
    """Somebody who keeps what facts may rest on."""

    @property
    def kinds(self) -> tuple[SupportKind, ...]: ...

    async def state(self, workspace_id: str) -> str:
        """Another one whenever something of the workspace has gone since."""
        ...

    async def gone(
        self, workspace_id: str, kind: SupportKind, refs: Sequence[str], without: Collection[str] = ()
    ) -> list[str]:
        """Those of `refs` that are there no longer, or would not be without the documents `without`."""
        ...


class DocumentSources:
    """Documents and passages of a memory, which is on its own or on the facts' store."""

    kinds: tuple[SupportKind, ...] = ("document", "chunk")

    def __init__(self, memory: Database) -> None:
        self._memory = memory

    async def state(self, workspace_id: str) -> str:
        return str((await revision_of(self._memory.within(workspace_id), workspace_id))[0])

    async def gone(
        self, workspace_id: str, kind: SupportKind, refs: Sequence[str], without: Collection[str] = ()
    ) -> list[str]:
        database, there = self._memory.within(workspace_id), set[str]()
        if not (await revision_of(database, workspace_id))[0]:
            return []  # nothing was ever taken in here: this memory is not the one that facts rest on
        for statement, values in listed(_THERE[kind], refs, 2):
            rows = await database.fetch(statement, workspace_id, *values)
            there.update(str(ref) for ref, document in rows if document not in without)
        return [ref for ref in refs if ref not in there]


class FactSources:
    """`store` sees all workspaces. Any number of processes may sweep: to be told twice changes nothing."""

    def __init__(self, store: FactStore, facts: FactKeeping, sources: Sequence[Sources]) -> None:
        self._store = store
        self._facts = facts
        self._sources = tuple(sources)

    async def sweep(self) -> None:
        """A workspace whose sources cannot be looked up now keeps no other from it."""
        for workspace_id in await self._store.everywhere(sql.WITH_SOURCES):
            for one in self._sources:
                try:
                    await self._followed(workspace_id, one)
                except FlowmatikError as error:
                    told = {"workspace": workspace_id, "code": error.code}
                    log.warning("facts were not told what has gone", extra=told)

    async def look(self, workspace_id: str) -> int:
        """Now, whatever was looked up before. How many facts have gone."""
        erasures = [one for each in self._sources for one in await self._told(workspace_id, each)]
        return sum(one.facts for one in erasures)

    async def going(self, workspace_id: str, names: Sequence[str], documents: Sequence[str]) -> int:
        """How many facts would have gone by then if the documents went, and whatever has one of `names`."""
        gone: dict[SupportKind, list[str]] = {}
        for each in self._sources:
            for kind in each.kinds:
                if own := await self._own(workspace_id, kind):
                    gone[kind] = await each.gone(workspace_id, kind, own, frozenset(documents))
        return await self._facts.going(workspace_id, names, gone)

    async def _own(self, workspace_id: str, kind: SupportKind) -> list[str]:
        refs = await self._store.lines(workspace_id, sql.REFS, kind)
        return [ref for ref in refs if ref.startswith(_IDS[kind])]

    async def _followed(self, workspace_id: str, sources: Sources) -> None:
        """The count of supports is part of the place: one that came late may rest on what went before it."""
        name = sources.kinds[0]
        state = (
            f"{await sources.state(workspace_id)}/{await self._store.resting(workspace_id, sources.kinds)}"
        )
        if state != await self._store.followed(workspace_id, name):
            await self._told(workspace_id, sources)
            await self._store.follow(workspace_id, name, state)

    async def _told(self, workspace_id: str, sources: Sources) -> list[FactErasure]:
        found: list[FactErasure] = []
        for kind in sources.kinds:
            own = await self._own(workspace_id, kind)
            if gone := await sources.gone(workspace_id, kind, own) if own else []:
                erasure = await self._facts.unsupported(workspace_id, kind, gone)
                found += [erasure] if erasure else []
        return found
