"""Fast closeness is what its definition says, written down slowly here."""

import math
import random
import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from flowmatik.memory import analysis
from flowmatik.memory.chunking import sentences
from flowmatik.memory.language import fold
from flowmatik.memory.retrieval.closeness import beginning, close, features, likeness, perhaps_alike
from flowmatik.memory.retrieval.passages import ALIKE, alike
from flowmatik.memory.retrieval.question import Question, understand
from flowmatik.memory.retrieval.words import K1, B, Words

SAID = (
    *("the", "a", "de", "la", "El", "en", "is", "was", "dying", "lies", "tied", "skies", "only", "early"),
    *("sensibilities", "sensible", "Sensibility"),
    *("facturación", "facturas", "Factura", "pagó", "pagar", "pagaron"),
    *("útil", "útiles", "ley", "leyes", "Núñez's", "O'Neill", "l’eau"),
    *("running", "runs", "ran", "hoped", "hoping", "iz", "ized"),
    *("realization", "realize", "U.S.", "2024", "x", "ß", "straße", "İstanbul"),
)
SUFFIXES = (
    *("s", "es", "ed", "ing", "ies", "ied", "y", "ly", "ational", "ization", "izer", "fulness", "ousness"),
    *("iveness", "ality", "ivity", "bility", "ation", "ative", "ement", "ance", "ency", "logy", "ism"),
    *("ción", "ciones", "amiento", "mente", "idad", "idades", "ando", "iendo", "yendo", "aron", "ía"),
    *("logía", "logías", "ución", "uciones", "encia", "encias", "adora", "ible", "ista", "oso", "áramos"),
    *("iva", "ivas", "arse", "ándole", "gue", "güe", "ús", "o", "a", "e", ""),
)
ROOTS = ("t", "ab", "hop", "sens", "fact", "univ", "b", "cr", "caf", "niñ", "arg", "sist", "psic", "sol", "y")


def text(draw: random.Random, words: int) -> str:
    said = [draw.choice(SAID) for _ in range(words)]
    return "".join(f"{word}{draw.choice((' ', ' ', ' ', ', ', '. ', '? '))}" for word in said)


def grams(word: str) -> list[int]:
    marked = f"#{word}#"
    if len(marked) < 5:
        return [zlib.crc32(marked.encode())]
    return [zlib.crc32(marked[i : i + n].encode()) for n in (3, 4, 5) for i in range(len(marked) - n + 1)]


def counted(title: str, body: str) -> Counter[int]:
    return Counter(gram for word in analysis.words(f"{title} {body}") for gram in grams(fold(word)))


def slow_together(question: Question, weights: Sequence[float], title: str, body: str, code: str) -> float:
    under = set(analysis.terms(title, code))
    best = 0.0
    for a, b in sentences(body):
        said = set(analysis.terms(body[a:b], code))
        held = 0.0
        for group, weight in zip(question.groups, weights, strict=True):
            held += weight if said & set(group) else weight / 2 if under & set(group) else 0.0
        best = max(best, held)
    return best / sum(weights)


def slow_likeness(question: Question, texts: Sequence[Counter[int]]) -> list[float]:
    asked = {gram for word in question.words for gram in grams(word)}
    lengths = [one.total() for one in texts]
    average = sum(lengths) / len(lengths)
    total = [0.0] * len(texts)
    for gram in asked:
        having = sum(gram in one for one in texts)
        weight = math.log(1 + (len(texts) - having + 0.5) / (having + 0.5))
        for at, one in enumerate(texts):
            norm = K1 * (1 - B + B * lengths[at] / average)
            total[at] += weight * one[gram] * (K1 + 1) / (one[gram] + norm)
    return total


@pytest.mark.parametrize("seed", range(12))
def test_closeness_is_what_every_word_stemmed_and_every_n_gram_counted_gives(seed: int) -> None:
    draw = random.Random(seed)
    question = understand(text(draw, 6))
    weights = [draw.uniform(0.1, 3.0) for _ in question.groups]
    words = Words(weights=np.array(weights), at=(), often=(), norms=np.zeros(0))
    texts = [
        (text(draw, 2), text(draw, draw.randint(0, 40)), draw.choice(("es", "en", "pt", "")))
        for _ in range(9)
    ]
    seen = [features(*one) for one in texts]
    for one, (title, body, code) in zip(seen, texts, strict=True):
        assert close(question, words, one).together == pytest.approx(
            slow_together(question, weights, title, body, code), abs=1e-12
        )
    slow = [counted(title, body) for title, body, _ in texts]
    assert likeness(question, seen) == pytest.approx(slow_likeness(question, slow), rel=1e-9)
    assert [len(one.grams) for one in seen] == [len(one) for one in slow]


def test_every_word_begins_as_the_question_expects_of_its_stem() -> None:
    made = [root + first + suffix for root in ROOTS[::3] for first in SUFFIXES[::4] for suffix in SUFFIXES]
    odd = ("dying", "lying", "tying", "vying", "skis", "idly", "gently", "ugly", "singly")
    for word in (*SAID, *made, *odd):
        for code in ("es", "en"):
            stem = analysis.stem(word, code)
            assert fold(word).startswith(beginning(stem)), (word, stem)


def test_texts_that_are_alike_are_never_sorted_out() -> None:
    draw = random.Random(7)
    texts: list[str] = []
    for _ in range(8):
        words = text(draw, 60).split()
        for changes in (0, 1, 3, 8):
            texts.append(" ".join(draw.choice(SAID) if n < changes else one for n, one in enumerate(words)))
    seen = [features("", one, "en") for one in texts]
    possible = perhaps_alike(seen, ALIKE)
    pairs = [(a, b) for a in range(len(seen)) for b in range(len(seen))]
    same = [(a, b) for a, b in pairs if alike(seen[a].grams, seen[b].grams)]
    assert len(same) > len(seen)
    assert all(possible[pair] for pair in same)
    assert possible.sum() < len(pairs) / 2
