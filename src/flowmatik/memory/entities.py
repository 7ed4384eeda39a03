"""`StoredEntities`: what documents speak of, shown to people and put right by them."""

import json
from collections.abc import Sequence

from flowmatik.contracts.database import Database, Row
from flowmatik.contracts.indexes import EVERYTHING
from flowmatik.contracts.memory_entities import (
    LINKS_TO,
    Entity,
    EntityDetail,
    GazetteerEntry,
    Relation,
)
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Conflict, InvalidInput, NotFound
from flowmatik.memory import gazetteers
from flowmatik.memory.bulk import listed
from flowmatik.memory.derived import READ
from flowmatik.memory.entity_listing import entities_by_frequency
from flowmatik.memory.graph.keys import key_of
from flowmatik.memory.graph.merging import members, merges_of, resolved
from flowmatik.memory.link_edges import MOST_EVIDENCE, edges_of, evidence_of
from flowmatik.memory.loading import revision_of
from flowmatik.memory.writing import touched

_DOCUMENTS = 100
_NAMES = 20
_TRIES = 8
_SEEN = (
    "(SELECT key FROM memory_entities WHERE workspace_id = $1 AND key NOT LIKE 'place:%'"
    " UNION SELECT target FROM memory_merges"
    " WHERE workspace_id = $1 UNION SELECT key FROM memory_gazetteer WHERE workspace_id = $1)"
)

_RELATIONS = (
    "SELECT r.subject, r.relation, r.object, d.source, c.id, c.heading, c.line_from, c.line_to,"
    " c.page FROM memory_relations r JOIN memory_chunks c"
    " ON c.workspace_id = r.workspace_id AND c.number = r.chunk JOIN memory_documents d"
    " ON d.workspace_id = c.workspace_id AND d.id = c.document WHERE r.workspace_id = $1"
    " AND r.relation >= 'model:' AND r.relation < 'model;'"
)


