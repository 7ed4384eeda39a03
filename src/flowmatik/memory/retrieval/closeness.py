"""How close a passage's text comes to the question, beyond which words it has: whether they stand in one
sentence, and next to one another as in the question; whether that sentence has what would answer it (a time,
a number, a name); and what merely looks like them (inflections, compounds, misspelt names), by character
n-grams.

Only for the passages that the legs put in front, whose texts are read for it.
"""

import math
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np
import numpy.typing as npt

from flowmatik.memory import analysis
from flowmatik.memory.chunking import sentences
from flowmatik.memory.language import fold
from flowmatik.memory.retrieval.expecting import has
from flowmatik.memory.retrieval.question import Question
from flowmatik.memory.retrieval.words import K1, B, Words

_SIZES = (3, 4, 5)
_SHORT = 5  # shorter words are not cut
_NEAR = 4  # terms, stop-words left out
_UNDER_TITLE = 0.5  # what a word counts that stands in the title and not in the sentence

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Of a text: the terms of each sentence and of the title, and its n-grams, sorted, with their counts.
    `words` are those of each sentence as they are written; `places` where each term stands, counted in terms,
    the title before the text."""

    sentences: tuple[frozenset[str], ...]
    words: tuple[Sequence[str], ...]
    title: frozenset[str]
    places: Mapping[str, Sequence[int]]
    grams: npt.NDArray[np.uint32]
    counts: Floats
    length: float


@lru_cache(maxsize=50_000)
def _grams(word: str) -> tuple[int, ...]:
    marked = f"#{word}#"
    if len(marked) < _SHORT:
        return (zlib.crc32(marked.encode()),)
    pieces = (marked[i : i + n] for n in _SIZES for i in range(len(marked) - n + 1))
    return tuple(zlib.crc32(piece.encode()) for piece in pieces)


@lru_cache(maxsize=2048)
def features(title: str, text: str, language: str) -> Features:
    counted = Counter(gram for word in analysis.words(f"{title} {text}") for gram in _grams(fold(word)))
    grams = np.array(sorted(counted), dtype=np.uint32)
    texts = tuple(text[a:b] for a, b in sentences(text))
    titled = analysis.terms(title, language)
    said = [analysis.terms(one, language) for one in texts]
    places: dict[str, list[int]] = {}
    for place, term in enumerate(chain(titled, *said)):
        places.setdefault(term, []).append(place)
    return Features(
        sentences=tuple(map(frozenset, said)),
        words=tuple(analysis.words(one) for one in texts),
        title=frozenset(titled),
        places=places,
        grams=grams,
        counts=np.array([counted[int(gram)] for gram in grams], dtype=np.float64),
        length=float(sum(counted.values())),
    )


def together(question: Question, words: Words, passage: Features) -> tuple[float, float]:
    """The share of the question's information that the best one of its sentences holds, 0 to 1; and that the
    best of those sentences holds that have what would answer it."""
    weights: list[float] = words.weights.tolist()
    mass = sum(weights)
    if not mass or not passage.sentences:
        return 0.0, 0.0
    titled = [not passage.title.isdisjoint(group) for group in question.groups]
    held = [0.0] * len(passage.sentences)
    for row, sentence in enumerate(passage.sentences):
        for group, weight, under in zip(question.groups, weights, titled, strict=True):
            if not sentence.isdisjoint(group):
                held[row] += weight
            elif under:
                held[row] += _UNDER_TITLE * weight
    order = sorted(range(len(held)), key=lambda row: -held[row])
    best = held[order[0]] / mass
    if not question.expected:
        return best, best
    answering = (held[n] for n in order if has(question.expected, passage.words[n], question.said))
    return best, next(answering, 0.0) / mass


def adjacent(question: Question, words: Words, passage: Features) -> float:
    """The share of the pairs of words that follow one another in the question which stand near one another
    here, in whatever order, weighed by the less telling word of each; 0 to 1.

    Source: the sequential dependence model's unordered windows (Metzler and Croft 2005)."""
    places = [_places(group, passage) for group in question.groups]
    weights: list[float] = words.weights.tolist()
    total = found = 0.0
    for n in range(len(places) - 1):
        weight = min(weights[n], weights[n + 1])
        total += weight
        if _meet(places[n], places[n + 1]):
            found += weight
    return found / total if total else 0.0


def _places(group: tuple[str, ...], passage: Features) -> list[int]:
    return sorted({place for term in group for place in passage.places.get(term, ())})


def _meet(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether a place of each, both sorted, are different and no more than `_NEAR` apart."""
    first = 0
    for place in one:
        while first < len(other) and other[first] < place - _NEAR:
            first += 1
        at = first
        while at < len(other) and other[at] <= place + _NEAR:
            if other[at] != place:
                return True
            at += 1
    return False


def likeness(question: Question, passages: Sequence[Features]) -> Floats:
    """BM25 over character n-grams; what is rare is reckoned among these passages."""
    asked = np.array(sorted({gram for word in question.words for gram in _grams(word)}), dtype=np.uint32)
    count = len(passages)
    if not count or not len(asked):
        return np.zeros(count)
    table = np.zeros((len(asked), count))
    for column, one in enumerate(passages):
        if len(one.grams):
            place = np.minimum(np.searchsorted(one.grams, asked), len(one.grams) - 1)
            table[:, column] = np.where(one.grams[place] == asked, one.counts[place], 0.0)
    having = (table > 0).sum(axis=1)
    weights = np.array([math.log(1.0 + (count - n + 0.5) / (n + 0.5)) for n in having])
    lengths = np.array([one.length for one in passages])
    norms = K1 * (1.0 - B + B * lengths / max(float(lengths.mean()), 1e-9))
    return weights @ (table * (K1 + 1.0) / (table + norms))
