"""A softmax regression (multinomial logistic head) over dense features, fitted by L-BFGS.

Nocedal and Wright, Numerical Optimization (2nd ed.), algorithm 7.4 with a backtracking line search; the loss
is convex, so that the same data give the same head.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
STEPS = 80
MEMORY = 8
ENOUGH = 1e-4  # relative fall of the loss below which it has converged


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """`weights` (features × classes) and `bias`."""

    weights: Matrix
    bias: Matrix

    def logits(self, rows: Matrix) -> Matrix:
        return rows @ self.weights + self.bias


def fitted(rows: Matrix, labels: Labels, classes: int, *, strength: float) -> Head:
    """`strength`: how far the data may pull the weights, the inverse of the L2 penalty over all samples."""
    loss = _Loss(rows, labels, strength)
    shape = (rows.shape[1] + 1, classes)
    weights = _minimised(loss, np.zeros(shape, dtype=np.float32))
    return Head(weights=weights[:-1], bias=weights[-1])


class _Loss:
    def __init__(self, rows: Matrix, labels: Labels, strength: float) -> None:
        self._rows, self._labels, self._count = rows, labels, len(rows)
        self._penalty = 1 / (strength * self._count)
        self._each = np.arange(self._count)

    def at(self, weights: Matrix) -> tuple[float, Matrix]:
        """The mean cross entropy with its penalty, and its gradient."""
        logits = self._rows @ weights[:-1] + weights[-1]
        shares, logs = softmax_and_logs(logits)
        loss = -float(logs[self._each, self._labels].mean(dtype=np.float64))
        loss += 0.5 * self._penalty * float((weights[:-1].astype(np.float64) ** 2).sum())
        shares[self._each, self._labels] -= 1
        shares /= self._count
        gradient = np.empty_like(weights)
        gradient[:-1] = self._rows.T @ shares + self._penalty * weights[:-1]
        gradient[-1] = shares.sum(axis=0)
        return loss, gradient


def softmax_and_logs(logits: Matrix) -> tuple[Matrix, Matrix]:
    shifted = logits - logits.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    sums = powers.sum(axis=1, keepdims=True)
    return powers / sums, shifted - np.log(sums)


def _minimised(loss: _Loss, weights: Matrix) -> Matrix:
    value, gradient = loss.at(weights)
    kept: deque[tuple[Matrix, Matrix, float]] = deque(maxlen=MEMORY)
    for _ in range(STEPS):
        direction = _direction(gradient, kept)
        slope = _dot(direction, gradient)
        if slope >= 0:
            break
        tried = _searched(loss, weights, direction, (value, slope))
        if tried is None:
            break
        moved, lower, steeper = tried
        change, turned = moved - weights, steeper - gradient
        if (curvature := _dot(change, turned)) > 1e-12:
            kept.append((change, turned, 1 / curvature))
        settled = value - lower <= ENOUGH * max(abs(value), 1e-3)
        weights, value, gradient = moved, lower, steeper
        if settled:
            break
    return weights


def _searched(
    loss: _Loss, weights: Matrix, direction: Matrix, at: tuple[float, float]
) -> tuple[Matrix, float, Matrix] | None:
    """The first point along `direction` that is lower by enough; None when there is none."""
    value, slope = at
    step = 1.0
    for _ in range(25):
        moved: Matrix = (weights + np.float32(step) * direction).astype(np.float32)
        lower, gradient = loss.at(moved)
        if lower <= value + 1e-4 * step * slope:
            return moved, lower, gradient
        step *= 0.5
    return None


def _direction(gradient: Matrix, kept: deque[tuple[Matrix, Matrix, float]]) -> Matrix:
    found = gradient.copy()
    shares: list[float] = []
    for change, turned, inverse in reversed(kept):
        share = inverse * _dot(change, found)
        found -= np.float32(share) * turned
        shares.append(share)
    if kept:
        change, turned, _ = kept[-1]
        found *= np.float32(_dot(change, turned) / max(_dot(turned, turned), 1e-30))
    else:
        found *= np.float32(1 / max(float(np.sqrt(_dot(gradient, gradient))), 1e-12))
    for (change, turned, inverse), share in zip(kept, reversed(shares), strict=True):
        found += np.float32(share - inverse * _dot(turned, found)) * change
    return -found


def _dot(one: Matrix, two: Matrix) -> float:
    return float(np.vdot(one, two))
