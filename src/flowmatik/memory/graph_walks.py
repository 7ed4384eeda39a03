"""`StoredGraph`: neighbourhoods and paths, over whichever graph index there is.

Each step is one question to the index, which applies the filter. What people have joined is applied here,
between the steps, so that a projection need not know of it; where a passage lies is looked up in memory's
store, so that what is gone there, or for others, is shown by no projection that has not heard of it yet.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flowmatik.contracts.database import Database
from flowmatik.contracts.graph_indexes import GraphSearch
from flowmatik.contracts.indexes import EVERYTHING, Filter
from flowmatik.contracts.memory_graph import (
    MOST_HOPS,
    MOST_STEPS,
    Communities,
    Evidence,
    Near,
    Neighbourhood,
    Relation,
    Step,
    Way,
)
from flowmatik.kernel.errors import InvalidInput, NotFound
from flowmatik.memory.bulk import listed
from flowmatik.memory.communities import StoredCommunities
from flowmatik.memory.conditions import over_documents
from flowmatik.memory.graph.keys import key_of
from flowmatik.memory.graph.merging import members, merges_of, resolved
from flowmatik.memory.link_edges import edges_of
from flowmatik.memory.linking import PLACE
from flowmatik.memory.outside.graph import AskedGraph
from flowmatik.memory.outside.keeping import OutsideIndexes

MOST_LISTED = 500
_LINKS = 5000  # of one step
_SHOWN = (
    "SELECT c.id, d.source, c.heading, c.line_from, c.line_to, c.page FROM memory_chunks c"
    " JOIN memory_documents d ON d.workspace_id = c.workspace_id AND d.id = c.document"
    " WHERE c.workspace_id = $1"
)
_TRIED = 20  # links of an entity of which one must be there, and to be seen
_FOLLOWED = 1000  # entities from which the next one goes on


class StoredGraph:
    """Implements `MemoryGraph`. `database` is memory's; a graph index of `outside` is asked before
    `index`."""

    def __init__(self, database: Database, index: GraphSearch, outside: OutsideIndexes | None = None) -> None:
        self._database = database
        self._index = index
        self._outside = outside
        self._communities = StoredCommunities(database)

    async def near(
        self, workspace_id: str, entity: str, *, hops: int = 1, limit: int = 50, where: Filter
    ) -> Neighbourhood:
        if not 1 <= hops <= MOST_HOPS:
            raise InvalidInput(
                f"hops is {hops}; it must be from 1 to {MOST_HOPS}",
                code="input.hops",
                context={"hops": hops, "most": MOST_HOPS},
            )
        if not 1 <= limit <= MOST_LISTED:
            raise InvalidInput(
                f"limit is {limit}; it must be from 1 to {MOST_LISTED}",
                code="input.limit",
                context={"limit": limit, "most": MOST_LISTED},
            )
        walk = await self._walk(workspace_id, where)
        start = await walk.known(entity)
        found: list[tuple[int, _Reached]] = []
        frontier, seen = [start], {start}
        for hop in range(1, hops + 1):
            reached = await walk.step(frontier, seen)
            found += [(hop, one) for one in reached]
            frontier = list(dict.fromkeys(one.entity for one in reached))
            if not frontier or len(found) >= limit:
                break
        items = (
            Near(
                entity=walk.names[one.entity],
                hops=hop,
                origin=walk.names[one.origin],
                passages=one.passages,
                evidence=one.evidence,
                relation=one.relation,
                weight=one.weight,
            )
            for hop, one in found[:limit]
        )
        return Neighbourhood(items=tuple(items), notices=tuple(walk.asked.notices))

    async def path(self, workspace_id: str, start: str, end: str, *, where: Filter) -> Way:
        walk = await self._walk(workspace_id, where)
        first, last = await walk.known(start), await walk.known(end)
        came: dict[str, _Reached] = {}
        frontier, seen = [first], {first}
        for _ in range(MOST_STEPS):
            if not frontier or last in seen:
                break
            reached = await walk.step(frontier, seen)
            for one in reached:
                came.setdefault(one.entity, one)
            frontier = list(dict.fromkeys(one.entity for one in reached))
        steps: list[Step] = []
        while last != first and last in came:
            one = came[last]
            steps.append(
                Step(
                    origin=walk.names[one.origin],
                    entity=walk.names[last],
                    passages=one.passages,
                    evidence=one.evidence,
                    relation=one.relation,
                    weight=one.weight,
                )
            )
            last = one.origin
        return Way(items=tuple(steps[::-1]), notices=tuple(walk.asked.notices))

    async def communities(
        self, workspace_id: str, *, limit: int = 20, where: Filter = EVERYTHING
    ) -> Communities:
        return await self._communities.communities(workspace_id, limit=limit, where=where)

    def forget_cached(self, workspace_id: str) -> None:
        """What was made of documents that are to be erased."""
        self._communities.forget_cached(workspace_id)

    async def _walk(self, workspace_id: str, where: Filter) -> "_Walk":
        database = self._database.within(workspace_id)
        merges = await merges_of(database, workspace_id)
        return _Walk(
            database=database,
            asked=AskedGraph(database, self._index, self._outside),
            workspace_id=workspace_id,
            where=where,
            merges=merges,
            joined=members(merges),
            names={},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reached:
    """An entity, and how one came to it."""

    origin: str
    entity: str
    passages: int
    evidence: Evidence
    relation: Relation = ""
    weight: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walk:
    """One question's way through the graph. Entities are those that people have left apart; `names` is what
    each is called here: by the name that it has with them only where a passage that may be seen has it."""

    database: Database
    asked: AskedGraph
    workspace_id: str
    where: Filter
    merges: Mapping[str, str]
    joined: Mapping[str, tuple[str, ...]]
    names: dict[str, str]

    async def known(self, entity: str) -> str:
        """Raises NotFound for what no passage that may be seen names, and for what none names at all, in the
        same words."""
        for key in dict.fromkeys((entity, entity.casefold().rstrip("/"), key_of(entity))):
            if key and key.isprintable():
                root = resolved(self.merges, key)
                if await self._is_named(key):
                    await self._call(root, key)
                    return root
        shown = ascii(entity[:100])
        raise NotFound(
            f"no document joins {shown} with anything; `flowmatik memory entities list` shows what there is",
            code="not_found.entity_linked",
            context={"entity": shown},
        )

    async def step(self, frontier: Sequence[str], seen: set[str]) -> list[_Reached]:
        """What is one step further: what is linked, once for each direction, and what passages name together,
        once, by the link that the most of them support; `seen` grows by it."""
        linked = await self._linked(frontier[:_FOLLOWED], seen)
        known = seen | {one.entity for one in linked}
        links = await self.asked.links(
            self.workspace_id, self._keys(frontier[:_FOLLOWED]), _LINKS, self.where
        )
        shown = await self._shown(link.chunk for link in links)
        best: dict[str, _Reached] = {}
        for link in links:
            entity, origin = resolved(self.merges, link.entity), resolved(self.merges, link.origin)
            if entity not in known and link.chunk in shown and entity not in best:
                evidence = shown[link.chunk]
                best[entity] = _Reached(
                    origin=origin, entity=entity, passages=link.passages, evidence=evidence
                )
                await self._call(entity, link.entity)
        seen.update(known, best)
        return [*linked, *best.values()]

    async def _linked(self, frontier: Sequence[str], seen: set[str]) -> list[_Reached]:
        """Over all links of a direction together, with the passage of the heaviest."""
        best: dict[tuple[str, str], _Reached] = {}
        keys = self._keys(frontier)
        for edge in await edges_of(self.database, self.workspace_id, keys, self.where):
            out: tuple[str, str, Relation] = (edge.subject, edge.target, "links_to")
            into: tuple[str, str, Relation] = (edge.target, edge.subject, "linked_from")
            for start, end, relation in (out, into):
                origin, entity = resolved(self.merges, start), resolved(self.merges, end)
                if start not in keys or entity in seen:
                    continue
                first = best.get((entity, relation))
                best[entity, relation] = _Reached(
                    origin=first.origin if first else origin,
                    entity=entity,
                    passages=edge.passages + (first.passages if first else 0),
                    evidence=first.evidence if first else edge.evidence[0],
                    relation=relation,
                    weight=edge.weight + (first.weight if first else 0),
                )
                await self._call(entity, end, edge.shown)
        return list(best.values())

    async def _is_named(self, key: str) -> bool:
        links = await self.asked.links(self.workspace_id, [key], _TRIED, self.where)
        named = await self._shown(link.chunk for link in links)
        return bool(named or await edges_of(self.database, self.workspace_id, [key], self.where))

    async def _call(self, root: str, key: str, shown: str = "") -> None:
        """`key`: the one that was found of those that are joined; `shown`: what a place is called."""
        if root.startswith(PLACE):
            self.names[root] = shown
        elif root not in self.names:
            self.names[root] = root if root == key or await self._is_named(root) else key

    def _keys(self, entities: Iterable[str]) -> list[str]:
        return [key for entity in entities for key in (entity, *self.joined.get(entity, ()))]

    async def _shown(self, chunks: Iterable[str]) -> dict[str, Evidence]:
        found: dict[str, Evidence] = {}
        condition, of = over_documents(self.database.dialect, self.where, 2)
        shown = " ".join((_SHOWN, condition, "AND c.id IN (:list)"))
        for sql, values in listed(shown, sorted(set(chunks)), 2 + len(of)):
            for chunk, source, heading, first, last, page in await self.database.fetch(
                sql, self.workspace_id, *of, *values
            ):
                found[str(chunk)] = Evidence(
                    passage=str(chunk),
                    source=str(source),
                    heading=str(heading),
                    lines=None if first is None else (int(first), int(last)),
                    page=None if page is None else int(page),
                )
        return found
