"""Whether what was found answers at all: a logistic model over figures that compare across searches.

Fitted on the even halves of HotpotQA and XQuAD (es, en), each question once with its passages in memory and
once without them, and measured on the odd halves: AUROC 0.83, 0.95 and 0.96; expected calibration error
0.06. With another embedding model cosines mean something else, and only the order of scores is to be trusted.

Below `UNLIKELY`, chosen on the even halves, a search is said to answer nothing: of questions whose passages
are there 3.4 % at most are doubted there (HotpotQA 2.0, XQuAD es 2.9, en 3.4), and of those whose passages
are not 42 to 57 % are; on the odd halves 8.0 (4 of 50), 2.1 and 2.6 %, and 42 to 72 %.
"""

import math
from collections.abc import Sequence

from flowmatik.contracts.memory import Answerable, Passage

AMONG = 8  # passages that are looked at
UNLIKELY = 0.2
WITH_VECTORS = {
    "coverage": 3.32,
    "close": 3.40,
    "dense": 3.25,
    "dense_gap": 1.72,
    "bm25_gap": 2.45,
    "": -7.00,
}
WORDS_ONLY = {"coverage": 3.75, "close": 3.89, "bm25_gap": 2.50, "": -5.35}


def answerable(passages: Sequence[Passage]) -> Answerable:
    """Of the passages of one search, best first; 0 when there are none."""
    legs = [dict(passage.scores) for passage in passages[:AMONG]]
    if not legs:
        return Answerable(score=0.0)
    dense = sorted((leg.get("dense", 0.0) for leg in legs), reverse=True)
    words = sorted((leg.get("bm25", 0.0) for leg in legs), reverse=True)
    figures = {
        "coverage": max(leg.get("coverage", 0.0) for leg in legs),
        "close": max(leg.get("close", 0.0) for leg in legs),
        "dense": dense[0],
        "dense_gap": dense[0] - _mean(dense[1:]) if len(dense) > 1 else dense[0],
        "bm25_gap": 1.0 - _mean(words[1:]) / words[0] if len(words) > 1 and words[0] > 0 else 0.0,
    }
    weights = WITH_VECTORS if any(dense) else WORDS_ONLY
    total = weights[""] + sum(weight * figures[name] for name, weight in weights.items() if name)
    used = tuple((name, figures[name]) for name in weights if name)
    score = 1.0 / (1.0 + math.exp(-total))
    return Answerable(score=score, figures=used, likely=score >= UNLIKELY)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