class StoredEntities:
    """Implements `MemoryEntities`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def list(
        self, workspace_id: str, *, text: str = "", kind: str = "", after: str = "", limit: int = 100
    ) -> list[Entity]:
        return await entities_by_frequency(
            self._within(workspace_id), workspace_id, text=text, kind=kind, after=after, limit=limit
        )

    async def show(self, workspace_id: str, entity: str) -> EntityDetail:
        database = self._within(workspace_id)
        key = await self._known(database, workspace_id, entity)
        merges = await merges_of(database, workspace_id)
        return await _detail(database, workspace_id, resolved(merges, key), members(merges))

    async def merge(self, workspace_id: str, entity: str, into: str, *, by: str) -> EntityDetail:
        database = self._within(workspace_id)
        for _ in range(_TRIES):
            revision, _embedder = await revision_of(database, workspace_id)
            one = await self._known(database, workspace_id, entity)
            other = await self._known(database, workspace_id, into)
            merges = await merges_of(database, workspace_id)
            _check(one, other, merges)
            row = (workspace_id, one, other, self._clock.now().isoformat(), by, revision + 1)
            counts = await database.transaction([
                touched(workspace_id),
                (
                    "INSERT INTO memory_merges (workspace_id, entity, target, made_at, made_by)"
                    " SELECT $1, $2, $3, $4, $5 FROM memory_workspaces WHERE workspace_id = $1"
                    " AND revision = $6 ON CONFLICT (workspace_id, entity) DO NOTHING",
                    row,
                ),
            ])  # fmt: skip
            if counts[-1]:
                return await self.show(workspace_id, other)
        raise Conflict(
            "others change this memory at the same moment; try again", code="conflict.memory", retryable=True
        )

    async def split(self, workspace_id: str, entity: str) -> EntityDetail:
        database = self._within(workspace_id)
        merges = await merges_of(database, workspace_id)
        key = entity if entity in merges else key_of(entity)
        if key not in merges:
            key = await self._known(database, workspace_id, entity)
            raise Conflict(
                f"{key!r} is joined with no other entity; `flowmatik memory entities show` says which are",
                code="conflict.entity_alone",
                context={"entity": key},
            )
        await database.transaction([
            touched(workspace_id),
            ("DELETE FROM memory_merges WHERE workspace_id = $1 AND entity = $2", (workspace_id, key)),
        ])  # fmt: skip
        left = await merges_of(database, workspace_id)
        return await _detail(database, workspace_id, key, members(left))

    async def gazetteer(self, workspace_id: str) -> Sequence[GazetteerEntry]:
        return await gazetteers.entries_of(self._within(workspace_id), workspace_id)

    async def set_gazetteer(self, workspace_id: str, entries: Sequence[GazetteerEntry]) -> int:
        await self._within(workspace_id).transaction(gazetteers.replaced(workspace_id, entries))
        return len(entries)

    async def _known(self, database: Database, workspace_id: str, entity: str) -> str:
        """The key of what is named. Raises NotFound."""
        for key in dict.fromkeys((entity, entity.casefold().rstrip("/"), key_of(entity))):
            if key and key.isprintable():
                sql = " ".join(("SELECT 1 FROM", _SEEN, "e WHERE key = $2 OR EXISTS (SELECT 1 FROM"))
                sql += " memory_merges m WHERE m.workspace_id = $1 AND m.entity = $2) LIMIT 1"
                if await database.fetch(sql, workspace_id, key):
                    return key
        shown = ascii(entity[:100])
        raise NotFound(
            f"no document speaks of {shown}; `flowmatik memory entities list` shows what there is",
            code="not_found.entity",
            context={"entity": shown},
        )

    def _within(self, workspace_id: str) -> Database:
        return self._database.within(workspace_id)


def _check(one: str, other: str, merges: dict[str, str]) -> None:
    if one in merges:
        raise Conflict(
            f"{one!r} is joined with {merges[one]!r} already; split it from that first",
            code="conflict.entity_merged",
            context={"entity": one, "target": merges[one]},
        )
    if resolved(merges, other) == one:
        raise InvalidInput(
            f"{one!r} and {other!r} are the same entity already", code="input.entity",
            context={"entity": one, "target": other},
        )  # fmt: skip


async def _detail(
    database: Database, workspace_id: str, root: str, joined: dict[str, tuple[str, ...]]
) -> EntityDetail:
    keys = (root, *joined.get(root, ()))
    names, kinds, documents, kind, mentions = dict[str, int](), set[str](), set[str](), "", 0
    for sql, values in listed(
        "SELECT m.surface, m.kind, m.count, d.source FROM memory_mentions m JOIN memory_documents d"
        " ON d.workspace_id = m.workspace_id AND d.id = m.document"
        " WHERE m.workspace_id = $1 AND m.entity IN (:list)",
        keys,
        2,
    ):
        for surface, how, count, source in await database.fetch(sql, workspace_id, *values):
            names[str(surface)] = names.get(str(surface), 0) + int(count)
            kinds.add(str(how))
            documents.add(str(source))
            mentions += 0 if how == "link" else int(count)  # to be linked to is not to be named
    for sql, values in listed(
        "SELECT name, aliases, kind FROM memory_gazetteer WHERE workspace_id = $1 AND key IN (:list)"
        " ORDER BY key DESC",
        keys,
        2,
    ):
        for name, aliases, what in await database.fetch(sql, workspace_id, *values):
            kind = str(what) or kind
            for text in (str(name), *json.loads(aliases)):
                names.setdefault(text, 0)
    return EntityDetail(
        key=root,
        mentions=mentions,
        merged=joined.get(root, ()),
        names=tuple(sorted(names, key=lambda one: (-names[one], one))[:_NAMES]),
        kinds=tuple(sorted(kinds)),
        kind=kind,
        documents=tuple(sorted(documents)[:_DOCUMENTS]),
        relations=await _relations(database, workspace_id, keys),
    )


async def _relations(database: Database, workspace_id: str, keys: Sequence[str]) -> tuple[Relation, ...]:
    """Links first."""
    edges = await edges_of(database, workspace_id, keys, EVERYTHING)
    linked = (
        Relation(
            subject=one.subject,
            relation=LINKS_TO,
            object=one.shown,
            document=one.document,
            weight=one.weight,
            passages=one.evidence,
        )
        for one in edges[:_DOCUMENTS]
    )
    return (*linked, *await _read(database, workspace_id, keys))


async def _read(database: Database, workspace_id: str, keys: Sequence[str]) -> list[Relation]:
    """What a model has read."""
    found: dict[tuple[str, str, str, str], dict[str, Row]] = {}
    for end in ("r.subject IN (:list)", "r.object IN (:list)"):
        for sql, values in listed(" ".join((_RELATIONS, "AND", end)), keys, 2):
            for row in await database.fetch(sql, workspace_id, *values):
                one, relation, two, source, chunk, *_ = row
                edge = (str(one), str(relation), str(two), str(source))
                found.setdefault(edge, {})[str(chunk)] = row
    return [
        Relation(
            subject=edge[0],
            relation=edge[1].removeprefix(READ),
            object=edge[2],
            document=edge[3],
            weight=float(len(rows)),
            passages=tuple(
                evidence_of(row[4], edge[3], *tuple(row)[5:])
                for _, row in sorted(rows.items())[:MOST_EVIDENCE]
            ),
        )
        for edge, rows in sorted(found.items())[:_DOCUMENTS]
    ]
