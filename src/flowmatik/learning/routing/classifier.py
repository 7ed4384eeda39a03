"""A text classifier that is trained from examples and knows what it was not trained for.

Its heads are softmax regressions: one over the text's embedding beside its words and character n-grams, one
over what the inner layers of the embedding model make of it, where there are any; their log probabilities are
averaged. How sure it is of a text being one of its classes at all (`confidence`) is the sum of each head's
energy (Liu et al., "Energy-based Out-of-distribution Detection", NeurIPS 2020) and of two distances
(`distances.py`), each in standard deviations of texts that it was not fitted on. Its threshold is a
percentile of those, so that no text from outside is ever needed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flowmatik.learning.routing.distances import (
    RelativeMahalanobis,
    nearness,
    relative_mahalanobis,
)
from flowmatik.learning.routing.head import Head, fitted, softmax_and_logs
from flowmatik.learning.routing.lexical import Matrix, Vocabulary, unit

Scores = npt.NDArray[np.float64]
LEXICAL = 0.7  # the weight of words beside the embedding
STRENGTH = 30.0
REFUSED = 0.05  # the share of texts of its own that a threshold gives up
FOLDS, MOST_FOLDED = 5, 1000
ENOUGH_FOR_COVARIANCE = 1000  # examples; with fewer the distances to classes say little


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Texts with their embeddings (unit vectors) and, where the embedder gives them, what its layers made of
    them, side by side."""

    texts: Sequence[str]
    vectors: Matrix
    layers: Matrix | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: npt.NDArray[np.int64]) -> "Samples":
        layers = self.layers[rows] if self.layers is not None else None
        texts = [self.texts[int(row)] for row in rows]
        return Samples(texts=texts, vectors=self.vectors[rows], layers=layers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What a part of the confidence is on texts of the classifier's own."""

    mean: float
    deviation: float

    def of(self, values: Scores) -> Scores:
        return (values - self.mean) / self.deviation


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """Rows by text: the probability of each class (in the order of `Classifier.classes`) and the confidence
    that it is one of them at all."""

    shares: Matrix
    confidence: Scores


class Classifier:
    """Fitted when it is made. `held_out`: samples of the same classes, not fitted on, that its confidence is
    scaled by; without them each fifth of the samples is held out in turn, and all are fitted on at last."""

    def __init__(self, samples: Samples, labels: Sequence[str], held_out: Samples | None = None) -> None:
        self.classes = sorted(set(labels))
        places = {name: place for place, name in enumerate(self.classes)}
        known = np.array([places[label] for label in labels], dtype=np.int64)
        unseen = [] if held_out is not None else list(self._folded(samples, known))
        self._fit(samples, known)
        if held_out is not None:
            unseen = [self._parts(held_out)[1]]
        parts = [np.concatenate(rows) for rows in zip(*unseen, strict=True)]
        self._scales = [Scale(mean=float(part.mean()), deviation=float(part.std()) + 1e-9) for part in parts]
        own = np.sum([scale.of(part) for scale, part in zip(self._scales, parts, strict=True)], axis=0)
        self.threshold = float(np.quantile(own, REFUSED))
        """Below this confidence a text is none of the classes: of its own it gives up `REFUSED`."""

    def classify(self, samples: Samples) -> Classified:
        logs, parts = self._parts(samples)
        shares = softmax_and_logs(logs)[0]
        scaled = [scale.of(part) for scale, part in zip(self._scales, parts, strict=True)]
        return Classified(shares=shares, confidence=np.sum(scaled, axis=0))

    def _fit(self, samples: Samples, labels: npt.NDArray[np.int64]) -> None:
        present = np.unique(labels)
        self._vocabulary = Vocabulary(samples.texts)
        self._near = samples.vectors
        self._layer_scale: tuple[Matrix, Matrix] | None = None
        self._layer_head: Head | None = None
        self._distance: RelativeMahalanobis | None = None
        self._head = fitted(self._mixed(samples), labels, len(self.classes), strength=STRENGTH)
        if samples.layers is None:
            return
        deviation = samples.layers.std(axis=0) + 1e-3
        self._layer_scale = (samples.layers.mean(axis=0), deviation)
        inner = self._inner(samples)
        self._layer_head = fitted(inner, labels, len(self.classes), strength=STRENGTH)
        if len(samples) >= ENOUGH_FOR_COVARIANCE and len(present) == len(self.classes):
            self._distance = relative_mahalanobis(inner, labels, len(self.classes))

    def _folded(self, samples: Samples, labels: npt.NDArray[np.int64]) -> Iterator[list[Scores]]:
        """The parts of the confidence in samples that were not fitted on."""
        rows = np.arange(len(samples))
        for fold in range(FOLDS if len(samples) <= MOST_FOLDED else 1):
            outer = rows % FOLDS == fold
            self._fit(samples.take(rows[~outer]), labels[~outer])
            yield self._parts(samples.take(rows[outer]))[1]

    def _parts(self, samples: Samples) -> tuple[Matrix, list[Scores]]:
        logits = self._head.logits(self._mixed(samples))
        logs = softmax_and_logs(logits)[1]
        parts = [_energy(logits)]
        if self._layer_head is not None:
            inner = self._inner(samples)
            second = self._layer_head.logits(inner)
            logs = ((logs + softmax_and_logs(second)[1]) / 2).astype(np.float32)
            parts.append(_energy(second))
            if self._distance is not None:
                parts.append(self._distance.scores(inner))
        parts.append(nearness(samples.vectors, self._near))
        return logs, parts

    def _mixed(self, samples: Samples) -> Matrix:
        return np.hstack([samples.vectors, np.float32(LEXICAL) * self._vocabulary.matrix(samples.texts)])

    def _inner(self, samples: Samples) -> Matrix:
        if samples.layers is None or self._layer_scale is None:
            raise ValueError("a classifier that was fitted with layers is asked without")
        mean, deviation = self._layer_scale
        return unit((samples.layers - mean) / deviation)


def _energy(logits: Matrix) -> Scores:
    most = logits.max(axis=1)
    return (most + np.log(np.exp(logits - most[:, None]).sum(axis=1))).astype(np.float64)
