"""Tuning on made-up layers, whose classes differ in one token of six."""

import numpy as np
import pytest

from flowmatik.learning.routing.classifier import Classifier, Samples
from flowmatik.learning.routing.encoder import Encoder, Matrix, encoder_of
from flowmatik.learning.routing.head import Labels, fitted
from flowmatik.learning.routing.lexical import unit
from flowmatik.learning.routing.tuning import FOLDS, Tuned, folds_of, given_by, scaling_of, tuned
from tests.unit.learning.layers import WIDTH, small_layers

CLASSES = 8


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return encoder_of(small_layers())


def texts(count: int, seed: int) -> tuple[list[Matrix], Labels]:
    signs = np.random.default_rng(7).normal(scale=2.4, size=(CLASSES, WIDTH))
    random = np.random.default_rng(seed)
    labels = (np.arange(count) % CLASSES).astype(np.int64)
    found: list[Matrix] = []
    for label in labels:
        rows = random.normal(size=(6, WIDTH))
        rows[random.integers(6)] += signs[label]
        found.append(rows.astype(np.float32))
    return found, labels


def right(logs: Matrix, labels: Labels) -> float:
    return float((logs.argmax(axis=1) == labels).mean())


def made(encoder: Encoder, tokens: list[Matrix], labels: Labels) -> Tuned:
    found = tuned(encoder, tokens, labels, lambda: False)
    assert found is not None
    return found


def test_tuned_layers_tell_more_texts_right_than_a_head_over_the_layers_as_they_are(encoder: Encoder) -> None:
    known, labels = texts(20 * CLASSES, seed=1)
    asked, wanted = texts(50 * CLASSES, seed=2)
    plain = encoder.fresh_adapters(seed=0)
    given = given_by(encoder, plain, known)
    scaling = scaling_of(given)
    head = fitted(scaling.of(given), labels, CLASSES, strength=100.0)
    before = right(head.logits(scaling.of(given_by(encoder, plain, asked))), wanted)
    after = right(made(encoder, known, labels).logs(asked), wanted)
    assert 0.4 < before < after - 0.06


def test_the_same_examples_tune_to_the_same_and_what_is_stopped_is_not_tuned(encoder: Encoder) -> None:
    known, labels = texts(5 * CLASSES, seed=3)
    one, two = made(encoder, known, labels), made(encoder, known, labels)
    assert np.array_equal(one.logs(known), two.logs(known))
    for after in (2, 9):  # while heads are fitted, and while adapters are learned
        steps = iter([False] * after + [True])
        assert tuned(encoder, known, labels, lambda steps=steps: next(steps)) is None


def test_each_fold_has_some_of_every_class() -> None:
    labels = np.repeat(np.arange(4), 10).astype(np.int64)
    folds = folds_of(labels)
    assert all((np.bincount(folds[labels == label], minlength=FOLDS) == 2).all() for label in range(4))
    assert set(folds_of(np.zeros(2, dtype=np.int64))) == {0, 1}


def test_texts_are_gone_through_in_any_number_and_length(encoder: Encoder) -> None:
    random = np.random.default_rng(0)
    lengths = [1, 300, 2, 700, *[5] * 130]
    rows = [random.normal(size=(length, WIDTH)).astype(np.float32) for length in lengths]
    plain = encoder.fresh_adapters(seed=0)
    found = given_by(encoder, plain, rows)
    for place in (0, 1, 3, 100):
        assert np.allclose(found[place], given_by(encoder, plain, [rows[place]])[0], atol=1e-5)


def test_what_is_tuned_counts_for_texts_with_tokens_and_never_for_the_confidence(encoder: Encoder) -> None:
    known, labels = texts(20 * CLASSES, seed=1)
    asked, wanted = texts(50 * CLASSES, seed=2)

    def samples(tokens: list[Matrix], *, whole: bool) -> Samples:
        vectors = unit(given_by(encoder, encoder.fresh_adapters(seed=0), tokens))
        return Samples(texts=[""] * len(tokens), vectors=vectors, tokens=tokens if whole else None)

    names = [f"class {label}" for label in labels]
    classifier = Classifier(samples(known, whole=True), names)
    threshold, before = classifier.threshold, classifier.classify(samples(asked, whole=True))
    with pytest.raises(ValueError, match="without their tokens"):
        classifier.tune(encoder, samples(known, whole=False), names)
    classifier.tune(encoder, samples(known, whole=True), names)
    after, without = (classifier.classify(samples(asked, whole=whole)) for whole in (True, False))
    assert right(after.shares, wanted) > right(before.shares, wanted) + 0.03
    assert np.array_equal(without.shares, before.shares)
    assert np.array_equal(after.confidence, before.confidence)
    assert classifier.threshold == threshold
