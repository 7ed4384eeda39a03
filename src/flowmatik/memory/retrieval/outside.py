"""Ranking from the legs of indexes outside: of a few hundred passages everything is known, of the others that
neither index puts them in front.

The candidates are what the indexes give, what they cannot know yet, a crowd that stands for all passages
(how far the best vector stands beyond it is the vectors' weight; how many of it have a word is that word's
rarity), what the words put in front, and what is linked to those in front. Their words and vectors are read
from memory's own store: rows that the store lacks, or that may not be seen, are nobody's, and the same is
reckoned as without indexes. Where there are few passages all are candidates, and nothing differs at all.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.database import Database
from flowmatik.contracts.indexes import Filter
from flowmatik.memory import loading
from flowmatik.memory.bulk import listed
from flowmatik.memory.loading import Snapshot
from flowmatik.memory.outside.asking import Asking
from flowmatik.memory.retrieval.front import foremost
from flowmatik.memory.retrieval.fusion import Crowd
from flowmatik.memory.retrieval.hops import reached
from flowmatik.memory.retrieval.question import Question
from flowmatik.memory.retrieval.ranking import Counting, Ranking, ranking
from flowmatik.memory.retrieval.spelling import mended
from flowmatik.memory.retrieval.unknown import spelt_right
from flowmatik.memory.retrieval.words import Words, words_of

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_SPREAD = 2_654_435_761  # Knuth's multiplier: neighbouring numbers fall far apart
_RANGE = 1 << 32
_FREQUENCIES = "SELECT chunk, term, frequency FROM memory_postings WHERE workspace_id = $1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """`whole`: up to so many passages all are asked for; of more, `front` of each index, a `crowd` of about
    so many, and up to `linked` by links. Where more is asked than an index can filter by and it gives fewer
    than `front` of those, up to `thorough` are all asked for."""

    whole: int = 1000
    thorough: int = 10_000
    front: int = 400
    crowd: int = 1000
    linked: int = 1000


USUAL = Reach()


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedOutside:
    """Of one search: the indexes, the question's vector, and what it asks for."""

    asking: Asking
    vector: npt.NDArray[np.float32] | None
    where: Filter
    deep: bool  # more is asked than the filter says: fewer of what an index gives will do
    counting: Counting
    reach: Reach = USUAL


async def ranked_outside(
    database: Database, workspace_id: str, asked: AskedOutside, snapshot: Snapshot, question: Question
) -> Ranking:
    """Reads what the order needs, and says in `asked.asking.notices` what it could not have."""
    whole = len(snapshot.rows) <= asked.reach.whole
    limit = asked.reach.whole if whole or asked.deep else asked.reach.front
    near = worded = trust = None
    if asked.vector is not None and asked.asking.has_vectors:
        near = await asked.asking.near(asked.vector, limit, asked.where)
    if question.groups and asked.asking.has_text:
        question, trust = await spelt_right(database, workspace_id, question, snapshot)
        worded = await asked.asking.worded(question.groups, limit, asked.where)
    known = await _places(database, workspace_id, [*(near or ()), *(worded or ())], snapshot)
    if asked.deep and len(known) < asked.reach.front:
        whole = whole or len(snapshot.rows) <= asked.reach.thorough
    gathered = _Gathered(database, workspace_id, asked, snapshot, question, trust)
    if near is not None:
        gathered.cosines_from({known[one]: near[one] for one in near if one in known})
    elif not asked.asking.has_vectors:
        await asyncio.to_thread(gathered.own_cosines)
    if worded is None:
        await gathered.own_words()
    late = _at(snapshot, sorted(asked.asking.late))
    crowd = np.arange(len(snapshot.rows)) if whole else _crowd(snapshot.rows, asked.reach.crowd)
    if near is not None and whole and len(near) < limit and not len(late):
        gathered.cosines_are_all()  # what it does not give has no vector
    await gathered.add(np.union1d(np.union1d(late, crowd), np.array(sorted(known.values()), dtype=np.int64)))
    gathered.stand_for_all(crowd)
    first = gathered.words().scores()[0]
    await gathered.add(np.array(foremost(first, asked.reach.front), dtype=np.int64))
    ranked = await asyncio.to_thread(gathered.ranking)
    if not whole and asked.counting.legs.graph and snapshot.graph.strength:
        named = snapshot.graph.meant_by(question.names)
        front = [*dict.fromkeys((*ranked.wanted(), *named))]
        linked = await asyncio.to_thread(reached, snapshot.graph, front, asked.reach.linked)
        await gathered.add(np.union1d(linked, np.array(sorted(named), dtype=np.int64)))
        ranked = await asyncio.to_thread(gathered.ranking)
    return ranked


