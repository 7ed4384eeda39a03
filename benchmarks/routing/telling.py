"""How well a classifier tells texts apart and sees what is none of its classes."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.memory import Embedder, TunableEmbedder
from flowmatik.learning.routing import Classifier, Samples
from flowmatik.learning.routing.classifier import MOST_TUNED
from flowmatik.learning.routing.encoder import encoder_of
from flowmatik.learning.routing.index import Depth, embedded
from flowmatik.memory import load_embedder

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Shares. `accuracy`: of all texts of the classes. `accepted`: of them, those above the threshold, and
    `right` those above it whose class is right. `refused`: of texts from outside, those below it. `auroc` and
    `aupr` (texts of the classes being the positive ones) are of the confidence, whatever the threshold."""

    accuracy: float
    accepted: float
    right: float
    refused: float
    auroc: float
    aupr: float


@cache  # the model is loaded once
def _embedder() -> Embedder | None:
    return load_embedder()


async def samples_of(texts: Sequence[str]) -> Samples:
    """By the embedder that comes along. Raises RuntimeError where it is not installed."""
    samples = await embedded(_embedder(), texts, Depth.TOKENS)
    if samples is None:
        raise RuntimeError("the embedding weights are not installed")
    return samples


async def classifier_of(
    samples: Samples, labels: Sequence[str], held_out: Samples | None = None
) -> Classifier:
    """Tuned where the product would."""
    made, embedder = await asyncio.to_thread(Classifier, samples, labels, held_out), _embedder()
    if len(samples) <= MOST_TUNED and isinstance(embedder, TunableEmbedder):
        encoder = encoder_of(await embedder.last_layers())
        await asyncio.to_thread(made.tune, encoder, samples, labels)
    return made


async def told(
    train: tuple[Samples, Sequence[str]],
    held_out: Samples | None,
    test: tuple[Samples, Sequence[str]],
    outside: Samples,
) -> Told:
    return told_by(await classifier_of(*train, held_out), test, outside)


def told_by(classifier: Classifier, test: tuple[Samples, Sequence[str]], outside: Samples) -> Told:
    within, beyond = classifier.classify(test[0]), classifier.classify(outside)
    right = np.array(classifier.classes)[within.shares.argmax(axis=1)] == np.array(test[1])
    above = within.confidence >= classifier.threshold
    return Told(
        accuracy=float(right.mean()),
        accepted=float(above.mean()),
        right=float((right & above).mean()),
        refused=float((beyond.confidence < classifier.threshold).mean()),
        auroc=auroc(within.confidence, beyond.confidence),
        aupr=aupr(within.confidence, beyond.confidence),
    )


def auroc(within: Scores, beyond: Scores) -> float:
    """The share of pairs in which the text of the classes has the higher score; ties count half."""
    order = np.sort(beyond)
    below = np.searchsorted(order, within, side="left")
    upto = np.searchsorted(order, within, side="right")
    return float((below + upto).sum() / (2 * len(within) * len(beyond)))


def aupr(within: Scores, beyond: Scores) -> float:
    """Average precision."""
    scores = np.concatenate([within, beyond])
    positive = np.concatenate([np.ones(len(within)), np.zeros(len(beyond))])[np.argsort(-scores)]
    precision = np.cumsum(positive) / np.arange(1, len(scores) + 1)
    return float((precision * positive).sum() / positive.sum())
