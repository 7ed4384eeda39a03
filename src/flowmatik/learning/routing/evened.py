"""A head for features that vary much within the classes in some directions and little in others.

Where texts of the same class differ much, a feature says little of the class: before the head is fitted, each
direction shrinks with how much it varies within the classes. The head that is given is for the features as
they were, so that asking it costs nothing more.
"""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from flowmatik.learning.routing.head import Head, Labels, Matrix, fitted

FLOOR = 3.0  # of a variance, in mean variances: few examples say little of the small ones
POWER = 0.25  # of the variances; 0.5 would make all of them equal
NO_VARIANCE = 1e-5  # of the largest, below which there is none


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spread:
    """How rows vary within their classes: `directions` (features × some), what each shrinks by."""

    directions: Matrix
    shrinking: Matrix

    def evened(self, rows: Matrix) -> Matrix:
        along = rows @ self.directions
        return (rows + (along * (self.shrinking - 1)) @ self.directions.T).astype(np.float32)


def fitted_evenly(rows: Matrix, labels: Labels, classes: int, *, strength: float) -> Head:
    spread = _spread(rows, labels)
    if spread is None:
        return fitted(rows, labels, classes, strength=strength)
    moved = spread.evened(rows)
    length = np.float32(np.sqrt((moved**2).sum(axis=1).mean()))
    head = fitted(moved / length, labels, classes, strength=strength)
    return Head(weights=spread.evened(head.weights.T / length).T, bias=head.bias)


def _spread(rows: Matrix, labels: Labels) -> _Spread | None:
    """None where no class has two different rows."""
    present, places = np.unique(labels, return_inverse=True)
    means = np.stack([rows[places == one].mean(axis=0) for one in range(len(present))])
    residue = rows - means[places]
    freedom = max(len(rows) - len(present), 1)
    wide = rows.shape[1] > len(rows)
    products = residue @ residue.T if wide else residue.T @ residue
    variances, found = cast("Any", np.linalg).eigh(products.astype(np.float64) / freedom)
    if variances[-1] <= NO_VARIANCE * float((rows**2).sum(axis=1).mean()) / rows.shape[1]:
        return None
    kept = variances > variances[-1] * NO_VARIANCE
    variances, found = variances[kept], found[:, kept]
    if wide:
        found = residue.T @ found / np.sqrt(variances * freedom)
    floor = FLOOR * variances.mean()
    shrinking: npt.NDArray[Any] = (variances / floor + 1) ** -POWER
    return _Spread(directions=found.astype(np.float32), shrinking=shrinking.astype(np.float32))
