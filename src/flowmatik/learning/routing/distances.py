"""How far a text lies from everything that a classifier has seen: what the head of a classifier cannot tell,
which is as sure of what lies far beyond its examples as of what lies among them."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
SHRINKAGE = 0.1  # of the covariances towards a sphere
NEAREST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RelativeMahalanobis:
    """The Mahalanobis distance to the nearest class less that to all examples together, negated: high is
    near. Ren et al., "A Simple Fix to Mahalanobis Distance for Improving Near-OOD Detection", 2021."""

    centre: npt.NDArray[np.float64]
    within: npt.NDArray[np.float64]  # features × classes: precision times class means
    offsets: npt.NDArray[np.float64]
    between: npt.NDArray[np.float64]  # the precision within less that of all

    def scores(self, rows: Matrix) -> npt.NDArray[np.float64]:
        moved = rows.astype(np.float64) - self.centre
        to_classes = self.offsets - 2 * moved @ self.within
        quadratic = np.einsum("nd,nd->n", moved @ self.between, moved)
        return -(to_classes.min(axis=1) + quadratic)


def relative_mahalanobis(rows: Matrix, labels: Labels, classes: int) -> RelativeMahalanobis:
    centre = rows.mean(axis=0, dtype=np.float64)
    moved = rows.astype(np.float64) - centre
    means = np.stack([moved[labels == one].mean(axis=0) for one in range(classes)])
    residue = moved - means[labels]
    within = residue.T @ residue / len(rows)
    spread = SHRINKAGE * float(np.trace(within)) / len(within)
    sphere = spread * np.eye(len(within))
    precision = _inverse(within + sphere)
    overall = _inverse(moved.T @ moved / len(rows) + sphere)
    return RelativeMahalanobis(
        centre=centre,
        within=precision @ means.T,
        offsets=np.einsum("cd,cd->c", means @ precision, means),
        between=precision - overall,
    )


def _inverse(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = np.asarray(cast("Any", np.linalg).inv(matrix), dtype=np.float64)
    return found


def neighbours(examples: int) -> int:
    """How many neighbours count, of classes with so many examples: a quarter, lest other classes' do."""
    return min(max(examples // 4, 1), NEAREST)


def nearness(rows: Matrix, known: Matrix, count: int = NEAREST) -> npt.NDArray[np.float64]:
    """The mean cosine with the `count` nearest known rows; all are unit vectors. Sun et al.,
    "Out-of-Distribution Detection with Deep Nearest Neighbors", ICML 2022, by the mean instead
    of the k-th."""
    near = min(count, len(known))
    found = np.empty(len(rows), dtype=np.float64)
    for first in range(0, len(rows), 1024):
        cosines = rows[first : first + 1024] @ known.T
        best = np.partition(cosines, cosines.shape[1] - near, axis=1)[:, -near:]
        found[first : first + 1024] = best.mean(axis=1)
    return found
