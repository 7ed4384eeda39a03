"""Groups of entities that documents name together, with the passages that say so and sentences out of them.

Two entities are the nearer the more passages name both; a passage that names many counts less for each pair
(Newman, "Scientific collaboration networks" II, 2001: 1 / (k - 1)). `graph/grouping.py` makes groups of that.
All of it is made from the passages that the filter leaves, each time that memory or the filter has changed,
and kept nowhere but in this process: what is forgotten is in no group any more.
"""

import asyncio
import re
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from flowmatik.contracts.database import Database, Row
from flowmatik.contracts.graph_indexes import LINKING
from flowmatik.contracts.indexes import EVERYTHING, Filter
from flowmatik.contracts.memory import Notice
from flowmatik.contracts.memory_graph import (
    MOST_COMMUNITIES,
    CentralEntity,
    Communities,
    Community,
    Evidence,
    StatedSentence,
)
from flowmatik.kernel.errors import InvalidInput
from flowmatik.memory.bulk import listed
from flowmatik.memory.chunking import sentences
from flowmatik.memory.conditions import over_documents, plain
from flowmatik.memory.graph.grouping import grouped
from flowmatik.memory.graph.merging import merges_of, resolved
from flowmatik.memory.loading import revision_of
from flowmatik.memory.prose import prose

MOST_READ = 200_000  # mentions: their groups are made within seconds
KEPT = 16  # answers, of all workspaces
_LEAST_ENTITIES = 3
_LEAST_PASSAGES = 2  # what one passage alone says is no group of what documents name
_MOST_TOGETHER = 20  # a passage that names more is a list: it says of no two that they belong together
_CENTRAL, _EVIDENCE, _SENTENCES = 10, 5, 3
_SENTENCE_CHARS = 400
_KINDS = ", ".join(f"'{kind}'" for kind in LINKING)
_ENDS = re.compile(r"[.!?…][\"'»”’)\]]*$")