class _Gathered:
    """What is known of passages so far, by their places in the snapshot."""

    def __init__(
        self,
        database: Database,
        workspace_id: str,
        asked: AskedOutside,
        snapshot: Snapshot,
        question: Question,
        trust: Floats | None,
    ) -> None:
        self._database = database
        self._workspace = workspace_id
        self._asked = asked
        self._snapshot = snapshot
        self._question = question
        self._trust = np.ones(len(question.groups)) if trust is None else trust
        count = len(snapshot.rows)
        self._vectors = self._all_compared = False
        self._cosine = np.zeros(count)
        self._compared = np.zeros(count, dtype=np.bool_)
        self._read = np.zeros(count, dtype=np.bool_)
        self._often = [np.zeros(count, dtype=np.float64) for _ in question.groups]
        self._own: Words | None = None
        self._crowd = np.zeros(0, dtype=np.int64)
        asked.asking.vectors.at(snapshot.revision, snapshot.rows)

    def cosines_from(self, near: dict[int, float]) -> None:
        """By place; without there are none in this search."""
        self._vectors = True
        for place, cosine in near.items():
            self._cosine[place], self._compared[place] = cosine, True

    def own_cosines(self) -> None:
        """Those of the vectors in memory: of all passages."""
        vector, vectors = self._asked.vector, self._snapshot.vectors
        if vector is not None and vectors is not None:
            self._cosine = (vectors @ vector).astype(np.float64)
            self._all_compared = True

    def cosines_are_all(self) -> None:
        self._compared[:] = True

    async def own_words(self) -> None:
        """Those of memory's own postings: of all passages."""
        found = await loading.postings_of(
            self._database, self._workspace, self._question.groups, self._snapshot
        )
        self._question, self._own = await mended(
            self._database, self._workspace, self._question, found, self._snapshot
        )

    def stand_for_all(self, crowd: Ints) -> None:
        self._crowd = crowd

    async def add(self, places: Ints) -> None:
        if self._vectors:
            await self._compare(places[~self._compared[places]])
        if self._own is None:
            await self._look_for_words(places[~self._read[places]])

    async def _compare(self, places: Ints) -> None:
        asked, cache = self._asked, self._asked.asking.vectors
        if asked.vector is None or not len(places):
            return
        numbers = self._snapshot.rows[places].tolist()
        found = cache.get(numbers)
        missing = [number for number in numbers if number not in found]
        sql = (
            "SELECT chunk, vector FROM memory_vectors WHERE workspace_id = $1 AND embedder = $2"
            " AND chunk IN (:list)"
        )
        for statement, values in listed(sql, missing, 3):
            rows = await self._database.fetch(statement, self._workspace, asked.asking.embedder, *values)
            news = {int(number): np.frombuffer(blob, dtype="<f4") for number, blob in rows}
            cache.put(news)
            found |= news
        for place, number in zip(places.tolist(), numbers, strict=True):
            vector = found.get(number)
            if vector is not None and len(vector) == len(asked.vector):
                self._cosine[place] = float(vector @ asked.vector)
        self._compared[places] = True

    async def _look_for_words(self, places: Ints) -> None:
        terms = [*dict.fromkeys(term for group in self._question.groups for term in group)]
        at = {int(self._snapshot.rows[place]): place for place in places.tolist()}
        groups = {
            term: [n for n, group in enumerate(self._question.groups) if term in group] for term in terms
        }
        marks = ", ".join(f"${2 + n}" for n in range(len(terms)))
        sql = " ".join((_FREQUENCIES, "AND term IN (", marks, ") AND chunk IN (:list)"))
        for statement, values in listed(sql, [*at] if terms else [], 2 + len(terms)):
            for chunk, term, often in await self._database.fetch(statement, self._workspace, *terms, *values):
                for group in groups[term]:
                    place = at[int(chunk)]
                    self._often[group][place] = max(self._often[group][place], float(often))
        self._read[places] = True

    def words(self) -> Words:
        if self._own is not None:
            return self._own
        found = [(np.flatnonzero(often), often[np.flatnonzero(often)]) for often in self._often]
        words = words_of(found, self._snapshot.lengths)
        count = len(self._snapshot.rows)
        weights = [_rarity(count, self._having(often)) for often in self._often]
        return replace(words, weights=np.array(weights) * self._trust)

    def _having(self, often: Floats) -> float:
        """In how many passages the word stands: in as many of all as of the crowd, and in those at least in
        which it was seen."""
        seen = float(np.count_nonzero(often))
        share = float(np.count_nonzero(often[self._crowd])) / max(len(self._crowd), 1)
        return max(seen, share * len(often))

    def ranking(self) -> Ranking:
        among = self._cosine if self._all_compared else self._cosine[self._crowd]
        crowd = Crowd(
            count=len(self._cosine),
            best=float(self._cosine.max()),
            mean=float(among.mean()) if among.size else 0.0,
            spread=float(among.std()) if len(among) > 1 else 0.0,
        )
        asked = self._asked
        return ranking(
            self._question, self.words(), self._cosine, self._snapshot.graph, asked.counting, crowd
        )


def _rarity(count: int, having: float) -> float:
    return math.log(1.0 + (count - having + 0.5) / (having + 0.5))


def _crowd(rows: Ints, size: int) -> Ints:
    """About so many places, always the same of the same passages: so their vectors are in the cache."""
    share = min(1.0, size / max(len(rows), 1))
    return np.flatnonzero((rows * _SPREAD) % _RANGE < share * _RANGE)


def _at(snapshot: Snapshot, numbers: Sequence[int]) -> Ints:
    """Of those that are in the snapshot."""
    wanted = np.array(numbers, dtype=np.int64)
    if not len(wanted) or not len(snapshot.rows):
        return np.zeros(0, dtype=np.int64)
    at = np.minimum(np.searchsorted(snapshot.rows, wanted), len(snapshot.rows) - 1)
    return at[snapshot.rows[at] == wanted]


async def _places(
    database: Database, workspace_id: str, chunks: Sequence[str], snapshot: Snapshot
) -> dict[str, int]:
    """Of the passages that an index gave: those that the store has, and that may be seen."""
    found: dict[str, int] = {}
    sql = "SELECT number, id FROM memory_chunks WHERE workspace_id = $1 AND id IN (:list)"
    for statement, values in listed(sql, [*dict.fromkeys(chunks)], 2):
        for number, chunk in await database.fetch(statement, workspace_id, *values):
            found[str(chunk)] = int(number)
    places = _at(snapshot, sorted(found.values()))
    by_number = dict(zip(snapshot.rows[places].tolist(), places.tolist(), strict=True))
    return {chunk: by_number[number] for chunk, number in found.items() if number in by_number}
