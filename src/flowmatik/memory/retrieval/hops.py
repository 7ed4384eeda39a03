"""The graph leg: what completes an answer stands one link away from what begins it.

A question that needs two passages ("Who wrote the book that the film … is based on?") shares few words with
the second one. For each of the passages in front, those that are linked to it are valued by what they add:
the part of the question's information that the first one leaves uncovered, and nearness in meaning.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flowmatik.memory.graph.links import NAMED_MOST, SHARED_MOST, Graph, certainty, rarity
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


def follow(graph: Graph, evidence: Evidence) -> Hops:
    """The best hop to each passage that is linked to one of those in front."""
    front = foremost(evidence.standing, FIRST)
    linked = {via: found for via in front if (found := _linked(graph, evidence, via))}
    if not linked:
        return NO_HOPS
    passages = np.array(sorted({passage for found in linked.values() for passage in found}), dtype=np.int64)
    worth = _worth(evidence, list(linked), passages)
    column = {passage: at for at, passage in enumerate(passages.tolist())}
    best: dict[int, tuple[float, int, int]] = {}
    for row, (via, found) in enumerate(linked.items()):
        sure = float(evidence.standing[via]) ** SURE
        values: list[float] = worth[row].tolist()
        for passage, (strength, entity) in found.items():
            total = strength * sure * values[column[passage]]
            if passage not in best or total > best[passage][0]:
                best[passage] = total, via, entity
    return Hops(best)


def reached(graph: Graph, front: Sequence[int], most: int) -> Ints:
    """The passages that are linked to those in front, the links of the first ones first."""
    found: dict[int, None] = {}
    for via in front:
        for passages, *_ in _links(graph, via):
            found.update(dict.fromkeys(passages[:most].tolist()))
        if len(found) >= most:
            break
    return np.array([*found][:most], dtype=np.int64)


def _worth(evidence: Evidence, front: list[int], passages: Ints) -> Floats:
    """What each of those in front (rows) makes of each passage."""
    weights = evidence.words.weights
    added = np.zeros((len(front), len(passages)))
    if len(weights) and weights.sum() > 0:
        missing = 1.0 - evidence.words.held(np.array(front, dtype=np.int64))
        added = (missing * (weights / weights.sum())[:, None]).T @ evidence.words.held(passages)
    return ANY + COMPLETES * added + NEAR * evidence.nearness[passages][None, :]


def _linked(graph: Graph, evidence: Evidence, via: int) -> dict[int, tuple[float, int]]:
    """The passages of other documents that are linked to it: how strongly, and over which entity."""
    found: dict[int, tuple[float, int]] = {}
    shared: dict[int, float] = {}
    own = graph.documents[via]
    for passages, strength, entity, adds in _links(graph, via):
        others = _nearest(passages[graph.documents[passages] != own], evidence)
        for passage in others.tolist():
            value = strength
            if adds:
                value = shared[passage] = min(shared.get(passage, 0.0) + strength, SHARES)
            if value > found.get(passage, (0.0, 0))[0]:
                found[passage] = (value, entity)
    return found


def _nearest(passages: Ints, evidence: Evidence) -> Ints:
    """Of a long document's passages those that are worth looking at."""
    if len(passages) <= MOST:
        return passages
    worth = evidence.nearness[passages] + evidence.standing[passages]
    return passages[np.argsort(-worth, kind="stable")[:MOST]]


def _links(graph: Graph, via: int) -> Iterator[tuple[Ints, float, int, bool]]:
    """Passages, strength, entity, and whether several of the kind add up."""
    mentioned, titles = graph.entities_of.of(via), graph.titles_of.of(via)
    for entity in mentioned.tolist():
        if graph.bearers[entity] and graph.spread[entity] <= NAMED_MOST:
            yield graph.titled.of(entity), NAMES * certainty(int(graph.bearers[entity])), entity, False
    for entity in titles.tolist():
        if 0 < graph.spread[entity] <= NAMED_MOST:
            yield graph.mentioning.of(entity), NAMED * certainty(int(graph.bearers[entity])), entity, False
    for entity in sorted({*mentioned.tolist(), *titles.tolist()}):
        if graph.spread_with_titles[entity] <= SHARED_MOST:
            strength = SHARES * rarity(int(graph.spread_with_titles[entity]))
            both = {*graph.mentioning.of(entity).tolist(), *graph.titled.of(entity).tolist()}
            yield np.array(sorted(both), dtype=np.int64), strength, entity, True
