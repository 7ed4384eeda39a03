"""The text leg: BM25 (Robertson and Zaragoza 2009, k1 1.2, b 0.75) over stemmed terms."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

K1 = 1.2
B = 0.75

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Words:
    """Of a question: how much each of its words says here (`weights`), in which passages it stands (`at`)
    and how often (`often`). `norms` is BM25's length norm of every passage."""

    weights: Floats
    at: tuple[Ints, ...]
    often: tuple[Floats, ...]
    norms: Floats

    def of(self, rows: Sequence[int]) -> "Words":
        """Those words alone."""
        return Words(
            weights=self.weights[list(rows)],
            at=tuple(self.at[row] for row in rows),
            often=tuple(self.often[row] for row in rows),
            norms=self.norms,
        )

    def scores(self) -> tuple[Floats, Floats]:
        """BM25 of every passage, and the share of the question's information that its words cover; reckoned
        once, and not to be written to."""
        return self._scores

    @cached_property
    def _scores(self) -> tuple[Floats, Floats]:
        total, covered = np.zeros(len(self.norms)), np.zeros(len(self.norms))
        for weight, at, often in zip(self.weights, self.at, self.often, strict=True):
            total[at] += weight * often * (K1 + 1.0) / (often + self.norms[at])
            covered[at] += weight
        mass = float(self.weights.sum())
        return total, covered / mass if mass else covered

    def held(self, among: Ints) -> Floats:
        """For each word (rows) how fully each of those passages has it, from 0 to 1."""
        table = np.zeros((len(self.weights), len(among)))
        for row, (at, often) in enumerate(zip(self.at, self.often, strict=True)):
            if len(at):
                place = np.minimum(np.searchsorted(at, among), len(at) - 1)
                there = at[place] == among
                saturated = often[place] * (K1 + 1.0) / (often[place] + self.norms[among])
                table[row] = np.where(there, np.minimum(saturated, 1.0), 0.0)
        return table


def words_of(found: Sequence[tuple[Ints, Floats]], lengths: Floats) -> Words:
    """`found`: for each word of the question the places of its passages, in order, and how often it stands
    there."""
    count = len(lengths)
    average = float(lengths.mean()) if count else 1.0
    return Words(
        weights=np.array([math.log(1.0 + (count - len(at) + 0.5) / (len(at) + 0.5)) for at, _ in found]),
        at=tuple(at for at, _ in found),
        often=tuple(often for _, often in found),
        norms=K1 * (1.0 - B + B * lengths / max(average, 1e-9)),
    )
