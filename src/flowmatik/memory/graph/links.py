"""Which passages hang together: one names what another is about, or both name the same.

The strongest link that needs no model is a title: a passage that mentions another document's title (or
its title without brackets) leads to it. A rare entity that two documents share is a weaker one. How much a
workspace has of the first tells whether links mean anything there (`Graph.strength`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from flowmatik.memory.graph.keyring import Keyring, Keys

NAMED_MOST = 100  # documents that name a title: one that more of them name says nothing
SHARED_MOST = 40  # documents that share an entity
FULL_STRENGTH = 0.08  # share of documents whose title others name, from which on links count fully

NOTHING: Mapping[str, str] = MappingProxyType({})

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What one passage names: keys of entities, and of its own titles."""

    mentions: tuple[str, ...]
    titles: tuple[str, ...]


class _Table:
    """Rows of sorted distinct numbers, packed."""

    def __init__(self, rows: Ints, values: Ints, count: int) -> None:
        width = int(values.max()) + 1 if len(values) else 1
        pairs = np.sort(rows * width + values)  # one sort of whole numbers costs half of one by two keys
        rows, self._values = np.divmod(pairs, width)
        self._starts = np.searchsorted(rows, np.arange(count + 1))

    def of(self, row: int) -> Ints:
        return self._values[self._starts[row] : self._starts[row + 1]]

    def of_all(self, rows: Ints) -> tuple[Ints, Ints]:
        """For each value of those rows, one row after the other, the row's place in `rows`, and the value."""
        first = self._starts[rows]
        counts = self._starts[rows + 1] - first
        before = np.cumsum(counts) - counts
        at = np.repeat(first - before, counts) + np.arange(int(counts.sum()))
        return np.repeat(np.arange(len(rows)), counts), self._values[at]


