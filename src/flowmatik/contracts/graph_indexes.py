"""The knowledge graph as a plugin: which entities passages name together, asked one step at a time.

Memory's own tables are the source of truth. An index outside of them is a projection: it follows memory's
outbox and can be made again from there. Every call names the workspace, and nothing of another one is ever
read, counted or changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from flowmatik.contracts.indexes import Filter

LINKING = ("title", "heading", "name", "quote", "email", "url", "code", "gazetteer")
"""The kinds of mention that join entities. Dates and quantities do not: all of a year hangs together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphMention:
    entity: str
    kind: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphRelation:
    subject: str
    relation: str
    object: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphPassage:
    """What one passage supports. `aliases` are pairs: the alias, and the entity that it means. Whatever they
    and relations name, the passage mentions too."""

    chunk: str
    mentions: tuple[GraphMention, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    relations: tuple[GraphRelation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphDocument:
    """`source` is its name, `acl` names who may see it (everybody when it is empty), `dated` is an ISO date
    or time, "" for none. `place` is the key that the relations `links_to` of other documents end at."""

    id: str
    source: str
    passages: tuple[GraphPassage, ...] = ()
    acl: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    dated: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphLink:
    """Two entities that `passages` passages name both; `chunk` is the one of them with the least id."""

    origin: str
    entity: str
    passages: int
    chunk: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphCounts:
    documents: int = 0
    passages: int = 0
    entities: int = 0
    mentions: int = 0
    relations: int = 0
    aliases: int = 0


class GraphSearch(Protocol):
    """Calls raise Unavailable (`unavailable.index`) when the engine is away or late, ConfigurationError when
    it refuses us. `id` is the plugin's."""

    id: str

    async def links(
        self, workspace_id: str, entities: Sequence[str], limit: int, where: Filter
    ) -> list[GraphLink]:
        """What is named together with one of these keys, by mentions of the kinds `LINKING`, in passages that
        the filter leaves: those with the most passages first, equal ones by `entity` and `origin`."""
        ...

    async def counts(self, workspace_id: str) -> GraphCounts: ...

    async def health(self) -> str:
        """The engine's version. Raises as every call does when it cannot be used."""
        ...

    async def close(self) -> None: ...


class GraphIndex(GraphSearch, Protocol):
    """One that is written apart from memory. Calls that write are idempotent, and each may be done twice.
    Documents, passages and their mentions are what keeps an entity: it goes with the last of them."""

    async def position(self, workspace_id: str) -> int:
        """What `advance` kept, 0 for nothing."""
        ...

    async def advance(self, workspace_id: str, position: int) -> None:
        """Everything up to that change has been applied. Only after those calls have returned."""
        ...

    async def store(self, workspace_id: str, documents: Sequence[GraphDocument]) -> None:
        """Of documents that it has nothing of. They are found as soon as this returns."""
        ...

    async def delete(self, workspace_id: str, documents: Sequence[str]) -> None:
        """All that these documents support, and the entities that nothing else names; unknown ones are passed
        over. Nothing of it is found any more as soon as this returns."""
        ...

    async def documents(self, workspace_id: str, *, after: str = "", limit: int = 1000) -> list[str]:
        """Ids above `after`, in the order of their code points."""
        ...

    async def entities(self, workspace_id: str, *, after: str = "", limit: int = 1000) -> list[str]:
        """Keys above `after`, in the order of their code points."""
        ...

    async def drop(self, workspace_id: str) -> None:
        """All of it, its place in the outbox too."""
        ...

    async def purge(self) -> bool:
        """Take the bytes of what was deleted out of the engine's own files, as far as that can be done from
        here; whether it is."""
        ...
