"""Words and character n-grams of a text, weighed by TF-IDF: what texts share that embeddings miss (names,
codes, endings), in any language that writes with spaces."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]
MOST_FEATURES = 4096  # the most frequent ones; dense, since NumPy has no sparse products
SHORTEST, LONGEST = 2, 5  # characters of an n-gram, within words and with the space around them
_TOKEN = re.compile(r"\w+|[^\w\s]")


def grams(text: str) -> Counter[str]:
    """What a text consists of, with counts."""
    tokens: list[str] = _TOKEN.findall(text.lower())
    found: Counter[str] = Counter()
    for token in tokens:
        padded = f" {token} "
        for size in range(SHORTEST, LONGEST + 1):
            found.update(padded[at : at + size] for at in range(max(len(padded) - size + 1, 1)))
    found.update(f"w:{token}" for token in tokens)
    found.update(f"b:{one} {two}" for one, two in pairwise(tokens))
    return found


class Vocabulary:
    """Sublinear TF-IDF over the n-grams that most of the fitted texts share; rows are unit vectors, or zero
    for a text that shares none."""

    def __init__(self, texts: Sequence[str], most: int = MOST_FEATURES) -> None:
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(grams(text).keys())
        # By name among equals: the same texts give the same columns.
        kept = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most]
        self._columns = {gram: column for column, (gram, _) in enumerate(kept)}
        seen = np.array([count for _, count in kept], dtype=np.float64)
        self._rarity = (np.log((1 + len(texts)) / (1 + seen)) + 1).astype(np.float32)

    def __len__(self) -> int:
        return len(self._columns)

    def matrix(self, texts: Sequence[str]) -> Matrix:
        rows = np.zeros((len(texts), len(self._columns)), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for gram, count in grams(text).items():
                column = self._columns.get(gram)
                if column is not None:
                    row[column] = 1 + math.log(count)
        return unit(rows * self._rarity)


def unit(rows: Matrix) -> Matrix:
    """Each row of length 1; zero rows stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.maximum(lengths, 1e-9)).astype(np.float32)