@dataclass(frozen=True, eq=False, kw_only=True)
class Graph:
    """Passages by their place in a snapshot, entities by number. `documents` is the document of each
    passage; `mentions` and `titles` are pairs of passage and entity."""

    keys: Keys
    documents: npt.NDArray[np.int32]
    mentions: tuple[Ints, Ints]
    titles: tuple[Ints, Ints]

    def narrowed(self, kept: npt.NDArray[np.bool_]) -> "Graph":
        """As if there were no other passages than those."""
        place = np.cumsum(kept) - 1

        def among(pairs: tuple[Ints, Ints]) -> tuple[Ints, Ints]:
            there = kept[pairs[0]]
            return place[pairs[0][there]], pairs[1][there]

        return Graph(
            keys=self.keys,
            documents=self.documents[kept],
            mentions=among(self.mentions),
            titles=among(self.titles),
        )

    @cached_property
    def entities_of(self) -> _Table:
        """What each passage mentions."""
        return _Table(*self.mentions, len(self.documents))

    @cached_property
    def titles_of(self) -> _Table:
        return _Table(*self.titles, len(self.documents))

    @cached_property
    def mentioning(self) -> _Table:
        """The passages that mention each entity."""
        return _Table(self.mentions[1], self.mentions[0], len(self.keys))

    @cached_property
    def titled(self) -> _Table:
        """The passages of the documents that bear each entity as their title."""
        return _Table(self.titles[1], self.titles[0], len(self.keys))

    @cached_property
    def bearers(self) -> Ints:
        """Of how many documents each entity is the title."""
        return self._documents_of(self.titles)

    @cached_property
    def spread(self) -> Ints:
        """How many documents mention each entity."""
        return self._documents_of(self.mentions)

    @cached_property
    def spread_with_titles(self) -> Ints:
        both = tuple(np.concatenate(pair) for pair in zip(self.mentions, self.titles, strict=True))
        return self._documents_of((both[0], both[1]))

    @cached_property
    def strength(self) -> float:
        """0 to 1: how much it is a habit here that documents name one another."""
        total = len(np.unique(self.documents))
        if not total:
            return 0.0
        width = int(self.documents.max()) + 1

        def distinct(pairs: tuple[Ints, Ints]) -> Ints:
            """Entity and document of each pair as one number."""
            return each_once(pairs[1] * width + self.documents[pairs[0]])

        bearing = distinct(self.titles)
        naming = distinct(self.mentions)
        among = np.minimum(np.searchsorted(bearing, naming), max(len(bearing) - 1, 0))
        others = naming[bearing[among] != naming] // width if len(bearing) else naming[:0]
        counted = np.zeros(len(self.keys), dtype=np.bool_)
        counted[others] = True
        counted &= self.spread <= NAMED_MOST
        titles = bearing // width
        named = float((counted[titles] / self.bearers[titles]).sum())  # one that many bear is one
        return min(1.0, named / total / FULL_STRENGTH)

    def meant_by(self, keys: Iterable[str]) -> dict[int, tuple[float, str]]:
        """The passages of the documents whose titles are among `keys`: how surely that one is meant, and
        the key."""
        found: dict[int, tuple[float, str]] = {}
        for key in keys:
            entity = self.keys.get(key, -1)
            if entity < 0 or not self.bearers[entity]:
                continue
            value = 1.0 / float(self.bearers[entity])
            for passage in self.titled.of(entity).tolist():
                if value > found.get(passage, (0.0, ""))[0]:
                    found[passage] = (value, key)
        return found

    def _documents_of(self, pairs: tuple[Ints, Ints]) -> Ints:
        if not len(pairs[0]):
            return np.zeros(len(self.keys), dtype=np.int64)
        width = int(self.documents.max()) + 1
        distinct = each_once(pairs[1] * width + self.documents[pairs[0]])
        return np.bincount(distinct // width, minlength=len(self.keys))


@dataclass(frozen=True, eq=False, kw_only=True)
class Pairs:
    """Passages by their place, and ids of what they mention or are titled; each pair once."""

    mentions: tuple[Ints, Ints]
    titles: tuple[Ints, Ints]


def graph_of(
    ring: Keyring, pairs: Pairs, documents: npt.NDArray[np.int32], same: Mapping[str, str] = NOTHING
) -> Graph:
    """`same` says of a key which one people joined it to. An entity that only one passage mentions, and that
    is no title, joins nothing and is left out; so is a title of one short or empty word."""
    ring.add(same.values())
    telling = ring.telling
    mentions, titles = pairs.mentions, pairs.titles
    if same:
        joined = np.arange(len(telling))
        for key, other in same.items():
            if key in ring.ids and ring.ids[key] < len(joined):
                joined[ring.ids[key]] = ring.ids[other]
        mentions, titles = _once(mentions[0], joined[mentions[1]]), _once(titles[0], joined[titles[1]])
    kept = np.bincount(mentions[1], minlength=len(telling)) > 1
    borne = np.zeros(len(telling), dtype=np.bool_)
    borne[titles[1]] = True
    keys = Keys(ring, kept | (borne & telling), same)
    return Graph(
        keys=keys, documents=documents, mentions=_numbered(mentions, keys), titles=_numbered(titles, keys)
    )


def build_graph(
    named: Sequence[Named], documents: npt.NDArray[np.int32], same: Mapping[str, str] = NOTHING
) -> Graph:
    """Of the passages in their order."""
    ring = Keyring()
    ring.add(key for one in named for key in (*one.mentions, *one.titles))
    pairs = Pairs(
        mentions=_listed(ring, [one.mentions for one in named]),
        titles=_listed(ring, [one.titles for one in named]),
    )
    return graph_of(ring, pairs, documents, same)


def _listed(ring: Keyring, lists: Sequence[tuple[str, ...]]) -> tuple[Ints, Ints]:
    found = [(place, ring.ids[key]) for place, keys in enumerate(lists) for key in keys]
    table = np.array(found, dtype=np.int64).reshape(-1, 2)
    return _once(table[:, 0], table[:, 1])


def _once(places: Ints, ids: Ints) -> tuple[Ints, Ints]:
    width = int(ids.max()) + 1 if len(ids) else 1
    places, ids = np.divmod(each_once(places * width + ids), width)
    return places, ids


def each_once(values: Ints) -> Ints:
    """Sorted, each once; many times as fast as what NumPy has for it, which hashes."""
    ordered = np.sort(values)
    return ordered[np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]]


def _numbered(pairs: tuple[Ints, Ints], keys: Keys) -> tuple[Ints, Ints]:
    numbers = keys.numbers[pairs[1]]
    there = numbers >= 0
    return pairs[0][there], numbers[there]


def rarity(documents: Ints) -> Floats:
    """Of shared entities: 1 when two documents have it, less the more do."""
    return 1.0 / np.maximum(documents - 1.0, 1.0)


def certainty(bearers: Ints) -> Floats:
    """Of titles: 1 when one document bears it."""
    return 1.0 / np.sqrt(np.maximum(bearers, 1.0))
