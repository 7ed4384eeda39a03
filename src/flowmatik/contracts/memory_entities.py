"""What a workspace's documents speak of, as people put it right: entities joined, parted, named."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from flowmatik.contracts.memory_graph import Evidence

MOST_NAMES = 20_000  # of a gazetteer
MOST_ALIASES = 50  # of one name
LINKS_TO = "links_to"  # the relation of documents that link to one another
AMOUNTS = ("quantity", "date")  # listed only when they are asked for
KINDS = ("title", "heading", "name", "quote", "email", "url", "code", "gazetteer", "model", *AMOUNTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """`key` is its identity within the workspace, `name` how the texts write it most often; `merged` the keys
    that people have joined with it. `mentions`: how many times passages name it, by any of them."""

    key: str
    mentions: int
    merged: tuple[str, ...] = ()
    name: str = ""

    @property
    def cursor(self) -> str:
        """After which the next page begins."""
        return f"{self.mentions}:{self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """How two entities hang together: what a model has read in passages of `document`, or `links_to` where
    `weight` links in them lead from what the document is about to what the other one is. Where no document is
    at a link's end, `object` is its address, or its name within the source. `passages` support it, the first
    five of them."""

    subject: str
    relation: str
    object: str
    document: str
    weight: float = 1.0
    passages: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityDetail:
    """`names`: as the texts and the gazetteer write it, the most frequent first; `kinds`: how it was
    recognised; `kind`: what the gazetteer says that it is. `documents`: those that name it, by their names,
    the first hundred. `relations`: links from it and to it, the heaviest hundred, and what a model has read,
    the first hundred."""

    key: str
    mentions: int
    merged: tuple[str, ...]
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    kind: str
    documents: tuple[str, ...]
    relations: tuple[Relation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GazetteerEntry:
    """A name that is recognised in whatever case a text writes it, with its other names; `kind` is a word of
    the user's own, such as `product`."""

    name: str
    aliases: tuple[str, ...] = ()
    kind: str = ""


class MemoryEntities(Protocol):
    """Each call is for one workspace. An entity is named by its key, or by a name that folds to it. Raises
    NotFound (`not_found.entity`)."""

    async def list(
        self, workspace_id: str, *, text: str = "", kind: str = "", after: str = "", limit: int = 100
    ) -> Sequence[Entity]:
        """The most mentioned first, those after the cursor `after`; `text` is part of the key, or of one
        joined with it. `kind`: those that are recognised so, one of KINDS, and mentions of that kind alone;
        without, all but AMOUNTS. Raises InvalidInput (`input.entity_kind`, `input.cursor`)."""
        ...

    async def show(self, workspace_id: str, entity: str) -> EntityDetail: ...

    async def merge(self, workspace_id: str, entity: str, into: str, *, by: str) -> EntityDetail:
        """Both are one from now on, under the key of `into`, with all their names and mentions; documents
        that are taken in again, or made again, change nothing of that. Raises InvalidInput (`input.entity`)
        for the same entity, Conflict (`conflict.entity_merged`) for one that is joined with another."""
        ...

    async def split(self, workspace_id: str, entity: str) -> EntityDetail:
        """Undo its merge. Conflict (`conflict.entity_alone`) when it is joined with none."""
        ...

    async def gazetteer(self, workspace_id: str) -> Sequence[GazetteerEntry]: ...

    async def set_gazetteer(self, workspace_id: str, entries: Sequence[GazetteerEntry]) -> int:
        """In place of the whole of it; how many names there are. Documents that are stored already know of it
        once they are made again, or looked at by the next sync. Raises InvalidInput (`input.gazetteer`)."""
        ...
