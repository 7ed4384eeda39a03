"""How close a passage's text comes to the question, beyond which words it has: whether they stand in one
sentence, and what merely looks like them (inflections, compounds, misspelt names), by character n-grams.

Only for the passages that the legs put in front, whose texts are read for it.
"""

import math
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from flowmatik.memory import analysis
from flowmatik.memory.chunking import sentences
from flowmatik.memory.language import fold
from flowmatik.memory.retrieval.question import Question
from flowmatik.memory.retrieval.words import K1, B, Words

_SIZES = (3, 4, 5)
_SHORT = 5  # shorter words are not cut
_UNDER_TITLE = 0.5  # what a word counts that stands in the title and not in the sentence

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Of a text: the terms of each sentence and of the title, and its n-grams, sorted, with their counts."""

    sentences: tuple[frozenset[str], ...]
    title: frozenset[str]
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
    return Features(
        sentences=tuple(frozenset(analysis.terms(text[a:b], language)) for a, b in sentences(text)),
        title=frozenset(analysis.terms(title, language)),
        grams=grams,
        counts=np.array([counted[int(gram)] for gram in grams], dtype=np.float64),
        length=float(sum(counted.values())),
    )


def together(question: Question, words: Words, passage: Features) -> float:
    """The share of the question's information that the best one of its sentences holds, 0 to 1."""
    mass = float(words.weights.sum())
    best = 0.0
    titled = [not passage.title.isdisjoint(group) for group in question.groups]
    for sentence in passage.sentences:
        held = 0.0
        for group, weight, under in zip(question.groups, words.weights, titled, strict=True):
            if not sentence.isdisjoint(group):
                held += weight
            elif under:
                held += _UNDER_TITLE * weight
        best = max(best, held)
    return best / mass if mass else 0.0


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
