"""The graph leg: what completes an answer stands one link away from what begins it.

A question that needs two passages ("Who wrote the book that the film … is based on?") shares few words with
the second one. For each of the passages in front, those that are linked to it are valued by what they add:
the part of the question's information that the first one leaves uncovered, and nearness in meaning.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from flowmatik.memory.graph.links import NAMED_MOST, SHARED_MOST, Graph, certainty, each_once, rarity
from flowmatik.memory.retrieval.front import foremost
from flowmatik.memory.retrieval.words import Words

FIRST = 20  # passages from which links are followed
NAMES = 1.0  # the passage in front names the other one's title
NAMED = 0.4  # the other one names the title of the passage in front
SHARES = 0.6  # both name the same
ANY = 0.2  # what a link is worth by itself
COMPLETES = 1.5
NEAR = 1.0
MOST = 100  # passages looked at behind one entity
SURE = 2.0  # exponent: links of what is itself uncertain say little

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """To `passage` from `via`, over `entity` (its number in the graph)."""

    passage: int
    via: int
    entity: int
    value: float


class Hops(Mapping[int, Hop]):
    """By passage. Of a thousand that are linked a few are shown, and only for those one is made."""

    def __init__(self, found: Mapping[int, tuple[float, int, int]]) -> None:
        """`found`: value, via and entity."""
        self._found = found

    def __getitem__(self, passage: int) -> Hop:
        value, via, entity = self._found[passage]
        return Hop(passage=passage, via=via, entity=entity, value=value)

    def __iter__(self) -> Iterator[int]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def worth(self) -> tuple[Ints, Floats]:
        """All passages, and the value of each."""
        values = [value for value, _, _ in self._found.values()]
        return np.array([*self._found], dtype=np.int64), np.array(values, dtype=np.float64)


NO_HOPS = Hops({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """`standing`: every passage's score so far, the best is 1; `nearness`: its cosine, the best is 1."""

    words: Words
    standing: Floats
    nearness: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class _Links:
    """From those in front (`rows`: their places in that list) to `passages`, over `entities`: to those that
    are named, then to those that name, then to those that name the same, where several add up (`adds`)."""

    rows: Ints
    passages: Ints
    entities: Ints
    strengths: Floats
    adds: Flags

    def of(self, kept: Flags | Ints) -> "_Links":
        return _Links(
            rows=self.rows[kept],
            passages=self.passages[kept],
            entities=self.entities[kept],
            strengths=self.strengths[kept],
            adds=self.adds[kept],
        )


def follow(graph: Graph, evidence: Evidence) -> Hops:
    """The best hop to each passage that is linked to one of those in front."""
    front = np.array(foremost(evidence.standing, FIRST), dtype=np.int64)
    found = _strongest(_to_others(graph, front, evidence))
    if not len(found.rows):
        return NO_HOPS
    passages, column = np.unique(found.passages, return_inverse=True)
    worth = _worth(evidence, front, passages)
    sure = np.array([float(evidence.standing[via]) ** SURE for via in front.tolist()])
    values = found.strengths * sure[found.rows] * worth[found.rows, column]
    best = _firsts(found.passages, values, found.rows)
    vias, entities = front[found.rows[best]].tolist(), found.entities[best].tolist()
    hops = zip(values[best].tolist(), vias, entities, strict=True)
    return Hops(dict(zip(found.passages[best].tolist(), hops, strict=True)))


def _firsts(keys: Ints, values: Floats, order: Ints) -> Ints:
    """For each key the place of its greatest value; of equal ones that of the first in order."""
    places = np.lexsort((order, -values, keys))
    keys = keys[places]
    return places[np.append(True, keys[1:] != keys[:-1])[: len(keys)]]


def reached(graph: Graph, front: Sequence[int], most: int) -> Ints:
    """The passages that are linked to those in front, the links of the first ones first."""
    found: dict[int, None] = {}
    for via in front:
        found.update(dict.fromkeys(_links(graph, np.array([via], dtype=np.int64)).passages.tolist()))
        if len(found) >= most:
            break
    return np.array([*found][:most], dtype=np.int64)


