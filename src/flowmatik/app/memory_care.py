"""Looking after an installation's memory, with all that keeps something of documents beside it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from flowmatik.app.said_elsewhere import Conversations, RunsThatName
from flowmatik.app.stores import Stores
from flowmatik.contracts.blobs import BlobStore
from flowmatik.contracts.database import Database
from flowmatik.contracts.facts import FactKeeping
from flowmatik.contracts.memory_care import AlsoForgets, KeepsOutside, Meant
from flowmatik.core.engine.housekeeping import Chore
from flowmatik.integrations.layers.answers import StoredAnswers
from flowmatik.kernel.clock import Clock

if TYPE_CHECKING:
    from flowmatik.memory import StoredEntities, StoredMemory, StoredMemoryCare
    from flowmatik.memory.facts import FactSources
    from flowmatik.memory.graph_walks import StoredGraph
    from flowmatik.memory.outside.keeping import OutsideIndexes
    from flowmatik.memory.syncing import StoredSources

BROKEN_OFF_SECONDS = 300.0  # after so long nobody is at it any more
Settle = Callable[[], Awaitable[object]]


class KeptAnswers:
    """Implements `AlsoForgets`: all that a workspace's models have answered, for any of it may quote.
    `settle` takes what was deleted out of the store's log and free pages."""

    name = "model_answers"

    def __init__(self, database: Database, clock: Clock, settle: Settle) -> None:
        self._answers = StoredAnswers(database, clock)
        self._settle = settle

    async def named(self, workspace_id: str, meant: Meant) -> int:
        from flowmatik.memory.erasure import naming

        return await self._answers.count(workspace_id, naming(meant.subject)) if meant.subject else 0

    async def going(self, workspace_id: str, meant: Meant) -> int:
        del meant
        return await self._answers.count(workspace_id)

    async def forget(self, workspace_id: str, meant: Meant) -> int:
        del meant
        count = await self._answers.forget(workspace_id)
        await self._settle()
        return count


class DerivedFacts:
    """Implements `AlsoForgets`: what was known from those documents, or from their passages, alone, and
    whatever names the subject."""

    name = "facts"

    def __init__(self, sources: "FactSources", facts: FactKeeping) -> None:
        self._sources = sources
        self._facts = facts

    async def named(self, workspace_id: str, meant: Meant) -> int:
        return await self._facts.going(workspace_id, meant.subject, {}) if meant.subject else 0

    async def going(self, workspace_id: str, meant: Meant) -> int:
        return await self._sources.going(workspace_id, meant.subject, meant.documents)

    async def forget(self, workspace_id: str, meant: Meant) -> int:
        """The documents and their passages are gone by now, which is what is looked for."""
        erased = await self._facts.forget_naming(workspace_id, meant.subject) if meant.subject else None
        return (erased.facts if erased else 0) + await self._sources.look(workspace_id)


def forgetting(
    stores: Stores, sources: "StoredSources", supports: "FactSources", facts: FactKeeping, clock: Clock
) -> tuple[AlsoForgets, ...]:
    """All that keeps something of documents, or names people, beside memory. Kept answers come after the
    entries of sources, whose bytes they settle too."""
    answers = KeptAnswers(stores.database, clock, stores.settle)
    return (sources.entries, sources.reports, answers, DerivedFacts(supports, facts))


def care_of(
    memory: "StoredMemory",
    others: Sequence[AlsoForgets],
    said: Sequence[KeepsOutside],
    clock: Clock,
    indexes: "OutsideIndexes",
) -> "StoredMemoryCare":
    from flowmatik.memory import StoredMemoryCare

    return StoredMemoryCare(memory, clock, others=others, said=said, indexes=indexes)


def said_in(database: Database, blobs: BlobStore, sources: "StoredSources") -> tuple[KeepsOutside, ...]:
    """What people said and set up, which only they delete."""
    return (RunsThatName(database, blobs), Conversations(database), sources.definitions)


def entities_of(memory: "StoredMemory", clock: Clock) -> "StoredEntities":
    from flowmatik.memory import StoredEntities

    return StoredEntities(memory.store.database, clock)


def graph_of(memory: "StoredMemory", indexes: "OutsideIndexes") -> "StoredGraph":
    """Over the index that the settings name, or memory's own tables."""
    from flowmatik.memory.graph_indexes.choosing import load_graph_index
    from flowmatik.memory.graph_walks import StoredGraph

    database = memory.store.database
    graph = StoredGraph(database, load_graph_index(settings={"database": database}), indexes)
    memory.also_forget(graph.forget_cached)
    return graph


def erasures_chore(care: "StoredMemoryCare", everywhere: Database) -> Chore:
    """Ends what somebody began to erase and did not live to end. `everywhere` shows the memory of all
    workspaces."""
    from flowmatik.memory.erasing import workspaces_with

    async def work() -> None:
        for workspace_id in await workspaces_with(everywhere):
            await care.finish(workspace_id, older_than=BROKEN_OFF_SECONDS)

    return Chore(name="erasures", every=BROKEN_OFF_SECONDS, work=work)
