"""How what documents speak of hangs together: asked by people."""

from dataclasses import dataclass
from typing import Literal, Protocol

from flowmatik.contracts.indexes import EVERYTHING, Filter
from flowmatik.contracts.memory import Notice

Relation = Literal["", "links_to", "linked_from"]
MOST_HOPS = 3  # of a neighbourhood
MOST_STEPS = 6  # of a path
MOST_COMMUNITIES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A passage that names both ends of a step, or links the one to the other."""

    passage: str
    source: str
    heading: str = ""
    lines: tuple[int, int] | None = None
    page: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """An entity `hops` steps away, reached from `origin`, which `passages` passages name together with it.
    With a `relation` one of them links to the other, by `weight` links in these passages."""

    entity: str
    hops: int
    origin: str
    passages: int
    evidence: Evidence
    relation: Relation = ""
    weight: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From `origin` to `entity`; `relation` and `weight` as of `Near`."""

    origin: str
    entity: str
    passages: int
    evidence: Evidence
    relation: Relation = ""
    weight: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbourhood:
    """`notices`: an index that could not be asked (`graph.away`, `graph.behind`), so that memory's own tables
    were."""

    items: tuple[Near, ...] = ()
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """From the one to the other; without items there is none. `notices` as of a neighbourhood."""

    items: tuple[Step, ...] = ()
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CentralEntity:
    """`passages`: those that name it together with others of its community."""

    entity: str
    passages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedSentence:
    """A whole sentence, word by word as it stands in that passage."""

    text: str
    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Community:
    """A group of `size` entities; `entities` are the most central ones, those first that hang together most
    with the others. `passages` passages of `documents` documents name two of them at least; `evidence` are
    the most central of these. `summary` is taken from them: nothing in it is made up, and it may be empty."""

    size: int
    passages: int
    documents: int
    entities: tuple[CentralEntity, ...]
    evidence: tuple[Evidence, ...]
    summary: tuple[StatedSentence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Communities:
    """Those with the most passages first. `notices`: `graph.partial`, when there was more than is read."""

    items: tuple[Community, ...] = ()
    notices: tuple[Notice, ...] = ()


class MemoryGraph(Protocol):
    """An entity is named by its key, or by a name that folds to it; entities that people have joined are one,
    under the key that they are joined under. Two are neighbours when a passage names both, or when a document
    that is about the one links to one that is about the other; what a link leads to and memory does not have
    is called as the link says it. Only passages that the filter leaves count, so that nobody is led over what
    he may not see, and an entity that none of them names is not there. Raises NotFound
    (`not_found.entity_linked`), InvalidInput for a filter that cannot be used."""

    async def near(
        self, workspace_id: str, entity: str, *, hops: int = 1, limit: int = 50, where: Filter
    ) -> Neighbourhood:
        """The nearest first, among equally near ones what is linked, by weight, and then those that more
        passages join. Two that link to one another are there once for each direction. Raises InvalidInput
        (`input.hops`) for more than `MOST_HOPS`."""
        ...

    async def path(self, workspace_id: str, start: str, end: str, *, where: Filter) -> Way:
        """A shortest one, of `MOST_STEPS` at most; none when there is none. Of an entity that very many
        others stand beside only those are followed that the most passages join with it."""
        ...

    async def communities(
        self, workspace_id: str, *, limit: int = 20, where: Filter = EVERYTHING
    ) -> Communities:
        """What documents are about: groups of entities that they name together. Made of what the filter
        leaves and of nothing else, so that a hidden document changes nothing; the same documents always give
        the same groups. Memory's own tables are asked. Raises InvalidInput (`input.limit`) for more than
        `MOST_COMMUNITIES`."""
        ...