class StoredCommunities:
    """`database` is memory's."""

    def __init__(self, database: Database, *, most_read: int = MOST_READ) -> None:
        self._database = database
        self._most_read = most_read
        self._turn = asyncio.Lock()  # one is made at a time: it takes a processor
        self._kept: OrderedDict[tuple[str, int, Filter], Communities] = OrderedDict()

    async def communities(
        self, workspace_id: str, *, limit: int = 20, where: Filter = EVERYTHING
    ) -> Communities:
        """As `MemoryGraph` promises."""
        if not 1 <= limit <= MOST_COMMUNITIES:
            raise InvalidInput(
                f"limit is {limit}; it must be from 1 to {MOST_COMMUNITIES}",
                code="input.limit",
                context={"limit": limit, "most": MOST_COMMUNITIES},
            )
        database = self._database.within(workspace_id)
        revision, _ = await revision_of(database, workspace_id)  # before the rest: it is at least so new
        for key in [one for one in self._kept if one[0] == workspace_id and one[1] != revision]:
            del self._kept[key]
        key = (workspace_id, revision, where)
        async with self._turn:
            if (found := self._kept.get(key)) is None:
                found = await self._made(database, workspace_id, where)
                self._kept[key] = found
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return Communities(items=found.items[:limit], notices=found.notices)

    def forget_cached(self, workspace_id: str) -> None:
        for key in [one for one in self._kept if one[0] == workspace_id]:
            del self._kept[key]

    async def _made(self, database: Database, workspace_id: str, where: Filter) -> Communities:
        rows = await _mentioned(database, workspace_id, where, self._most_read + 1)
        merges = await merges_of(database, workspace_id)
        groups = await asyncio.to_thread(_groups, rows[: self._most_read], merges)
        texts = await _texts(
            database, workspace_id, where, [one for group in groups for one in group.central]
        )
        items = await asyncio.to_thread(lambda: [_told(group, texts) for group in groups])
        return Communities(
            items=tuple(items), notices=() if len(rows) <= self._most_read else (_partial(self._most_read),)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """`entities` by how much they hang together with the others, the most first; `named` are their surfaces
    in the passages `central`, `documents` of how many documents its passages are."""

    entities: tuple[str, ...]
    weights: Mapping[str, float]
    counts: Mapping[str, int]
    passages: int
    documents: int
    central: tuple[str, ...]
    named: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    evidence: Evidence
    text: str


@dataclass(slots=True, kw_only=True)
class _Named:
    """Of one passage: its entities, and how each is written there."""

    document: str
    surfaces: dict[str, str]


async def _mentioned(database: Database, workspace_id: str, where: Filter, limit: int) -> list[Row]:
    """In the order of documents and their text, which no document that the filter leaves out changes."""
    condition, values = over_documents(database.dialect, where, 2)
    sql = " ".join((
        "SELECT c.id, c.document, m.entity, m.surface FROM memory_mentions m JOIN memory_chunks c",
        "ON c.workspace_id = m.workspace_id AND c.number = m.chunk JOIN memory_documents d",
        "ON d.workspace_id = c.workspace_id AND d.id = c.document",
        f"WHERE m.workspace_id = $1 AND m.kind IN ({_KINDS})",
        condition,
        f"ORDER BY {plain(database.dialect, 'd.source')}, c.start_at,",
        f"{plain(database.dialect, 'm.entity')}, {plain(database.dialect, 'm.kind')} LIMIT {int(limit)}",
    ))  # fmt: skip
    return list(await database.fetch(sql, workspace_id, *values))


def _groups(rows: Sequence[Row], merges: Mapping[str, str]) -> list[_Group]:
    passages: dict[str, _Named] = {}
    for chunk, document, entity, surface in rows:
        named = passages.setdefault(str(chunk), _Named(document=str(document), surfaces={}))
        named.surfaces.setdefault(resolved(merges, str(entity)), str(surface))
    passages = {
        chunk: named for chunk, named in passages.items() if 2 <= len(named.surfaces) <= _MOST_TOGETHER
    }
    keys = sorted({key for named in passages.values() for key in named.surfaces})
    numbers = {key: number for number, key in enumerate(keys)}
    edges: defaultdict[tuple[int, int], float] = defaultdict(float)
    for named in passages.values():
        for pair in combinations(sorted(numbers[key] for key in named.surfaces), 2):
            edges[pair] += 1 / (len(named.surfaces) - 1)
    member = grouped(len(keys), edges)
    weights: list[float] = [0.0] * len(keys)
    for (one, other), weight in edges.items():
        if member[one] == member[other]:
            weights[one] += weight
            weights[other] += weight
    inside: defaultdict[int, dict[str, list[str]]] = defaultdict(dict)
    for chunk, named in passages.items():
        for label, entities in _by_group(named.surfaces, numbers, member).items():
            if len(entities) > 1:
                inside[label][chunk] = entities
    strength = {key: weights[number] for key, number in numbers.items()}
    found = [_group(chunks, passages, strength) for _, chunks in sorted(inside.items())]
    whole = [one for one in found if len(one.entities) >= _LEAST_ENTITIES and one.passages >= _LEAST_PASSAGES]
    whole.sort(key=lambda one: (-one.passages, -len(one.entities), one.entities))
    return whole[:MOST_COMMUNITIES]


def _by_group(
    entities: Iterable[str], numbers: Mapping[str, int], member: Sequence[int]
) -> dict[int, list[str]]:
    found: defaultdict[int, list[str]] = defaultdict(list)
    for key in entities:
        found[member[numbers[key]]].append(key)
    return found


def _group(
    chunks: Mapping[str, list[str]], passages: Mapping[str, _Named], strength: Mapping[str, float]
) -> _Group:
    counts = Counter(key for entities in chunks.values() for key in entities)
    central = sorted(chunks, key=lambda chunk: -sum(strength[key] for key in chunks[chunk]))[:_EVIDENCE]
    return _Group(
        entities=tuple(sorted(counts, key=lambda key: (-round(strength[key], 9), key))),
        weights={key: strength[key] for key in counts},
        counts=counts,
        passages=len(chunks),
        documents=len({passages[chunk].document for chunk in chunks}),
        central=tuple(central),
        named={chunk: {key: passages[chunk].surfaces[key] for key in chunks[chunk]} for chunk in central},
    )


async def _texts(
    database: Database, workspace_id: str, where: Filter, chunks: Sequence[str]
) -> dict[str, _Text]:
    condition, given = over_documents(database.dialect, where, 2)
    sql = " ".join((
        "SELECT c.id, d.source, c.heading, c.line_from, c.line_to, c.page,",
        "substr(d.text, CAST(c.start_at AS INTEGER) + 1, CAST(c.end_at - c.start_at AS INTEGER))",
        "FROM memory_chunks c JOIN memory_documents d ON d.workspace_id = c.workspace_id",
        "AND d.id = c.document WHERE c.workspace_id = $1",
        condition,
        "AND c.id IN (:list)",
    ))  # fmt: skip
    found: dict[str, _Text] = {}
    for statement, values in listed(sql, sorted(set(chunks)), 2 + len(given)):
        for chunk, source, heading, first, last, page, text in await database.fetch(
            statement, workspace_id, *given, *values
        ):
            evidence = Evidence(
                passage=str(chunk),
                source=str(source),
                heading=str(heading),
                lines=None if first is None else (int(first), int(last)),
                page=None if page is None else int(page),
            )
            found[str(chunk)] = _Text(evidence=evidence, text=str(text))
    return found


def _told(group: _Group, texts: Mapping[str, _Text]) -> Community:
    return Community(
        size=len(group.entities),
        passages=group.passages,
        documents=group.documents,
        entities=tuple(
            CentralEntity(entity=key, passages=group.counts[key]) for key in group.entities[:_CENTRAL]
        ),
        evidence=tuple(texts[chunk].evidence for chunk in group.central if chunk in texts),
        summary=_summary(group, texts),
    )


def _summary(group: _Group, texts: Mapping[str, _Text]) -> tuple[StatedSentence, ...]:
    """Of the sentences that name two of the group, one after another the one that names the most of what the
    others have not named yet."""
    stated: dict[str, tuple[StatedSentence, frozenset[str]]] = {}
    for chunk in group.central:
        if (text := texts.get(chunk)) is not None:
            for one in _whole(text.text):
                names = frozenset(key for key, surface in group.named[chunk].items() if _names(one, surface))
                if len(names) > 1:
                    stated.setdefault(one, (StatedSentence(text=one, evidence=text.evidence), names))
    chosen: list[StatedSentence] = []
    covered: set[str] = set()
    while stated and len(chosen) < _SENTENCES:
        worth = {
            one: sum(group.weights[key] for key in sorted(names - covered))
            for one, (_, names) in stated.items()
        }
        best = max(worth, key=lambda one: worth[one])
        if not worth[best]:
            break
        sentence, names = stated.pop(best)
        chosen.append(sentence)
        covered |= names
    return tuple(chosen)


def _whole(text: str) -> list[str]:
    """Sentences of prose as they stand, without what was cut for its length."""
    found: list[str] = []
    for one in (part[start:end] for part in prose(text) for start, end in sentences(part)):
        first = next((sign for sign in one if sign.isalpha()), "")
        if len(one) <= _SENTENCE_CHARS and _ENDS.search(one) and first and not first.islower():
            found.append(one)
    return found


def _names(sentence: str, surface: str) -> bool:
    return bool(surface) and re.search(rf"(?<!\w){re.escape(surface)}(?!\w)", sentence, re.I) is not None


def _partial(most: int) -> Notice:
    return Notice(
        code="graph.partial",
        text=f"memory names more than {most} things; only the first documents were read",
        values={"most": most},
    )