def _worth(evidence: Evidence, front: Ints, passages: Ints) -> Floats:
    """What each of those in front (rows) makes of each passage."""
    weights = evidence.words.weights
    added = np.zeros((len(front), len(passages)))
    if len(weights) and weights.sum() > 0:
        missing = 1.0 - evidence.words.held(front)
        added = (missing * (weights / weights.sum())[:, None]).T @ evidence.words.held(passages)
    return ANY + COMPLETES * added + NEAR * evidence.nearness[passages][None, :]


def _strongest(links: _Links) -> _Links:
    """Of the links from one passage to another the strongest."""
    width = int(links.passages.max()) + 1 if len(links.passages) else 1
    keys, strengths = links.rows * width + links.passages, links.strengths.copy()
    adding = np.flatnonzero(links.adds)
    several = np.unique(keys[adding], return_inverse=True, return_counts=True)
    total: dict[int, float] = {}
    for at in adding[several[2][several[1]] > 1].tolist():
        key = int(keys[at])
        strengths[at] = total[key] = min(total.get(key, 0.0) + float(strengths[at]), SHARES)
    return replace(links, strengths=strengths).of(_firsts(keys, strengths, np.arange(len(keys))))


def _to_others(graph: Graph, front: Ints, evidence: Evidence) -> _Links:
    """To other documents; of a long one to the passages that are worth looking at."""
    links = _links(graph, front)
    links = links.of(graph.documents[links.passages] != graph.documents[front[links.rows]])
    told_apart = (links.rows, links.entities, links.strengths, links.adds)
    ends = np.flatnonzero(np.any([one[1:] != one[:-1] for one in told_apart], axis=0))
    edges = [0, *(ends + 1).tolist(), len(links.rows)]
    if all(last - first <= MOST for first, last in pairwise(edges)):
        return links
    kept = [np.arange(first, last) for first, last in pairwise(edges)]
    for at, places in enumerate(kept):
        passages = links.passages[places]
        worth = evidence.nearness[passages] + evidence.standing[passages]
        kept[at] = places[np.argsort(-worth, kind="stable")[:MOST]]
    return links.of(np.concatenate(kept))


def _links(graph: Graph, front: Ints) -> _Links:
    at, named = graph.entities_of.of_all(front)
    titled_at, titles = graph.titles_of.of_all(front)
    width = len(graph.keys) + 1
    both_at, both = np.divmod(
        each_once(np.concatenate((at * width + named, titled_at * width + titles))), width
    )
    bearers, spread, shared = graph.bearers, graph.spread, graph.spread_with_titles
    naming = (bearers[named] > 0) & (spread[named] <= NAMED_MOST)
    telling = (spread[titles] > 0) & (spread[titles] <= NAMED_MOST)
    sharing = shared[both] <= SHARED_MOST
    at, named = at[naming], named[naming]
    titled_at, titles = titled_at[telling], titles[telling]
    both_at, both = both_at[sharing], both[sharing]
    to, passages = graph.titled.of_all(named)
    from_, others = graph.mentioning.of_all(titles)
    same, alike = _distinct_of(graph, both)
    return _Links(
        rows=np.concatenate((at[to], titled_at[from_], both_at[same])),
        passages=np.concatenate((passages, others, alike)),
        entities=np.concatenate((named[to], titles[from_], both[same])),
        strengths=np.concatenate(
            (
                (NAMES * certainty(bearers[named]))[to],
                (NAMED * certainty(bearers[titles]))[from_],
                (SHARES * rarity(shared[both]))[same],
            )
        ),
        adds=np.repeat([False, False, True], [len(to), len(from_), len(same)]),
    )


def _distinct_of(graph: Graph, entities: Ints) -> tuple[Ints, Ints]:
    """The passages that mention each of the entities or bear it as their title, each once."""
    width = len(graph.documents) + 1
    pairs = [graph.mentioning.of_all(entities), graph.titled.of_all(entities)]
    return np.divmod(each_once(np.concatenate([at * width + passages for at, passages in pairs])), width)
