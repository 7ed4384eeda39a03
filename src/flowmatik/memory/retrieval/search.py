"""Search over one workspace: what is read of the store for it, and in which order."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.database import Database
from flowmatik.contracts.indexes import Filter
from flowmatik.contracts.memory import Passage
from flowmatik.contracts.memory_learning import SHIPPED, LegWeights
from flowmatik.memory import loading
from flowmatik.memory.loading import Snapshot
from flowmatik.memory.outside.asking import Asking
from flowmatik.memory.reading import OnBehalf
from flowmatik.memory.retrieval import passages, turns, twins
from flowmatik.memory.retrieval.filtering import NO_FILTERS, Filters, filtered
from flowmatik.memory.retrieval.front import foremost
from flowmatik.memory.retrieval.outside import USUAL, AskedOutside, Reach, ranked_outside
from flowmatik.memory.retrieval.question import Question, understand
from flowmatik.memory.retrieval.ranking import ALL, Counting, Legs, Ranking, ranking
from flowmatik.memory.retrieval.spelling import mended
from flowmatik.memory.retrieval.successors import with_successors
from flowmatik.memory.retrieval.words import Words

SPARE = 10  # passages read beyond the limit, to take the place of those that say the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    text: str
    limit: int
    sources: tuple[str, ...] = ()
    vector: npt.NDArray[np.float32] | None = None
    on_behalf: OnBehalf = None
    filters: Filters = NO_FILTERS
    today: date | None = None
    legs: Legs = ALL
    weights: LegWeights = SHIPPED
    outside: Asking | None = None
    reach: Reach = USUAL

    @property
    def counting(self) -> Counting:
        return Counting(legs=self.legs, weights=self.weights)


async def search(database: Database, workspace_id: str, query: Query, snapshot: Snapshot) -> list[Passage]:
    """Best first. A passage that has gone since the snapshot was made is left out."""
    snapshot = loading.narrowed(snapshot, query.sources, query.on_behalf)
    snapshot = await filtered(database, workspace_id, snapshot, query.filters)
    if not len(snapshot.rows):
        return []
    if query.outside is not None:
        question = await asyncio.to_thread(understand, query.text, query.today)
        outside = _asked_outside(query, query.outside)
        asked = await ranked_outside(database, workspace_id, outside, snapshot, question)
    else:
        asked = await _ranking(database, workspace_id, query, snapshot)
    read = await _read(database, workspace_id, asked.wanted(), snapshot)
    texts = {
        place: passages.text_of(passage, snapshot.dated[int(snapshot.documents[place])])
        for place, passage in read.items()
    }
    following = turns.following({place: one.text for place, one in texts.items()}, snapshot)
    ranked = await asyncio.to_thread(asked.order, texts, following)
    total = ranked.total
    order = foremost(total, query.limit + SPARE)
    read |= await _read(database, workspace_id, [place for place in order if place not in read], snapshot)
    keys = await _keys(database, workspace_id, order, snapshot)
    order, again = twins.shown_once([place for place in order if place in read], read, keys)
    order = with_successors(passages.distinct(order, read)[: query.limit], total, snapshot)
    read |= await _read(database, workspace_id, [place for place in order if place not in read], snapshot)
    order = [place for place in order if place in read]
    shown = {place: read[place] for place in order}
    keys |= await _keys(database, workspace_id, [place for place in order if place not in keys], snapshot)
    also = await twins.named(database, workspace_id, shown, keys, snapshot)
    for place, others in again.items():
        if place in shown:
            also[place] = tuple(sorted({*also.get(place, ()), *(read[one].source for one in others)}))
    return twins.with_twins(passages.explained(order, read, ranked, snapshot), order, also)


async def _keys(
    database: Database, workspace_id: str, places: Sequence[int], snapshot: Snapshot
) -> dict[int, frozenset[int]]:
    """By place in the snapshot; of a passage without keys none, so that it is not asked for again."""
    if not places:
        return {}
    found = await twins.keys_of(database, workspace_id, [int(snapshot.rows[place]) for place in places])
    return {place: found.get(int(snapshot.rows[place]), frozenset()) for place in places}


def _asked_outside(query: Query, asking: Asking) -> AskedOutside:
    filters = query.filters
    where = Filter(
        sources=query.sources,
        principals=query.on_behalf,
        tags=tuple(sorted(filters.tags)),
        dated_from=filters.dated_from,
        dated_until=filters.dated_until,
    )
    return AskedOutside(
        asking=asking,
        vector=query.vector if query.legs.vectors else None,
        where=where,
        deep=bool(filters.languages),
        counting=query.counting,
        reach=query.reach,
    )


async def _ranking(database: Database, workspace_id: str, query: Query, snapshot: Snapshot) -> Ranking:
    """From memory's own store alone."""
    cosine, (question, words) = await asyncio.gather(
        asyncio.to_thread(_cosines, query, snapshot), _words(database, workspace_id, query, snapshot)
    )
    return await asyncio.to_thread(ranking, question, words, cosine, snapshot.graph, query.counting)


def _cosines(query: Query, snapshot: Snapshot) -> npt.NDArray[np.float64]:
    if query.vector is None or snapshot.vectors is None:
        return np.zeros(len(snapshot.rows))
    return (snapshot.vectors @ query.vector).astype(np.float64)


async def _words(
    database: Database, workspace_id: str, query: Query, snapshot: Snapshot
) -> tuple[Question, Words]:
    """With their scores, which take the time that the vectors take."""
    question = await asyncio.to_thread(understand, query.text, query.today)
    found = await loading.postings_of(database, workspace_id, question.groups, snapshot)
    question, words = await mended(database, workspace_id, question, found, snapshot)
    await asyncio.to_thread(words.scores)
    return question, words


async def _read(
    database: Database, workspace_id: str, places: Sequence[int], snapshot: Snapshot
) -> dict[int, Passage]:
    """By place in the snapshot."""
    at = {int(snapshot.rows[place]): place for place in places}
    rows = await loading.passages(database, workspace_id, sorted(at))
    return {at[number]: passages.passage_of(row, snapshot.names) for number, row in rows.items()}
