"""BM25 (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009) over postings."""

import math
from collections.abc import Mapping, Sequence

from flowmatik.contracts.text_indexes import TextHit

K1 = 1.2
B = 0.75

Postings = Mapping[str, tuple[int, int]]
"""Of one word of the question: by passage its length and how often the word stands there."""


def rarity(count: int, holding: int) -> float:
    """What a word says that `holding` of `count` passages have; never below 0."""
    return math.log(1.0 + (count - holding + 0.5) / (holding + 0.5))


def ranked(words: Sequence[Postings], count: int, total_length: int, limit: int) -> list[TextHit]:
    """The best of `count` passages, whose lengths add up to `total_length`."""
    average = total_length / count if count and total_length else 1.0
    weights = [rarity(count, len(one)) for one in words]
    mass = sum(weights) or 1.0
    scores: dict[str, float] = {}
    covered: dict[str, float] = {}
    for weight, one in zip(weights, words, strict=True):
        for chunk, (length, often) in one.items():
            norm = K1 * (1.0 - B + B * length / average)
            scores[chunk] = scores.get(chunk, 0.0) + weight * often * (K1 + 1.0) / (often + norm)
            covered[chunk] = covered.get(chunk, 0.0) + weight
    best = sorted(scores, key=lambda chunk: (-scores[chunk], chunk))[:limit]
    return [TextHit(chunk=one, score=scores[one], coverage=covered[one] / mass) for one in best]
