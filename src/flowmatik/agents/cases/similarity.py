"""How alike two goals are: by their words, and by their embeddings where the installation has any.

Only to find what is worth looking at: whether a plan can be made one for the other goal is decided by what
differs between them, and never by how much.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

LEAST_WORDS = 0.6  # of the words of both that they share
LEAST_VECTORS = 0.75  # cosine
_TOKEN = re.compile(r"\"[^\"]*\"|«[^»]*»|“[^”]*”|\w+(?:[.,:/@-]\w+)*")


def words_of(goal: str) -> Counter[str]:
    """Without capitals and accents; a number, a code and a quotation are each as good as another."""
    parts = unicodedata.normalize("NFKD", goal.casefold())
    folded = "".join(c for c in parts if not unicodedata.combining(c))
    return Counter(_masked(token) for token in _TOKEN.findall(folded))


def _masked(token: str) -> str:
    if token[0] in '"«“':
        return '"'
    return "#" if any(c.isdigit() for c in token) else token


def by_words(one: Counter[str], other: Counter[str]) -> float:
    """The Dice coefficient of the two, 0 to 1."""
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 0.0


def by_vectors(one: Sequence[float], other: Sequence[float]) -> float:
    """The cosine of unit vectors; 0 for those of different models."""
    if not one or len(one) != len(other):
        return 0.0
    return sum(a * b for a, b in zip(one, other, strict=True))


def is_similar(words: float, vectors: float) -> bool:
    return words >= LEAST_WORDS or vectors >= LEAST_VECTORS
