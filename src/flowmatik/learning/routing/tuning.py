"""Tuning the last layers of the embedding model to the classes of a classifier: with few examples of each,
what tells the classes apart is faint in what the model makes of any text.

Adapters (`encoder.py`) are learned against heads that stay as they are, fitted on what the layers give
without adapters. Each example is judged by the head that was fitted without its fifth of them: one that has
seen it is sure of it already, and would teach next to nothing. At last a head is fitted on what the tuned
layers give. The order is drawn from a fixed seed, so that the same examples give the same adapters.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from flowmatik.learning.routing.encoder import (
    Adapter,
    Adapters,
    Encoder,
    Layout,
)
from flowmatik.learning.routing.head import Head, Labels, fitted, softmax_and_logs
from flowmatik.learning.routing.lexical import Matrix, unit

FOLDS = 5
EPOCHS, BATCH, FEWEST_STEPS = 4, 50, 40
MOST_TOKENS = 64  # of an example, that are learned from
RATE, WARMING = 5e-3, 0.1  # the highest learning rate, and the share of steps until it is reached
STRENGTH = 100.0  # as `fitted` has it, of every head over layers
CLIPPED = 1.0  # the length that a gradient may have
FIRST, SECOND = 0.9, 0.999  # how much of the moments is kept
ASKED, MOST_AT_ONCE = 64, 4096  # texts, and tokens with padding, that are gone through at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """What the layers give in deviations from their mean, as unit vectors."""

    mean: Matrix
    deviation: Matrix

    def of(self, given: Matrix) -> Matrix:
        return unit((given - self.mean) / self.deviation)


def scaling_of(given: Matrix) -> Scaling:
    return Scaling(mean=given.mean(axis=0), deviation=given.std(axis=0) + 1e-3)


class Tuned:
    """A softmax regression over tuned layers."""

    def __init__(self, encoder: Encoder, adapters: Adapters, scaling: Scaling) -> None:
        self._encoder, self._adapters, self._scaling = encoder, adapters, scaling
        self._head: Head | None = None

    def fit(self, tokens: Sequence[Matrix], labels: Labels, classes: int) -> None:
        self._head = fitted(self.features(tokens), labels, classes, strength=STRENGTH)

    def logs(self, tokens: Sequence[Matrix]) -> Matrix:
        """The logarithm of each class's probability. `tokens`: of each text, as `TunableEmbedder` gives them.
        Raises ValueError before `fit`."""
        if self._head is None:
            raise ValueError("a head that was not fitted is asked")
        return softmax_and_logs(self._head.logits(self.features(tokens)))[1]

    def features(self, tokens: Sequence[Matrix]) -> Matrix:
        return self._scaling.of(given_by(self._encoder, self._adapters, tokens))


def tuned(
    encoder: Encoder, tokens: Sequence[Matrix], labels: Labels, stopped: Callable[[], bool]
) -> Tuned | None:
    """`tokens`: of each example; `labels`: its class, from 0. None once it is `stopped`, which is asked
    before each step."""
    classes = int(labels.max()) + 1
    adapters = encoder.fresh_adapters(seed=0)
    short = [one[:MOST_TOKENS] for one in tokens]
    given = given_by(encoder, adapters, short)
    scaling = scaling_of(given)
    rows, folds = scaling.of(given), folds_of(labels)
    heads: list[Head] = []
    for fold in range(FOLDS):
        if stopped():
            return None
        others = folds != fold
        heads.append(fitted(rows[others], labels[others], classes, strength=STRENGTH))
    learner = _Learner(encoder, adapters, scaling, heads)
    for places, share in _batches(len(short)):
        if stopped():
            return None
        learner.step([short[int(place)] for place in places], labels[places], folds[places], RATE * share)
    found = Tuned(encoder, learner.adapters, scaling)
    found.fit(tokens, labels, classes)
    return found


def given_by(encoder: Encoder, adapters: Adapters, tokens: Sequence[Matrix]) -> Matrix:
    """What layers give of each text, pooled; texts of about one length are gone through together."""
    order = sorted(range(len(tokens)), key=lambda place: len(tokens[place]))
    parts: list[Matrix] = []
    for places in _together(order, [len(one) for one in tokens]):
        layout = Layout([len(tokens[place]) for place in places])
        passed = encoder.outputs(np.vstack([tokens[place] for place in places]), layout, adapters)
        parts.append(pooled([one.output for one in passed], layout))
    rows = np.vstack(parts)
    return rows[np.argsort(order)]


def _together(order: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    """`order` goes from short texts to long ones."""
    found: list[int] = []
    for place in order:
        if found and (len(found) == ASKED or (len(found) + 1) * lengths[place] > MOST_AT_ONCE):
            yield found
            found = []
        found.append(place)
    yield found


def folds_of(labels: Labels) -> Labels:
    """Which fifth each example belongs to; those of a class are dealt out in turn."""
    found = np.zeros(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        found[own] = (np.arange(len(own)) + label) % FOLDS
    return found


def pooled(outputs: Sequence[Matrix], layout: Layout) -> Matrix:
    """As `LayeredEmbedder` has it."""
    return np.hstack([layout.means(one) for one in outputs] + [layout.maxima(one) for one in outputs])


def pooled_back(flow: Matrix, outputs: Sequence[Matrix], layout: Layout) -> list[Matrix]:
    """The gradient by each of `outputs`, where `flow` is that by what was pooled of them."""
    width = outputs[0].shape[1]
    found: list[Matrix] = []
    for place, rows in enumerate(outputs):
        mean = flow[:, place * width : (place + 1) * width]
        at = (len(outputs) + place) * width
        greatest = rows == layout.spread(layout.maxima(rows))
        by_mean = layout.spread(mean / layout.lengths[:, None].astype(mean.dtype))
        found.append(by_mean + greatest * layout.spread(flow[:, at : at + width]))
    return found


class _Learner:
    """Adam (Kingma and Ba, ICLR 2015) over adapters."""

    def __init__(self, encoder: Encoder, adapters: Adapters, scaling: Scaling, heads: Sequence[Head]) -> None:
        """`heads`: by the fold that each was fitted without."""
        self.adapters = adapters
        self._encoder, self._scaling, self._heads = encoder, scaling, heads
        self._first = [np.zeros_like(one) for one in _arrays(adapters)]
        self._second = [np.zeros_like(one) for one in _arrays(adapters)]
        self._steps = 0

    def step(self, tokens: Sequence[Matrix], labels: Labels, folds: Labels, rate: float) -> None:
        layout = Layout([len(one) for one in tokens])
        passed = self._encoder.outputs(np.vstack(tokens), layout, self.adapters)
        outputs = [one.output for one in passed]
        wanted = pooled_back(self._by_pooled(pooled(outputs, layout), labels, folds), outputs, layout)
        gradients = list(_arrays(self._encoder.gradients(passed, wanted, layout, self.adapters)))
        length = float(np.sqrt(sum(float((one * one).sum()) for one in gradients)))
        shrunk = np.float32(min(1.0, CLIPPED / max(length, 1e-12)))
        self._steps += 1
        moved: list[Matrix] = []
        moments = zip(self._first, self._second, strict=True)
        for value, gradient, (first, second) in zip(_arrays(self.adapters), gradients, moments, strict=True):
            first += np.float32(1 - FIRST) * (shrunk * gradient - first)
            second += np.float32(1 - SECOND) * ((shrunk * gradient) ** 2 - second)
            height = first / np.float32(1 - FIRST**self._steps)
            width = np.sqrt(second / np.float32(1 - SECOND**self._steps)) + np.float32(1e-8)
            moved.append((value - np.float32(rate) * height / width).astype(np.float32))
        self.adapters = tuple(Adapter(down=moved[n], up=moved[n + 1]) for n in range(0, len(moved), 2))

    def _by_pooled(self, given: Matrix, labels: Labels, folds: Labels) -> Matrix:
        """The gradient of the mean cross entropy by what the layers gave."""
        scaled = (given - self._scaling.mean) / self._scaling.deviation
        lengths = np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1e-9)
        rows = (scaled / lengths).astype(np.float32)
        by_rows = np.zeros_like(rows)
        for fold, head in enumerate(self._heads):
            own = np.flatnonzero(folds == fold)
            shares = softmax_and_logs(head.logits(rows[own]))[0]
            shares[np.arange(len(own)), labels[own]] -= 1
            by_rows[own] = shares @ head.weights.T / len(labels)
        along = (by_rows * rows).sum(axis=1, keepdims=True)
        return ((by_rows - rows * along) / lengths / self._scaling.deviation).astype(np.float32)


def _arrays(adapters: Adapters) -> Iterator[Matrix]:
    for one in adapters:
        yield one.down
        yield one.up


def _batches(count: int) -> Iterator[tuple[Labels, float]]:
    """Places of the examples of each step, and the share of the learning rate that it has: it rises, then
    falls in a line."""
    random = np.random.default_rng(0)
    each = -(-count // BATCH)
    steps = max(EPOCHS * each, FEWEST_STEPS)
    order = random.permutation(count)
    for step in range(steps):
        if step and step % each == 0:
            order = random.permutation(count)
        first = step % each * BATCH
        yield order[first : first + BATCH], min(1.0, (step + 1) / (WARMING * steps)) * (1 - step / steps)
