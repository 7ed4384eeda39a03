"""A text classifier that is trained from examples and knows what it was not trained for.

Its heads are softmax regressions: one over the text's embedding beside its words and character n-grams, one
over what the inner layers of the embedding model make of it, where there are any; their log probabilities are
averaged, the second counting twice. How sure it is of a text being one of its classes at all (`confidence`)
is the sum of each head's energy (Liu et al., "Energy-based Out-of-distribution Detection", NeurIPS 2020) and
of two distances (`distances.py`), each in standard deviations of texts that it was not fitted on. Its
threshold is a percentile of those, so that no text from outside is ever needed. Of few examples that
percentile says little; there each class in turn is left out and stands in for what is none of them.

With few examples it may be tuned, too (`tuning.py`): what the tuned layers say of the classes counts beside
the heads. The confidence and its threshold stay as they were, since tuned layers have seen every example.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flowmatik.learning.routing.distances import (
    RelativeMahalanobis,
    nearness,
    neighbours,
    relative_mahalanobis,
)
from flowmatik.learning.routing.encoder import Encoder
from flowmatik.learning.routing.head import Head, Labels, fitted, softmax_and_logs
from flowmatik.learning.routing.lexical import Matrix, Vocabulary
from flowmatik.learning.routing.tuning import STRENGTH as OVER_LAYERS
from flowmatik.learning.routing.tuning import Scaling, Tuned, scaling_of, tuned

Scores = npt.NDArray[np.float64]
LEXICAL = 0.7  # the weight of words beside the embedding
STRENGTH = 30.0  # of the head over the embedding and words
TUNED = 1.5  # the weight of tuned layers beside the heads
MOST_TUNED = 2000  # examples: more teach the heads enough, and would take minutes
REFUSED = 0.05  # the share of texts of its own that a threshold gives up
MOST_REFUSED = 0.10  # the same of few examples
FOLDS, MOST_FOLDED = 5, 1000
MOST_LEFT_OUT = 6  # classes, or groups of classes, that are left out in turn
FEWEST_CLASSES = 3  # more than these, for one of them to stand in for what is outside
ENOUGH_FOR_COVARIANCE = 1000  # examples; with fewer the distances to classes say little


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Texts with their embeddings (unit vectors) and, where the embedder gives them, what its layers made of
    them (`LayeredEmbedder`) and what went into those, a matrix a text (`TunableEmbedder`)."""

    texts: Sequence[str]
    vectors: Matrix
    layers: Matrix | None = None
    tokens: Sequence[Matrix] | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Labels) -> "Samples":
        layers = self.layers[rows] if self.layers is not None else None
        texts = [self.texts[int(row)] for row in rows]
        tokens = [self.tokens[int(row)] for row in rows] if self.tokens is not None else None
        return Samples(texts=texts, vectors=self.vectors[rows], layers=layers, tokens=tokens)

    def beside(self, other: "Samples") -> "Samples":
        """These and then the others, of the same embedder."""
        layers = None
        if self.layers is not None and other.layers is not None:
            layers = np.vstack([self.layers, other.layers])
        tokens = None
        if self.tokens is not None and other.tokens is not None:
            tokens = [*self.tokens, *other.tokens]
        vectors = np.vstack([self.vectors, other.vectors])
        texts = [*self.texts, *other.texts]
        return Samples(texts=texts, vectors=vectors, layers=layers, tokens=tokens)


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
        self.tuned: Tuned | None = None
        known = self._known(labels)
        alone = held_out is None and len(samples) <= MOST_FOLDED
        folded = [] if held_out is not None else list(self._folded(samples, known))
        strange = list(self._left_out(samples, known)) if alone else []
        self._fit(samples, known, len(self.classes))
        parts = _joined([one for one, _ in folded]) if held_out is None else self._parts(held_out)[1]
        self._scales = [Scale(mean=float(part.mean()), deviation=float(part.std()) + 1e-9) for part in parts]
        own = self._confidence(parts)
        outside = self._confidence(_joined(strange)) if strange else np.zeros(0)
        if strange:  # to refuse what it would tell wrong is no loss
            right = np.concatenate([one for _, one in folded])
            own = own[right] if right.any() else own
        self.threshold = threshold_of(own, outside)
        """Below this confidence a text is none of the classes."""

    def tune(
        self,
        encoder: Encoder,
        samples: Samples,
        labels: Sequence[str],
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """To the samples that it was fitted on, with their tokens, which takes seconds for a dozen agents and
        twenty for 1,500 examples; `encoder`: of their embedder. It classifies as before meanwhile, and when
        `stopped` says so. Raises ValueError for samples without tokens."""
        if samples.tokens is None:
            raise ValueError("a classifier is to be tuned by samples without their tokens")
        self.tuned = tuned(encoder, samples.tokens, self._known(labels), stopped)

    def classify(self, samples: Samples) -> Classified:
        """What is tuned counts for samples with tokens."""
        logs, parts = self._parts(samples)
        if self.tuned is not None and samples.tokens is not None:
            logs = ((logs + TUNED * self.tuned.logs(samples.tokens)) / (1 + TUNED)).astype(np.float32)
        shares = softmax_and_logs(logs)[0]
        return Classified(shares=shares, confidence=self._confidence(parts))

    def _known(self, labels: Sequence[str]) -> Labels:
        places = {name: place for place, name in enumerate(self.classes)}
        return np.array([places[label] for label in labels], dtype=np.int64)

    def _confidence(self, parts: Sequence[Scores]) -> Scores:
        scaled = [scale.of(part) for scale, part in zip(self._scales, parts, strict=True)]
        return np.asarray(np.sum(scaled, axis=0), dtype=np.float64)

    def _fit(self, samples: Samples, labels: Labels, classes: int) -> None:
        present = np.unique(labels)
        self._vocabulary = Vocabulary(samples.texts)
        self._near = samples.vectors
        self._neighbours = neighbours(len(samples) // max(len(present), 1))
        self._scaling: Scaling | None = None
        self._layer_head: Head | None = None
        self._distance: RelativeMahalanobis | None = None
        self._head = fitted(self._mixed(samples), labels, classes, strength=STRENGTH)
        if samples.layers is None:
            return
        self._scaling = scaling_of(samples.layers)
        inner = self._inner(samples)
        self._near = inner
        self._layer_head = fitted(inner, labels, classes, strength=OVER_LAYERS)
        if len(samples) >= ENOUGH_FOR_COVARIANCE and len(present) == classes:
            self._distance = relative_mahalanobis(_means(inner), labels, classes)

    def _folded(
        self, samples: Samples, labels: Labels
    ) -> Iterator[tuple[list[Scores], npt.NDArray[np.bool_]]]:
        """The parts of the confidence in samples that were not fitted on, and which were told right."""
        rows = np.arange(len(samples))
        for fold in range(FOLDS if len(samples) <= MOST_FOLDED else 1):
            outer = rows % FOLDS == fold
            self._fit(samples.take(rows[~outer]), labels[~outer], len(self.classes))
            logs, parts = self._parts(samples.take(rows[outer]))
            yield parts, logs.argmax(axis=1) == labels[outer]

    def _left_out(self, samples: Samples, labels: Labels) -> Iterator[list[Scores]]:
        """The parts of the confidence in samples whose whole class was not fitted on, nor is there a place
        for it in the heads: one that is never right would raise the energy of all the others."""
        groups = min(MOST_LEFT_OUT, len(self.classes))
        for group in range(groups if len(self.classes) > FEWEST_CLASSES else 0):
            out = labels % groups == group
            there, places = np.unique(labels[~out], return_inverse=True)
            self._fit(samples.take(np.flatnonzero(~out)), places.astype(np.int64), len(there))
            yield self._parts(samples.take(np.flatnonzero(out)))[1]

    def _parts(self, samples: Samples) -> tuple[Matrix, list[Scores]]:
        logits = self._head.logits(self._mixed(samples))
        logs = softmax_and_logs(logits)[1]
        parts = [_energy(logits)]
        if self._layer_head is not None:
            inner = self._inner(samples)
            second = self._layer_head.logits(inner)
            logs = ((logs + 2 * softmax_and_logs(second)[1]) / 3).astype(np.float32)
            parts.append(_energy(second))
            if self._distance is not None:
                parts.append(self._distance.scores(_means(inner)))
            parts.append(nearness(inner, self._near, self._neighbours))
        else:
            parts.append(nearness(samples.vectors, self._near, self._neighbours))
        return logs, parts

    def _mixed(self, samples: Samples) -> Matrix:
        return np.hstack([samples.vectors, np.float32(LEXICAL) * self._vocabulary.matrix(samples.texts)])

    def _inner(self, samples: Samples) -> Matrix:
        if samples.layers is None or self._scaling is None:
            raise ValueError("a classifier that was fitted with layers is asked without")
        return self._scaling.of(samples.layers)


def threshold_of(own: Scores, outside: Scores) -> float:
    """By the confidence in texts `own` to the classes, not fitted on, and in texts `outside` of those fitted
    on, where there are any: where most of both are told right (Youden's index), between giving up `REFUSED`
    and `MOST_REFUSED` of its own."""
    usual = float(np.quantile(own, REFUSED))
    if not len(outside):
        return usual
    most = float(np.quantile(own, MOST_REFUSED))
    tried = np.unique(np.concatenate([own[(own >= usual) & (own <= most)], [usual, most]]))
    told = [(own >= at).mean() + (outside < at).mean() for at in tried]
    return float(tried[int(np.argmax(told))])


def _joined(rows: Sequence[list[Scores]]) -> list[Scores]:
    return [np.concatenate(parts) for parts in zip(*rows, strict=True)]


def _means(inner: Matrix) -> Matrix:
    """The layers' means over tokens without their maxima: covariances of both would take long."""
    return np.ascontiguousarray(inner[:, : inner.shape[1] // 2])


def _energy(logits: Matrix) -> Scores:
    most = logits.max(axis=1)
    return (most + np.log(np.exp(logits - most[:, None]).sum(axis=1))).astype(np.float64)
