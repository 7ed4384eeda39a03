"""One score of both legs, weighted by how clearly the vectors tell passages apart for this question.

An embedding model that knows the language puts its best passage far out of the crowd; one that does not
puts all of them near one another, and its best is no further out than the largest of as many random
numbers would be (sqrt(2 ln n) standard deviations). Where the best stands between the two is the evidence
for the weight. So no list says which model knows which language.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

WEAK = 0.2  # weight of vectors that tell nothing apart: they still find what words do not
STRONG = 0.55
CLEAR = 3.0  # standard deviations beyond chance from which on the vectors weigh most
UNKNOWN = 0.35  # with few passages there is no crowd to stand out from
FEW = 20

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Of the cosines of all passages."""

    count: int
    best: float
    mean: float
    spread: float


def crowd_of(cosine: Floats) -> Crowd:
    return Crowd(
        count=len(cosine),
        best=float(cosine.max()) if cosine.size else 0.0,
        mean=float(cosine.mean()) if cosine.size else 0.0,
        spread=float(cosine.std()) if len(cosine) > 1 else 0.0,
    )


def outstanding(cosine: Floats | Crowd) -> float:
    """How many standard deviations the best of these stands beyond the best of random ones."""
    crowd = cosine if isinstance(cosine, Crowd) else crowd_of(cosine)
    if crowd.spread <= 0:
        return 0.0
    return (crowd.best - crowd.mean) / crowd.spread - math.sqrt(2.0 * math.log(crowd.count))


def dense_weight(cosine: Floats | Crowd) -> float:
    """The weight of vectors, 0 without any."""
    crowd = cosine if isinstance(cosine, Crowd) else crowd_of(cosine)
    if not crowd.count or crowd.best <= 0:
        return 0.0
    seen = WEAK + (STRONG - WEAK) * min(max(outstanding(crowd) / CLEAR, 0.0), 1.0)
    return (crowd.count * seen + FEW * UNKNOWN) / (crowd.count + FEW)


def reweighted(weight: float, *, words: float, vectors: float) -> float:
    """The weight of vectors beside words when either is to count so many times as much."""
    return weight * vectors / (weight * vectors + (1.0 - weight) * words)


def to_best(scores: Floats) -> Floats:
    """Divided by the best, nothing below 0."""
    positive = np.maximum(scores, 0.0)
    best = float(positive.max()) if positive.size else 0.0
    return positive / best if best > 0 else positive


def fuse(words: Floats, cosine: Floats, weight: float | None = None) -> Floats:
    """Weighted sum of both, each divided by its best; a leg without a match counts nothing. Without a
    `weight` that of the vectors is taken from the evidence."""
    share = dense_weight(cosine) if weight is None else weight
    return (1.0 - share) * to_best(words) + share * to_best(cosine)
